"""One file for each reward, named after it."""
