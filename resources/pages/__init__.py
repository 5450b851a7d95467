"""Pages for people: markup, charts and the shell around them, each one file that opens without a network."""
