"""Appointments in people's own calendars: as a file, as a feed, and written over CalDAV."""
