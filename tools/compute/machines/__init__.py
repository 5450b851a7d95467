"""One file for each kind of machine."""
