"""Environment variables of a benchmark's processes."""

import secrets

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "booking.settings",
    "SECRET_KEY": secrets.token_urlsafe(48),
    "ALLOWED_HOSTS": "localhost",
    "EMAIL_URL": "dummymail://",
    "DEFAULT_FROM_EMAIL": "bench@example.org",
    "ONLINE_BOOKINGS_FLOOR": "1000000",  # calm, however many are made
}
