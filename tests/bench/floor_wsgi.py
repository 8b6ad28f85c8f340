"""The bare views of floor.py as a WSGI application without middleware."""

from django.conf import settings

from booking import settings as ours

settings.configure(
    SECRET_KEY=ours.SECRET_KEY,
    DATABASES=ours.DATABASES,
    ALLOWED_HOSTS=ours.ALLOWED_HOSTS,
    USE_TZ=True,
    ROOT_URLCONF="tests.bench.floor",
    MIDDLEWARE=[],
    OTEL_EXPORTER_OTLP_ENDPOINT="",  # booking.gunicorn asks for it
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
