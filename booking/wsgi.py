"""What the web server runs."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")

from django.core.wsgi import get_wsgi_application

from booking.ops import deadlines

deadlines.limit_waiting(deadlines.WEB)
application = get_wsgi_application()
