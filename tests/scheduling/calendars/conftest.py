"""Dana's calendar elsewhere, on a server that really listens."""

from datetime import UTC

import pytest

from scheduling.calendars.scope import get_scopes
from scheduling.lib.clock import database_now
from scheduling.models import Calendar
from tests.scheduling.calendars.texts import calendar, event


@pytest.fixture
def connect(dana):
    """Connect a calendar to a clinician: ``connect(server)``; by default Dana's."""

    def connect(server, **fields):
        url = getattr(server, "url", server)
        return Calendar.objects.create(**{"clinician": dana, "name": "Own calendar", "url": url, **fields})

    return connect


def get_scope(calendar):
    return get_scopes([calendar], database_now())[calendar.pk]


@pytest.fixture
def busy_at(at):
    """A calendar that is busy from one time of next week to another: ``busy_at(9, 10)``."""

    def busy_at(start, end, *lines, uid="1@example.org"):
        return calendar(event(f"DTSTART:{utc(at(start))}", f"DTEND:{utc(at(end))}", *lines, uid=uid))

    return busy_at


def utc(moment):
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
