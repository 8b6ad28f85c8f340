"""Syncing clinicians' calendars: what is due, what fails, and many at once."""

import threading
from datetime import UTC, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from scheduling.availability.intervals import pairs, unpack
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from scheduling.calendars import syncing
from scheduling.calendars.reading import Reading
from scheduling.calendars.scope import READ_AHEAD
from scheduling.calendars.status import list_calendar_statuses
from scheduling.calendars.storing import READ_INTERVAL, discard_reading, store_busy, store_failure, store_reading
from scheduling.calendars.syncing import (
    claim_calendars,
    claim_due_calendars,
    sync_calendar,
    sync_calendars,
    sync_due_calendars,
    sync_now,
)
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, Location, Service, WorkingHours
from tests.conftest import make_clinician
from tests.receivers import answer, hang, in_turn
from tests.scheduling.calendars.conftest import get_scope, utc
from tests.scheduling.calendars.texts import calendar, event
from tests.waiting import assert_time_limit


def known(calendar):
    """Return a calendar's stored busy time as intervals of instants."""
    days = calendar.busy_days.order_by("day")
    return [one for day in days for one in pairs(unpack(day.stretches))]


def instants(*moments):
    return tuple(int(moment.timestamp()) for moment in moments)


@pytest.fixture
def offered(consultation, at, dana):
    def offered():
        filters = OpeningFilters(consultation, clinician_ids=[dana.pk])
        openings = open_times(filters, start_at=at(0), end_at=at(23), now=database_now())
        return [f"{opening.starts_at.astimezone(at(0).tzinfo):%H:%M}" for opening in openings]

    return offered


NO_ANSWER = "There was no answer in time, or none that could be read."
AFTERNOON = ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"]


def test_calendar_withholds_all_times_until_read_and_then_busy_time_only(listen, connect, busy_at, at, offered):
    one = connect(listen(answer(200, body=busy_at(9, 15), ETag='"one"')))
    assert offered() == []
    before = database_now()

    assert sync_calendar(one) is None

    assert offered() == AFTERNOON[4:]
    one.refresh_from_db()
    assert known(one) == [instants(at(9), at(15))]
    assert before <= one.last_synced_at <= database_now()
    assert (one.etag, one.last_error, one.failures) == ('"one"', "", 0)
    assert one.due_at == one.last_synced_at + READ_INTERVAL
    assert one.read_until > database_now() + timedelta(days=60) + READ_AHEAD - timedelta(days=2)


def test_time_deleted_from_calendar_is_offered_again(listen, connect, busy_at, offered):
    one = connect(listen(in_turn(answer(200, body=busy_at(9, 17)), answer(200, body=busy_at(9, 12)))))
    sync_calendar(one)
    assert offered() == []

    sync_calendar(Calendar.objects.get())

    assert offered() == AFTERNOON


def test_reading_not_modified_keeps_busy_time_and_updates_read_time(listen, connect, busy_at, at, offered):
    one = connect(listen(in_turn(answer(200, body=busy_at(9, 12), ETag='"one"'), answer(304))))
    sync_calendar(one)
    [day] = BusyDay.objects.values()
    first = Calendar.objects.get()

    sync_calendar(first)

    assert BusyDay.objects.values().get() == day
    second = Calendar.objects.get()
    assert second.last_synced_at > first.last_synced_at
    assert (second.etag, second.read_until) == ('"one"', first.read_until)
    assert offered() == AFTERNOON


@pytest.mark.parametrize(
    "behave",
    [
        answer(500),
        answer(200, body=b""),
        answer(200, body=b"<html>Sign in</html>"),
        answer(302, Location="https://10.0.0.1/"),
        answer(200, body=calendar(event("DTSTART:20990101T000000Z"))[:60]),
    ],
)
def test_failed_reading_keeps_busy_time_and_records_error(behave, listen, connect, busy_at, offered):
    one = connect(listen(in_turn(answer(200, body=busy_at(9, 12), ETag='"one"'), behave)))
    sync_calendar(one)
    before = Calendar.objects.values().get()
    days = list(BusyDay.objects.values())

    said = sync_calendar(Calendar.objects.get())

    after = Calendar.objects.values().get()
    assert said == after["last_error"] and said.endswith(".")
    assert "127.0.0.1" not in said and "http:" not in said
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"last_error", "failures", "last_tried_at", "due_at"}
    assert list(BusyDay.objects.values()) == days
    assert offered() == AFTERNOON


