"""One file for each simple method to compare with, named after it."""
