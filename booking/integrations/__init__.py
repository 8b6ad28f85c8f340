"""Other parties' systems, one folder for each kind."""
