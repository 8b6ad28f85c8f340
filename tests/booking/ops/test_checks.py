"""What `manage.py migrate` and `manage.py check --database default` say about what is stored."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from booking.access.signatures import make_secret
from booking.models import Provider, WebhookEndpoint
from booking.ops.checks import find_missing_site_url
from scheduling.models import Calendar


@pytest.fixture
def called(dana):
    """An endpoint, an approver and a calendar, which were stored while any port was in use."""
    endpoint = WebhookEndpoint.objects.create(url="https://practice.example:9000/hooks?token=1", secret=make_secret())
    lab = Provider.objects.create(name="The lab", slug="lab", kind="upstream", url="https://lab.example:4443/holdfast")
    calendar = Calendar.objects.create(clinician=dana, name="Own", url="https://dav.example:5232/dana/secret.ics")
    Calendar.objects.create(clinician=dana, name="Spare", url="https://dav.example:8443/dana.ics")
    WebhookEndpoint.objects.create(url="https://old.example:9000/", disabled_at="2026-01-01T00:00Z")
    return endpoint, lab, calendar


CHECK = ("check", {"databases": ["default"]})
MIGRATE = ("migrate", {"plan": True, "skip_checks": False, "stdout": io.StringIO()})


def run(command, options):
    said = io.StringIO()
    call_command(command, stderr=said, **options)
    return said.getvalue()


@pytest.mark.parametrize("command", [CHECK, MIGRATE], ids=["check", "migrate"])
def test_stored_addresses_on_refused_ports_are_listed_without_their_paths(called, command):
    endpoint, lab, calendar = called
    said = run(*command)
    assert f"Webhook endpoint {endpoint.pk} is at practice.example:9000, and" in said
    assert f"Approver {lab.pk} is at lab.example:4443, and" in said
    assert f"Calendar {calendar.pk} is at dav.example:5232, and" in said
    assert said.count("booking.W001") == 3
    assert "token" not in said
    assert "secret" not in said


def test_check_is_silent_about_ports_that_private_hosts_names(called, settings):
    settings.PRIVATE_HOSTS = ["practice.example:9000", "lab.example:4443", "dav.example:5232"]
    assert run(*CHECK) == ""


def test_check_before_first_migration_finds_nothing(transactional_db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_webhookendpoint RENAME TO elsewhere")
    try:
        assert run(*CHECK) == ""
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO booking_webhookendpoint")


@pytest.mark.parametrize(("url", "warnings"), [("", 1), ("https://booking.clinic.example", 0)])
def test_deploy_check_asks_for_the_address_that_links_need(settings, url, warnings):
    settings.SITE_URL = url
    assert len(find_missing_site_url()) == warnings
