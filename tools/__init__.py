"""The verbs: what changes the nouns."""
