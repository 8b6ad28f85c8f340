"""Webhooks: endpoints, and how a delivery is written and sent."""
