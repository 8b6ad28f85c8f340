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


def test_it_is_not_to_be_read_in_the_database(calendar):
    assert "calendar.example" not in stored()


def test_after_a_change_of_the_key_it_is_read_with_the_one_before(calendar, settings):
    settings.SECRET_KEY_FALLBACKS = [OLD]

    assert Calendar.objects.get().url == ADDRESS


def test_without_its_key_it_is_empty_and_saving_the_rest_does_not_lose_it(calendar, settings, caplog):
    found = Calendar.objects.get()
    assert found.url == ""
    assert "SECRET_KEY_FALLBACKS" in caplog.text

    before = stored()
    found.name = "Dana's calendar"
    found.save()

    assert stored() == before
    settings.SECRET_KEY = OLD
    assert Calendar.objects.get().url == ADDRESS


def test_without_its_key_it_can_be_written_anew(calendar):
    found = Calendar.objects.get()
    found.url = "https://calendar.example/new.ics"
    found.save()

    assert Calendar.objects.get().url == "https://calendar.example/new.ics"
