"""The layers (layers.py) as a WSGI application."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.layer_settings"

from booking.wsgi import application  # noqa: F401
