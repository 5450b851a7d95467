"""One file for each client, named after it."""
