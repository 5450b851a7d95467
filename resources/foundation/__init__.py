"""What the nouns stand on: language, errors, files, secrets, and how kinds are found."""
