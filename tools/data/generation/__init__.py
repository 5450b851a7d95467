"""Rows that a language model writes: asked for, checked, counted, never paid for twice, reviewed."""
