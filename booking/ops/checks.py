"""System checks: of what is stored, which `manage.py migrate` runs first, and of the settings of an installation."""

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import ProgrammingError

from scheduling.lib.addresses import find_refused_port

# What is in use and has an address that we call.
CALLED = [
    ("booking", "WebhookEndpoint", {"disabled_at": None}),
    ("booking", "Provider", {"is_active": True}),
    ("scheduling", "Calendar", {"is_active": True}),
]


@checks.register(checks.Tags.database)
def find_refused_ports(databases=None, **options):
    """Warn of each stored address on a port that is refused now and was not before."""
    return [
        checks.Warning(
            f"{label} {pk} is at {netloc}, and on that port nothing is called any more.",
            hint="Move it to port 443 or 8443, or add its host:port to PRIVATE_HOSTS.",
            id="booking.W001",
        )
        for label, pk, netloc in (_list_refused() if databases else ())
    ]


def _list_refused():
    for app, name, in_use in CALLED:
        model = apps.get_model(app, name)
        try:
            for pk, url in model.objects.filter(**in_use).values_list("pk", "url"):
                if netloc := find_refused_port(url):
                    yield str(model._meta.verbose_name).capitalize(), pk, netloc
        except ProgrammingError:  # the table, or a column, is yet to be made
            continue


@checks.register(deploy=True)
def find_missing_site_url(**options):
    """Warn where no e-mail can have a link: what waits for one is never confirmed then."""
    if settings.SITE_URL:
        return []
    text = "SITE_URL is not set: e-mails have no links, so bookings that wait for one to be pressed all lapse."
    return [checks.Warning(text, hint="Set it, such as SITE_URL=https://booking.clinic.example.", id="booking.W002")]
