"""What is encrypted in the database, and what becomes of it when the key changes."""

import pytest
from django.db import connection

from scheduling.lib import encrypted_field
from scheduling.models import Calendar

ADDRESS = "https://calendar.example/dana.ics"
OLD, NEW = "the key before" * 4, "the key now" * 5

pytestmark = pytest.mark.django_db


@pytest.fixture
def calendar(settings, dana):
    """A calendar whose address was written with the key before."""
    settings.SECRET_KEY = OLD
    calendar = Calendar.objects.create(clinician=dana, name="Own calendar", kind="icalendar", url=ADDRESS)
    settings.SECRET_KEY = NEW
    encrypted_field._log_unreadable.cache_clear()
    return calendar


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM scheduling_calendar")
        return cursor.fetchone()[0]


def test_encrypted_field_is_not_readable_in_database(calendar):
    assert "calendar.example" not in stored()


def test_encrypted_field_after_key_change_is_read_with_fallback_key(calendar, settings):
    settings.SECRET_KEY_FALLBACKS = [OLD]

    assert Calendar.objects.get().url == ADDRESS


def test_encrypted_field_without_its_key_is_empty_and_kept_on_save(calendar, settings, caplog):
    found = Calendar.objects.get()
    assert found.url == ""
    assert "SECRET_KEY_FALLBACKS" in caplog.text

    before = stored()
    found.name = "Dana's calendar"
    found.save()

    assert stored() == before
    settings.SECRET_KEY = OLD
    assert Calendar.objects.get().url == ADDRESS


def test_encrypted_field_without_its_key_can_be_replaced(calendar):
    found = Calendar.objects.get()
    found.url = "https://calendar.example/new.ics"
    found.save()

    assert Calendar.objects.get().url == "https://calendar.example/new.ics"
