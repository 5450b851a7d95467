"""Training: plans, preflight, methods, runs."""
