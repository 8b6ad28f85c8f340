"""Staff's sign-in: allauth's pages with our limits, and the sessions that begin there."""
