"""Deployment: targets, serving, parity."""