def test_repeated_failures_lengthen_retry_interval(listen, connect):
    one = connect(listen(answer(500)))
    waits = []
    for _ in range(6):
        before = database_now()
        sync_calendar(one)
        waits.append(round((Calendar.objects.get().due_at - before) / timedelta(minutes=1)))

    assert waits == [5, 10, 20, 40, 60, 60]


def test_successful_reading_resets_failures(listen, connect, busy_at):
    one = connect(listen(in_turn(answer(500), answer(500), answer(200, body=busy_at(9, 12)))))
    for _ in range(3):
        sync_calendar(one)

    one.refresh_from_db()
    assert (one.failures, one.last_error, one.due_at - one.last_synced_at) == (0, "", READ_INTERVAL)


def test_store_busy_writes_only_days_that_differ(connect, at):
    one = connect("https://calendar.example/")
    day = timedelta(days=1)
    store_busy(one, [instants(at(9), at(10)), instants(at(9) + day, at(10) + day)])
    [first, second] = BusyDay.objects.order_by("day").values()

    store_busy(one, [instants(at(9), at(10)), instants(at(11) + day, at(12) + day)])

    [same, other] = BusyDay.objects.order_by("day").values()
    assert same == first
    assert {**other, "stretches": None} == {**second, "stretches": None}
    assert known(one) == [instants(at(9), at(10)), instants(at(11) + day, at(12) + day)]
    store_busy(one, [])
    assert not BusyDay.objects.exists()


def test_store_busy_deletes_emptied_years_in_one_statement(connect, at):
    one = connect("https://calendar.example/")
    store_busy(one, [instants(at(9), at(9) + timedelta(days=700))])

    with CaptureQueriesContext(connection) as captured:
        store_busy(one, [])

    assert not BusyDay.objects.exists()
    assert len(captured) <= 3


def test_store_busy_splits_long_events_at_utc_midnight(connect, at):
    one, start = connect("https://calendar.example/"), at(9).astimezone(UTC)
    store_busy(one, [instants(start, start + timedelta(days=40))])

    lengths = [end - start for start, end in known(one)]
    assert len(lengths) == 41 and sum(lengths) == 40 * 86_400 and max(lengths) == 86_400


# Order of readings


def test_store_reading_ignores_earlier_reading(connect, at):
    one = connect("https://calendar.example/")
    scope, now = get_scope(one), database_now()
    store_reading(one, Reading([instants(at(9), at(10))], etag="later"), scope, at=now)

    store_reading(one, Reading([instants(at(11), at(12))], etag="earlier"), scope, at=now - timedelta(seconds=1))

    assert known(one) == [instants(at(9), at(10))]
    assert Calendar.objects.get().etag == "later"


@pytest.mark.parametrize("change", [{"url": "https://other.example/"}, {"is_active": False}, {"kind": "caldav"}])
def test_store_reading_of_changed_calendar_is_ignored(change, connect, at):
    read = connect("https://calendar.example/")
    changed = Calendar.objects.get()
    for name, value in change.items():
        setattr(changed, name, value)
    changed.save()
    discard_reading(changed)
    before = Calendar.objects.values().get()

    store_reading(read, Reading([instants(at(9), at(10))]), get_scope(read), at=database_now())
    store_failure(read, "It failed.")

    assert Calendar.objects.values().get() == before
    assert not BusyDay.objects.exists()


def test_store_unmodified_reading_after_discard_is_ignored(connect, at):
    """Deactivated and reactivated during a reading: otherwise it would count as read without stored busy time."""
    read = connect("https://calendar.example/", fingerprint="x", etag='"one"', last_synced_at=database_now())
    store_busy(read, [instants(at(9), at(10))])
    discard_reading(read)

    store_reading(read, Reading(None, '"one"', "", "x"), get_scope(read), at=database_now())

    assert Calendar.objects.get().last_synced_at is None


def test_discard_reading_deletes_busy_time_and_is_due_at_once(listen, connect, busy_at, offered):
    one = connect(listen(answer(200, body=busy_at(9, 12), ETag='"one"')))
    sync_calendar(one)

    discard_reading(one)

    one.refresh_from_db()
    assert (one.etag, one.fingerprint, one.last_synced_at, one.read_until) == ("", "", None, None)
    assert [found.pk for found in claim_due_calendars()] == [one.pk]
    assert offered() == []


# Due calendars


