"""One file for each deployment target, named after it."""
