"""Messages to people, one module per way of reaching them."""
