"""The nouns: what is on disk, and what a client may read."""
