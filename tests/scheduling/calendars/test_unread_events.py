"""Events that were not understood: stored with the busy time, told, and ignored by staff."""

from datetime import date

import pytest

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.calendars.base import NotUnderstood
from scheduling.calendars.reading import Reading
from scheduling.calendars.status import describe_unread_days, list_calendar_statuses
from scheduling.calendars.storing import discard_reading, set_ignored, store_reading
from scheduling.calendars.syncing import sync_calendar
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, UnreadEvent
from tests.receivers import answer, in_turn
from tests.scheduling.calendars.conftest import get_scope, utc
from tests.scheduling.calendars.texts import calendar, event

FIRST, SECOND, UNDATED = (
    NotUnderstood("a" * 64, date(2026, 12, 14)),
    NotUnderstood("b" * 64, date(2026, 12, 20)),
    NotUnderstood("c" * 64, None),
)


@pytest.fixture
def own(connect):
    return connect("https://calendar.example/")


def store(calendar, *events, scope=None):
    calendar.refresh_from_db()
    reading = Reading([], '"tag"', fingerprint="f" * 64, not_understood=events)
    store_reading(calendar, reading, scope or get_scope(calendar), at=database_now())


def stored(calendar):
    rows = calendar.unread_events.order_by("fingerprint").values_list("fingerprint", "day", "ignored_at")
    return [(NotUnderstood(fingerprint, day), bool(ignored_at)) for fingerprint, day, ignored_at in rows]


def test_reading_stores_what_it_did_not_understand(own):
    store(own, FIRST, UNDATED, FIRST)

    assert stored(own) == [(FIRST, False), (UNDATED, False)]


def test_event_stays_ignored_while_its_text_stays(own):
    store(own, FIRST, UNDATED)
    set_ignored(own, own.unread_events.values_list("pk", flat=True), is_ignored=True)
    before = {row["fingerprint"]: row for row in UnreadEvent.objects.values()}

    store(own, FIRST, SECOND)

    assert stored(own) == [(FIRST, True), (SECOND, False)]
    assert UnreadEvent.objects.values().get(fingerprint=FIRST.fingerprint) == before[FIRST.fingerprint]
    store(own, SECOND)
    store(own, FIRST, SECOND)
    assert stored(own) == [(FIRST, False), (SECOND, False)]


def test_reading_that_is_the_same_keeps_what_was_not_understood(own):
    store(own, FIRST)
    own.refresh_from_db()

    store_reading(own, Reading(None, fingerprint=own.fingerprint), get_scope(own), at=database_now())

    assert stored(own) == [(FIRST, False)]


def test_discarded_reading_discards_what_was_not_understood(own):
    store(own, FIRST)

    discard_reading(own)

    assert stored(own) == []


def test_ignored_event_has_calendar_read_again_in_full_at_once(own):
    store(own, FIRST, SECOND)
    other = Calendar.objects.create(clinician=own.clinician, name="Other", url="https://calendar.example/")
    store(other, FIRST)
    events = [own.unread_events.get(day=FIRST.day), other.unread_events.get()]

    ignored = set_ignored(own, [one.pk for one in events], is_ignored=True)

    assert ignored == events[:1]
    assert stored(own) == [(FIRST, True), (SECOND, False)] and stored(other) == [(FIRST, False)]
    own.refresh_from_db()
    assert own.fingerprint == "" and own.due_at <= database_now()
    assert get_scope(own).ignored == {FIRST.fingerprint} and get_scope(other).ignored == frozenset()
    set_ignored(own, [events[0].pk], is_ignored=False)
    assert stored(own) == [(FIRST, False), (SECOND, False)]


def test_reading_begun_before_an_event_was_ignored_is_not_the_last_word(own):
    """Its server would say "not modified" from then on, and the event would block for ever."""
    store(own, FIRST)
    scope = get_scope(own)
    set_ignored(own, [own.unread_events.get().pk], is_ignored=True)

    store(own, FIRST, scope=scope)

    own.refresh_from_db()
    assert own.fingerprint == ""
    store(own, FIRST)
    own.refresh_from_db()
    assert own.fingerprint == "f" * 64
    assert stored(own) == [(FIRST, True)]


def test_statuses_have_days_of_events_that_nobody_ignores(own, consultation):
    store(own, FIRST, SECOND, UNDATED)
    set_ignored(own, [own.unread_events.get(day=SECOND.day).pk], is_ignored=True)

    [status] = list_calendar_statuses(OpeningFilters(consultation))

    assert sorted(status.unread_days, key=str) == [FIRST.day, None]


def test_event_not_understood_closes_its_day_until_staff_ignore_it(listen, connect, consultation, at, day, caplog):
    odd = event(f"DTSTART;TZID=Mars/Olympus:{day:%Y%m%d}T120000", "DURATION:PT1H", "SUMMARY:Private matter", uid="odd")
    body = calendar(odd, event(f"DTSTART:{utc(at(9))}", f"DTEND:{utc(at(15))}", "SUMMARY:Private matter", uid="clear"))
    server = listen(in_turn(answer(200, body=body, ETag='"one"'), answer(304), answer(200, body=body, ETag='"one"')))
    one = connect(server)

    def get_offered():
        found = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(23), now=database_now())
        return [f"{opening.starts_at.astimezone(at(0).tzinfo):%H:%M}" for opening in found]

    for _ in range(2):
        assert sync_calendar(Calendar.objects.get()) is None
        assert get_offered() == []
        [status] = list_calendar_statuses(OpeningFilters(consultation))
        assert status.unread_days == [day]

    set_ignored(one, [one.unread_events.get().pk], is_ignored=True)
    assert sync_calendar(Calendar.objects.get()) is None

    assert get_offered() == ["15:00", "15:30", "16:00", "16:30"]
    [status] = list_calendar_statuses(OpeningFilters(consultation))
    assert (status.unread_days, one.unread_events.count()) == ([], 1)
    assert [request[2].get("If-None-Match") for request in server.requests] == [None, '"one"', None]
    assert "Private" not in caplog.text and "Mars" not in caplog.text


def test_describe_unread_days_says_how_many_when_and_what_follows():
    days = [None, date(2027, 1, 2), date(2026, 12, 14), date(2027, 1, 2)]

    told = describe_unread_days(days, today=date(2026, 11, 29))

    assert told == [
        (date(2026, 12, 14), 1, "1 event on 14 December was not understood; that day is closed."),
        (date(2027, 1, 2), 2, "2 events on 2 January 2027 were not understood; that day is closed."),
        (None, 1, "1 event without a readable start was not understood; nothing is closed for it."),
    ]
    assert [unread.message for unread in describe_unread_days(days, today=date(2026, 11, 29), are_ignored=True)] == [
        "1 event on 14 December was not understood; staff ignore it.",
        "2 events on 2 January 2027 were not understood; staff ignore them.",
        "1 event without a readable start was not understood; staff ignore it.",
    ]
