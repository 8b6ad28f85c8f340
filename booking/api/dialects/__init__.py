"""The same verbs in the wire formats of two other systems, for clients that come from there."""
