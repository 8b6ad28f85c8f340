"""Why a time is not offered, each reason by name. Dana works 9 to 12 and 13 to 17."""

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
def reasons(consultation, dana, harbour, at):
    """Why a consultation with Dana at a time of the day is not offered, asked at its midnight."""

    def reasons(starts_at, *, now=None, clinician=dana, location=harbour, is_remote=False, ignored_slot_id=None):
        filters = OpeningFilters(consultation, [clinician.pk], location.pk, is_remote, ignored_slot_id)
        return get_not_offered_reasons(filters, starts_at=starts_at, now=now or at(0))

    return reasons


def test_free_time_has_no_not_offered_reason(reasons, at):
    assert reasons(at(9)) == reasons(at(16, 30)) == set()


@pytest.mark.parametrize("wall", [(8, 30), (12, 0), (12, 30), (17, 0), (16, 45), (9, 15), (11, 45)])
def test_closed_outside_the_hours_across_their_end_and_between_steps(wall, reasons, at):
    assert reasons(at(*wall)) == {Reason.CLOSED}


def test_a_time_that_is_not_a_whole_second_is_never_a_start(reasons, at):
    assert reasons(at(9) + timedelta(microseconds=1)) == {Reason.CLOSED}
    assert reasons(at(9) - timedelta(microseconds=1)) == {Reason.CLOSED}


def test_taken_time_has_reason_taken(reasons, dana, harbour, at):
    slot = take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(9, 10), at(9, 20)))

    assert reasons(at(9)) == {Reason.TAKEN}
    assert reasons(at(9), ignored_slot_id=slot.pk) == reasons(at(9, 30)) == set()


def test_held_time_has_reason_held_until_hold_lapses(reasons, hold_time, at):
    hold = hold_time(at(9))

    assert reasons(at(9), now=hold.created_at) == {Reason.HELD}
    assert reasons(at(9), now=hold.expires_at) == set()


def test_taken_by_an_appointment_that_needs_the_time_of_the_buffer(reasons, dana, harbour, consultation, at):
    consultation.buffer_after = timedelta(minutes=1)
    take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(10), at(10, 30)))

    assert reasons(at(9, 30)) == {Reason.TAKEN}


def test_time_off_of_clinician_or_location_has_reason_time_off(reasons, dana, harbour, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10))
    TimeOff.objects.create(location=harbour, starts_at=at(16, 45), ends_at=at(17))

    assert reasons(at(9, 30)) == reasons(at(16, 30)) == {Reason.TIME_OFF}
    assert reasons(at(10)) == reasons(at(16)) == set()


# Their own calendar


@pytest.fixture
def own_calendar(dana, at):
    """Dana's calendar elsewhere, read at that midnight, in which she is busy from ten to eleven."""
    calendar = Calendar.objects.create(
        clinician=dana, name="Own calendar", url="https://calendar.example/", last_synced_at=at(0)
    )
    store_busy(calendar, [(int(at(10).timestamp()), int(at(11).timestamp()))])
    return calendar


def test_time_busy_in_own_calendar_has_reason_calendar_busy(own_calendar, reasons, at, consultation):
    assert reasons(at(10)) == reasons(at(10, 30)) == {Reason.CALENDAR_BUSY}
    assert reasons(at(9, 30)) == reasons(at(11)) == set()
    consultation.buffer_before = timedelta(minutes=1)
    assert reasons(at(11)) == {Reason.CALENDAR_BUSY}


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=3), None])
def test_a_calendar_that_was_not_read_for_an_hour_withholds_all_times_of_its_clinician(age, own_calendar, reasons, at):
    own_calendar.last_synced_at = age and at(0) - age
    own_calendar.save()

    assert reasons(at(9)) == {Reason.CALENDAR_UNREACHABLE}
    assert reasons(at(10)) == {Reason.CALENDAR_UNREACHABLE, Reason.CALENDAR_BUSY}


