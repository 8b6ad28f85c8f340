"""What the web server runs."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")

from django.core.wsgi import get_wsgi_application

from booking.ops import deadlines, error_reports

deadlines.limit_waiting(deadlines.WEB)
error_reports.start()
application = get_wsgi_application()

from booking.widget.live_times import answer_at_once  # noqa: E402 - models can be loaded now

application = answer_at_once(application)
