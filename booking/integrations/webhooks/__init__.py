"""Telling other systems what happens: their endpoints, how a delivery is written and sent."""
