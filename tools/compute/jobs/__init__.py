"""Jobs: started, followed, shown and ended, on this machine."""
