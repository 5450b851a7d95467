"""Evaluation: predictions, metrics, significance, comparison."""
