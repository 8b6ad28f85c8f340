"""Reasons why a time is not offered. Dana works 9 to 12 and 13 to 17."""

from datetime import time, timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, get_not_offered_reasons
from scheduling.calendars.storing import store_busy
from scheduling.models import Calendar, Location, Service, TimeOff, WorkingHours
from scheduling.slots import take_slot
from tests.conftest import make_clinician


@pytest.fixture
def explain(consultation, dana, harbour, at):
    """Return a function that explains at the day's midnight why a consultation with Dana is not offered at a time."""

    def explain(starts_at, *, now=None, clinician=dana, location=harbour, is_remote=False, ignored_slot_id=None):
        filters = OpeningFilters(consultation, [clinician.pk], location.pk, is_remote, ignored_slot_id)
        return get_not_offered_reasons(filters, starts_at=starts_at, now=now or at(0))

    return explain


def test_free_time_has_no_not_offered_reason(explain, at):
    assert explain(at(9)) == explain(at(16, 30)) == set()


@pytest.mark.parametrize("wall", [(8, 30), (12, 0), (12, 30), (17, 0), (16, 45), (9, 15), (11, 45)])
def test_time_outside_hours_or_off_step_has_reason_closed(wall, explain, at):
    assert explain(at(*wall)) == {Reason.CLOSED}


def test_time_with_microseconds_has_reason_closed(explain, at):
    assert explain(at(9) + timedelta(microseconds=1)) == {Reason.CLOSED}
    assert explain(at(9) - timedelta(microseconds=1)) == {Reason.CLOSED}


def test_taken_time_has_reason_taken(explain, dana, harbour, at):
    slot = take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(9, 10), at(9, 20)))

    assert explain(at(9)) == {Reason.TAKEN}
    assert explain(at(9), ignored_slot_id=slot.pk) == explain(at(9, 30)) == set()


def test_held_time_has_reason_held_until_hold_lapses(explain, hold_time, at):
    hold = hold_time(at(9))

    assert explain(at(9), now=hold.created_at) == {Reason.HELD}
    assert explain(at(9), now=hold.expires_at) == set()


def test_time_with_taken_buffer_has_reason_taken(explain, dana, harbour, consultation, at):
    consultation.buffer_after = timedelta(minutes=1)
    take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(10), at(10, 30)))

    assert explain(at(9, 30)) == {Reason.TAKEN}


def test_time_off_of_clinician_or_location_has_reason_time_off(explain, dana, harbour, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10))
    TimeOff.objects.create(location=harbour, starts_at=at(16, 45), ends_at=at(17))

    assert explain(at(9, 30)) == explain(at(16, 30)) == {Reason.TIME_OFF}
    assert explain(at(10)) == explain(at(16)) == set()


# Own calendars


@pytest.fixture
def own_calendar(dana, at):
    """Return Dana's own calendar, read at the day's midnight, in which she is busy from ten to eleven."""
    calendar = Calendar.objects.create(
        clinician=dana, name="Own calendar", url="https://calendar.example/", last_synced_at=at(0)
    )
    store_busy(calendar, [(int(at(10).timestamp()), int(at(11).timestamp()))])
    return calendar


def test_time_busy_in_own_calendar_has_reason_calendar_busy(own_calendar, explain, at, consultation):
    assert explain(at(10)) == explain(at(10, 30)) == {Reason.CALENDAR_BUSY}
    assert explain(at(9, 30)) == explain(at(11)) == set()
    consultation.buffer_before = timedelta(minutes=1)
    assert explain(at(11)) == {Reason.CALENDAR_BUSY}


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=3), None])
def test_calendar_not_read_for_an_hour_withholds_all_times(age, own_calendar, explain, at):
    own_calendar.last_synced_at = age and at(0) - age
    own_calendar.save()

    assert explain(at(9)) == {Reason.CALENDAR_UNREACHABLE}
    assert explain(at(10)) == {Reason.CALENDAR_UNREACHABLE, Reason.CALENDAR_BUSY}


