"""What lists, reads and searches the nouns."""