def test_due_calendar_is_claimed_once(connect):
    one = connect("https://calendar.example/")

    assert [found.pk for found in claim_due_calendars()] == [one.pk]
    assert claim_due_calendars() == []

    one.refresh_from_db()
    assert one.last_tried_at and one.due_at == one.last_tried_at + timedelta(seconds=60)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"kind": "caldav"}])
def test_calendar_that_is_not_read_is_never_due(fields, connect):
    connect("https://calendar.example/", **fields)

    assert claim_due_calendars() == claim_calendars(Calendar.objects.values_list("pk", flat=True)) == []


def test_lapsed_claim_is_due_again(connect):
    one = connect("https://calendar.example/")
    claim_due_calendars()
    Calendar.objects.update(due_at=database_now())

    assert [found.pk for found in claim_due_calendars()] == [one.pk]


def test_sync_due_calendars_reads_due_calendars(listen, connect, busy_at, at, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    ours, broken = connect(listen(answer(200, body=busy_at(9, 12)))), connect(listen(answer(500)), clinician=otis)
    later = connect(listen(answer(500)), due_at=database_now() + timedelta(minutes=1))

    assert sync_due_calendars() == 2
    assert sync_due_calendars() == 0

    assert known(ours) == [instants(at(9), at(12))]
    errors = dict(Calendar.objects.values_list("pk", "last_error"))
    assert errors == {
        ours.pk: "",
        broken.pk: "The calendar's server answered 500 instead of the calendar.",
        later.pk: "",
    }


@pytest.mark.slow
def test_hanging_calendars_do_not_delay_others(listen, connect, busy_at, at):
    hanging = listen(hang)
    stuck = [connect(hanging) for _ in range(10)]
    quick = [connect(listen(answer(200, body=busy_at(9, 12)))) for _ in range(3)]

    with assert_time_limit(8):
        sync_due_calendars(timeout=8)

    assert [known(one) for one in quick] == [[instants(at(9), at(12))]] * 3
    for one in stuck:
        one.refresh_from_db()
        assert (one.failures, one.last_synced_at) == (1, None)
        assert one.last_error == NO_ANSWER


def test_unexpected_error_in_one_calendar_does_not_stop_others(listen, connect, busy_at, at, monkeypatch):
    broken, fine = connect("https://calendar.example/"), connect(listen(answer(200, body=busy_at(9, 12))))
    read_calendar = syncing.read_calendar

    def failing(calendar, *args, **kwargs):
        if calendar.pk == broken.pk:
            raise RuntimeError("https://calendar.example/ is secret")
        return read_calendar(calendar, *args, **kwargs)

    monkeypatch.setattr(syncing, "read_calendar", failing)
    sync_due_calendars()

    assert known(fine) == [instants(at(9), at(12))]
    broken.refresh_from_db()
    assert broken.last_error == "The calendar could not be read."


@pytest.mark.django_db(transaction=True)
def test_concurrent_syncs_read_each_calendar_once(listen, connect, busy_at, at):
    server = listen(answer(200, body=busy_at(9, 12)))
    calendars = [connect(server) for _ in range(6)]

    def beat():
        try:
            sync_due_calendars()
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(server.requests) == 6
    assert [known(one) for one in calendars] == [[instants(at(9), at(12))]] * 6


@pytest.mark.django_db(transaction=True)
def test_concurrent_syncs_of_one_calendar_store_one_reading(listen, connect, busy_at, at):
    one = connect(listen(in_turn(*[answer(200, body=busy_at(9, 10 + n)) for n in range(8)])))

    def sync():
        try:
            sync_calendar(one)
        finally:
            connection.close()

    threads = [threading.Thread(target=sync) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [(start, end)] = known(one)
    assert start == instants(at(9))[0] and end in instants(*(at(10 + n) for n in range(8)))
    assert Calendar.objects.get().last_error == ""


def test_sync_has_no_open_transaction_during_request(listen, connect, busy_at):
    """The server looks while it answers: no other transaction holds a lock on the calendar."""
    seen = []

    def look(receiver, sock, request):
        seen.append(transaction.get_connection().in_atomic_block)  # of this thread, which has none
        answer(200, body=busy_at(9, 12))(receiver, sock, request)

    one = connect(listen(look))
    with CaptureQueriesContext(connection) as captured:
        sync_calendar(one)

    statements = [query["sql"] for query in captured]
    first_lock = next(n for n, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql)
    assert not any(sql.startswith("SAVEPOINT") for sql in statements[: first_lock - 1])
    assert seen == [False]


# sync_now


def test_sync_now_reads_all_and_skips_them_during_cooldown(listen, connect, busy_at, at, monkeypatch):
    server = listen(answer(200, body=busy_at(9, 12)))
    one = connect(server)

    monkeypatch.setattr(syncing, "NOW_TIMEOUT", 20)
    assert sync_now([one.pk]) == {one.pk: None}
    assert sync_now([one.pk]) == {}

    assert len(server.requests) == 1
    assert known(one) == [instants(at(9), at(12))]


@pytest.mark.slow
def test_sync_now_gives_up_hanging_calendar_and_records_no_failure(listen, connect, busy_at, monkeypatch):
    monkeypatch.setattr(syncing, "NOW_TIMEOUT", 5)
    slow, quick = connect(listen(hang)), connect(listen(answer(200, body=busy_at(9, 12))))
    due_at = Calendar.objects.get(pk=slow.pk).due_at

    with assert_time_limit(5):
        failures = sync_now([slow.pk, quick.pk])

    assert failures == {slow.pk: NO_ANSWER, quick.pk: None}
    slow.refresh_from_db()
    assert (slow.failures, slow.last_error, slow.due_at, slow.last_synced_at) == (0, "", due_at, None)


def test_sync_calendars_without_calendars_returns_nothing():
    assert sync_calendars([], timeout=1) == {}


def test_list_calendar_statuses_returns_calendars_openings_depend_on(connect, dana, harbour, consultation):
    own = connect("https://calendar.example/")
    connect("https://calendar.example/", is_active=False)
    connect("https://calendar.example/", kind="caldav")
    mill = Location.objects.create(name="Mill Lane", city="Leeds")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation])
    other = connect("https://calendar.example/", clinician=otis)
    away = make_clinician("Ada Moss", location=mill, services=[consultation])
    away.is_active = False
    away.save()
    connect("https://calendar.example/", clinician=away)

    def found(service=consultation, **filters):
        return {calendar.id for calendar in list_calendar_statuses(OpeningFilters(service, **filters))}

    assert found() == {own.pk, other.pk}
    assert found(clinician_ids=[dana.pk]) == found(location_id=harbour.pk) == {own.pk}
    assert found(clinician_ids=[dana.pk], location_id=mill.pk) == found(is_remote=True) == set()
    assert found(Service.objects.create(name="Other", slug="other")) == set()
    WorkingHours.objects.filter(clinician=otis).update(is_remote=True)
    assert found(is_remote=True) == {other.pk}


