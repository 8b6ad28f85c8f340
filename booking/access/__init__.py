"""Who may do what, and how often: keys, links, tokens, signatures, rate limits and staff groups."""
