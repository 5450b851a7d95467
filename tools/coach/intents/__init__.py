"""The rules by which a message is read, one file for each language."""
