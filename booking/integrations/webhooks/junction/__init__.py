"""Orders and their appointments in Junction's format, for webhooks and for that dialect's answers."""
