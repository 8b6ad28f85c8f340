"""Reading clinicians' calendars elsewhere, and storing when they are busy."""
