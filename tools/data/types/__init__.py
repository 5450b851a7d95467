"""One file for each type of task, named after it."""
