"""Which times can be booked, and why others cannot."""
