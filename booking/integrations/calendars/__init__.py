"""Appointments in people's own calendars: as a file, as a feed that is read, and written there over CalDAV."""
