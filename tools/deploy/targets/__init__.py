"""One file for each deployment target."""
