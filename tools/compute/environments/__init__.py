"""What jobs run in: the worker environment, its libraries, and base models."""
