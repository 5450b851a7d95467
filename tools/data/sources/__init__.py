"""One file for each kind of data source, named after it."""
