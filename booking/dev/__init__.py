"""Only for development, the demo and the tests; nothing in production imports this."""
