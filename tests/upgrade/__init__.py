"""Databases of earlier releases: each is restored, migrated to the present and booked in."""
