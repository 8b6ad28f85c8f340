"""OnSched's availability and appointments, version 3."""
