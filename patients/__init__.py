"""Who a person is, how the clinic may reach them, and what they agreed to."""
