"""Data: sources, snapshots, splits, validation, prompts."""
