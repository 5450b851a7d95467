"""One file for each training method, named after it."""
