"""The verbs as Python functions for a notebook or a script: the same work that the tools do, waited for."""
