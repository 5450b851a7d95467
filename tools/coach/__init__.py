"""The coach: where the person stands and the one next question."""
