"""One file for each database."""
