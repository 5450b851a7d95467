"""One file for each cause; the cause's name is the file's name."""
