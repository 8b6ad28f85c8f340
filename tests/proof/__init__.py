"""Bookings under faults: many clients, a nemesis, a history on disk, and a checker that knows only that history."""
