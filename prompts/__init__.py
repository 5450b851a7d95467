"""The conversations: flows that lead a person from one verb to the next."""
