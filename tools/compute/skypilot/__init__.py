"""SkyPilot, out of process: its own environment, its commands, what it says."""
