"""One file for each metric, named after it."""
