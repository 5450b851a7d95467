"""One file for each kind of machine, named after it."""
