"""Other parties' systems: one folder per kind of party."""
