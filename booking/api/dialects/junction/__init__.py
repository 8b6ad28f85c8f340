"""Junction's lab orders and their appointments, version 3."""