# Scope


def test_scope_reaches_beyond_the_horizon(dana, connect, consultation):
    one = connect("https://calendar.example/")
    for days in (60, 365):
        Service.objects.update(horizon=timedelta(days=days))
        scope, now = get_scope(one), database_now()
        assert now - timedelta(days=2) < scope.start < now - timedelta(hours=23)
        assert scope.needed_until > now + timedelta(days=days + 1)
        assert scope.end > scope.needed_until + timedelta(days=3)
    Service.objects.create(name="Far", slug="far", horizon=timedelta(days=730), is_active=False).clinicians.add(dana)
    assert get_scope(one).end == scope.end
    assert str(scope.zone) == "Europe/London"


def test_all_day_event_without_zone_uses_clinicians_location(listen, connect, harbour, day, at):
    Location.objects.update(timezone="America/New_York")
    one = connect(listen(answer(200, body=calendar(event(f"DTSTART;VALUE=DATE:{day:%Y%m%d}")))))

    sync_calendar(one)

    [first, *_] = known(one)
    assert first[0] > instants(at(3))[0]


def test_event_in_two_calendars_counts_once_in_each(listen, connect, busy_at, at, offered):
    for _ in range(2):
        sync_calendar(connect(listen(answer(200, body=busy_at(9, 15)))))

    assert offered() == AFTERNOON[4:]
    Calendar.objects.all()[0].delete()
    assert offered() == AFTERNOON[4:]


def test_series_is_stored_up_to_the_horizon(listen, connect, at, consultation):
    body = calendar(event(f"DTSTART:{utc(at(9))}", "DURATION:PT8H", "RRULE:FREQ=DAILY"))
    Service.objects.update(horizon=timedelta(days=700))
    consultation.refresh_from_db()
    sync_calendar(connect(listen(answer(200, body=body))))

    now = database_now()
    far = now + timedelta(days=640)
    found = open_times(OpeningFilters(consultation), start_at=far, end_at=far + timedelta(days=30), now=now)

    assert {opening.starts_at.astimezone(at(0).tzinfo).hour for opening in found} <= {9, 16}  # the clocks change