def test_calendar_read_within_the_hour_withholds_nothing(own_calendar, explain, at):
    own_calendar.last_synced_at = at(0) - timedelta(minutes=59, seconds=59)
    own_calendar.save()

    assert explain(at(9)) == set()


def test_unreachable_calendar_set_to_offer_withholds_nothing(own_calendar, explain, at):
    Calendar.objects.update(when_unreachable="offer", last_synced_at=None)

    assert explain(at(9)) == set()
    assert explain(at(10)) == {Reason.CALENDAR_BUSY}


@pytest.mark.parametrize("changes", [{"is_active": False}, {"kind": "caldav"}])
def test_inactive_or_write_only_calendar_withholds_nothing(changes, own_calendar, explain, at):
    Calendar.objects.update(last_synced_at=None, **changes)

    assert explain(at(9)) == set()


def test_time_beyond_calendars_read_range_is_withheld(own_calendar, explain, at):
    Calendar.objects.update(read_until=at(13, 30))

    assert explain(at(13)) == set()
    assert explain(at(13, 30)) == explain(at(16)) == {Reason.CALENDAR_UNREACHABLE}
    Calendar.objects.update(read_until=at(13, 29))
    assert explain(at(13)) == {Reason.CALENDAR_UNREACHABLE}
    Calendar.objects.update(when_unreachable="offer")
    assert explain(at(16)) == set()


def test_calendar_of_another_clinician_changes_nothing(own_calendar, harbour, consultation, explain, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    Calendar.objects.update(last_synced_at=None)

    assert explain(at(10), clinician=otis) == set()


# Notice and horizon


def test_time_within_notice_has_reason_too_soon(explain, consultation, at):
    consultation.notice = timedelta(hours=2)

    assert explain(at(9), now=at(7)) == set()
    assert explain(at(9), now=at(7, 1)) == {Reason.TOO_SOON}


def test_time_beyond_horizon_has_reason_too_far(explain, consultation, at):
    consultation.horizon = timedelta(hours=2)

    assert explain(at(9), now=at(7, 1)) == set()
    assert explain(at(9), now=at(7)) == {Reason.TOO_FAR}


def test_time_can_have_several_not_offered_reasons(explain, dana, harbour, at):
    take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(12), at(12, 30)))
    TimeOff.objects.create(clinician=dana, starts_at=at(12), ends_at=at(13))

    expected = {Reason.TOO_SOON, Reason.CLOSED, Reason.TAKEN, Reason.TIME_OFF}
    assert explain(at(12), now=at(12, 1)) == expected


# Not offered here


def test_service_not_given_by_clinician_is_not_offered_here(explain, dana, at):
    dana.services.clear()

    assert explain(at(9)) == {Reason.NOT_OFFERED_HERE}


def test_location_without_working_hours_is_not_offered_here(explain, at):
    elsewhere = Location.objects.create(name="Mill Lane", city="Leeds")

    assert explain(at(9), location=elsewhere) == {Reason.NOT_OFFERED_HERE}


def test_video_without_remote_hours_is_not_offered_here(explain, consultation, dana, harbour, at):
    assert explain(at(9), is_remote=True) == {Reason.NOT_OFFERED_HERE}

    consultation.mode = Service.Mode.BOTH
    assert explain(at(9), is_remote=True) == {Reason.NOT_OFFERED_HERE}

    WorkingHours.objects.create(
        clinician=dana,
        location=harbour,
        weekday=at(9).weekday(),
        start_time=time(9),
        end_time=time(10),
        is_remote=True,
    )
    assert explain(at(9), is_remote=True) == set()


@pytest.mark.parametrize("thing", ["dana", "harbour", "consultation"])
def test_inactive_clinician_location_or_service_is_not_offered_here(thing, request, explain, at):
    switched_off = request.getfixturevalue(thing)
    switched_off.is_active = False
    switched_off.save()

    assert explain(at(9)) == {Reason.NOT_OFFERED_HERE}
