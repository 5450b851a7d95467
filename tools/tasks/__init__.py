"""Tasks: create, update, list, compare, and the project a task lives in."""
