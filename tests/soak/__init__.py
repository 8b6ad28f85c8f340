"""An hour of load: make soak."""
