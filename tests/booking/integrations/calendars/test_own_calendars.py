"""What a calendar elsewhere says counts for new times, and takes back none that is promised."""

from datetime import timedelta
from functools import partial

import pytest

from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, extend_hold, move_hold, place_hold
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import NotOffered, OpeningRequest
from scheduling.calendars.storing import store_busy
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, Location
from tests.ledger import nothing_changes


def get_busy(dana, at):
    """From now on Dana's own calendar says that she is busy all day."""
    calendar = Calendar.objects.create(
        clinician=dana, name="Own calendar", url="https://calendar.example/", last_synced_at=database_now()
    )
    store_busy(calendar, [(int(at(0).timestamp()), int(at(23).timestamp()))])


def get_lost(dana, at):
    """From now on nobody knows what Dana's own calendar says."""
    Calendar.objects.create(clinician=dana, name="Own calendar", url="https://calendar.example/")


def get_closed(dana, at):
    """From now on the day is a holiday where Dana works."""
    calendar = Calendar.objects.create(
        location=Location.objects.get(), kind="holidays", name="Holidays", url="https://calendar.example/"
    )
    store_busy(calendar, [(int(at(0).timestamp()), int(at(23).timestamp()))])


LATER = [(get_busy, "calendar-busy"), (get_lost, "calendar-unreachable"), (get_closed, "holiday")]
each = pytest.mark.parametrize(("change", "reason"), LATER)


@pytest.fixture
def anew(consultation, dana, harbour):
    return partial(OpeningRequest, consultation, clinician=dana, location=harbour, is_remote=False)


@each
def test_hold_on_calendar_busy_time_is_refused(change, reason, hold_time, dana, at):
    change(dana, at)

    with nothing_changes(), pytest.raises(NotOffered) as refused:
        hold_time(at(9))

    assert refused.value.reasons == [reason]


@each
def test_hold_on_time_busy_since_is_confirmed(change, reason, hold_time, dana, at, alice):
    hold = hold_time(at(9))
    change(dana, at)
    extend_hold(hold, actor="patient")

    appointment = confirm_hold(hold, patient=alice, actor="patient")

    assert (appointment.status, appointment.starts_at) == ("confirmed", at(9))


@each
def test_hold_is_not_moved_to_calendar_busy_time(change, reason, hold_time, dana, at, anew):
    hold = hold_time(at(9))
    change(dana, at)

    with nothing_changes(), pytest.raises(NotOffered) as refused:
        move_hold(hold, anew(at(10)), actor="patient")

    assert refused.value.reasons == [reason]


@each
def test_appointment_is_not_rescheduled_to_calendar_busy_time(change, reason, book, dana, at, anew):
    appointment = book(at(9))
    change(dana, at)

    with nothing_changes(), pytest.raises(NotOffered) as refused:
        reschedule(appointment, anew(at(10)), actor="patient")

    assert refused.value.reasons == [reason]


@each
def test_appointment_is_rescheduled_to_time_held_before_calendar_was_busy(change, reason, book, hold_time, dana, at):
    appointment, hold = book(at(9)), hold_time(at(10))
    change(dana, at)

    reschedule_to_hold(appointment, hold, actor="patient")

    assert appointment.starts_at == at(10)


def test_hold_on_day_after_busy_one_succeeds(dana, at, consultation, anew):
    get_busy(dana, at)

    hold = place_hold(anew(at(9) + timedelta(days=1)), holder=Holder("alice's phone"), actor="patient")

    assert hold.status == "active"
