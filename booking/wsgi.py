"""What the web server runs."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")

# libpq reads this whenever it connects. A web request waits two seconds for a lock and five for an answer;
# then booking.ops.middleware.Busy says so. Migrations and tasks may take longer: they do not come this way.
os.environ.setdefault("PGOPTIONS", "-c lock_timeout=2s -c statement_timeout=5s")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