def test_calendar_read_within_the_hour_withholds_nothing(own_calendar, reasons, at):
    own_calendar.last_synced_at = at(0) - timedelta(minutes=59, seconds=59)
    own_calendar.save()

    assert reasons(at(9)) == set()


def test_unreachable_calendar_set_to_offer_withholds_nothing(own_calendar, reasons, at):
    Calendar.objects.update(when_unreachable="offer", last_synced_at=None)

    assert reasons(at(9)) == set()
    assert reasons(at(10)) == {Reason.CALENDAR_BUSY}


@pytest.mark.parametrize("changes", [{"is_active": False}, {"kind": "caldav"}])
def test_calendar_that_is_not_read_withholds_nothing(changes, own_calendar, reasons, at):
    Calendar.objects.update(last_synced_at=None, **changes)

    assert reasons(at(9)) == set()


def test_what_lies_beyond_what_was_read_is_withheld(own_calendar, reasons, at):
    Calendar.objects.update(read_until=at(13, 30))

    assert reasons(at(13)) == set()
    assert reasons(at(13, 30)) == reasons(at(16)) == {Reason.CALENDAR_UNREACHABLE}
    Calendar.objects.update(read_until=at(13, 29))
    assert reasons(at(13)) == {Reason.CALENDAR_UNREACHABLE}
    Calendar.objects.update(when_unreachable="offer")
    assert reasons(at(16)) == set()


def test_calendar_of_another_clinician_changes_nothing(own_calendar, harbour, consultation, reasons, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    Calendar.objects.update(last_synced_at=None)

    assert reasons(at(10), clinician=otis) == set()


# Notice and horizon


def test_too_soon_within_the_notice(reasons, consultation, at):
    consultation.notice = timedelta(hours=2)

    assert reasons(at(9), now=at(7)) == set()
    assert reasons(at(9), now=at(7, 1)) == {Reason.TOO_SOON}


def test_too_far_from_the_horizon_on(reasons, consultation, at):
    consultation.horizon = timedelta(hours=2)

    assert reasons(at(9), now=at(7, 1)) == set()
    assert reasons(at(9), now=at(7)) == {Reason.TOO_FAR}


def test_time_can_have_several_not_offered_reasons(reasons, dana, harbour, at):
    take_slot(clinician=dana, location=harbour, period=DateTimeTZRange(at(12), at(12, 30)))
    TimeOff.objects.create(clinician=dana, starts_at=at(12), ends_at=at(13))

    expected = {Reason.TOO_SOON, Reason.CLOSED, Reason.TAKEN, Reason.TIME_OFF}
    assert reasons(at(12), now=at(12, 1)) == expected


# Not offered here


def test_service_not_given_by_clinician_is_not_offered_here(reasons, dana, at):
    dana.services.clear()

    assert reasons(at(9)) == {Reason.NOT_OFFERED_HERE}


def test_location_without_working_hours_is_not_offered_here(reasons, at):
    elsewhere = Location.objects.create(name="Mill Lane", city="Leeds")

    assert reasons(at(9), location=elsewhere) == {Reason.NOT_OFFERED_HERE}


def test_video_without_remote_hours_is_not_offered_here(reasons, consultation, dana, harbour, at):
    assert reasons(at(9), is_remote=True) == {Reason.NOT_OFFERED_HERE}

    consultation.mode = Service.Mode.BOTH
    assert reasons(at(9), is_remote=True) == {Reason.NOT_OFFERED_HERE}

    WorkingHours.objects.create(
        clinician=dana,
        location=harbour,
        weekday=at(9).weekday(),
        start_time=time(9),
        end_time=time(10),
        is_remote=True,
    )
    assert reasons(at(9), is_remote=True) == set()


@pytest.mark.parametrize("thing", ["dana", "harbour", "consultation"])
def test_inactive_clinician_location_or_service_is_not_offered_here(thing, request, reasons, at):
    switched_off = request.getfixturevalue(thing)
    switched_off.is_active = False
    switched_off.save()

    assert reasons(at(9)) == {Reason.NOT_OFFERED_HERE}
