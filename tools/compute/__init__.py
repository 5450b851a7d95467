"""Jobs and the machines they run on."""
