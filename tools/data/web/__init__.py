"""Reading other people's servers: addresses checked, answers bounded, failures retried where that can help."""
