"""The endpoints below /api/v1/, and what their requests and answers contain."""
