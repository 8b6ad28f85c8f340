"""Rescheduling: to another time, to the time of a hold, and to where the appointment already is."""

from datetime import timedelta

import pytest

from booking.domain.appointments import PastCutoff, cancel
from booking.domain.confirmation import confirm_hold
from booking.domain.rescheduling import reschedule, reschedule_to_hold
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import WrongState
from booking.models import OutboxMessage, Reminder
from tests.ledger import nothing_changes


def test_confirm_hold_used_for_reschedule_raises_wrong_state_and_changes_nothing(book, hold_time, at, alice):
    appointment, hold = book(at(9)), hold_time(at(11))
    reschedule_to_hold(appointment, hold, actor="staff:1")

    with nothing_changes(), pytest.raises(WrongState):
        confirm_hold(hold, patient=alice, actor="patient")

    appointment.refresh_from_db()
    assert appointment.starts_at == at(11)


@pytest.fixture
def move(dana, harbour):
    """Move an appointment with Dana: ``move(appointment, at(11))``."""

    def move(appointment, starts_at, **changes):
        opening = {"clinician": dana, "location": harbour, "starts_at": starts_at, "is_remote": False}
        opening |= {name: changes.pop(name) for name in opening if name in changes}
        reschedule(appointment, OpeningRequest(appointment.service, **opening), actor="staff:1", **changes)

    return move


def test_reschedule_to_same_time_changes_nothing(move, book, at):
    appointment = book(at(9))

    with nothing_changes():
        move(appointment, at(9))


def test_reschedule_to_same_time_after_cutoff_or_cancellation_is_refused_and_changes_nothing(
    move, book, at, consultation
):
    appointment = book(at(9))
    consultation.cancellation_notice = timedelta(days=30)
    consultation.save()
    with nothing_changes(), pytest.raises(PastCutoff):
        move(appointment, at(9), enforce_cutoff=True)

    cancel(appointment, reason="other", actor="staff:1")
    with nothing_changes(), pytest.raises(WrongState):
        move(appointment, at(9))


def test_reschedule_to_same_start_after_service_became_longer_extends_appointment(move, book, at, consultation):
    appointment = book(at(9))
    consultation.duration = timedelta(minutes=60)
    consultation.save()

    move(appointment, at(9))

    appointment.refresh_from_db()
    assert appointment.ends_at == at(10)


def test_reschedule_without_email_tells_no_patient_and_plans_reminders_anew(move, book, at):
    appointment = book(at(11))
    OutboxMessage.objects.all().delete()
    due = set(Reminder.objects.values_list("due_at", flat=True))

    move(appointment, at(13), email=False)

    assert not OutboxMessage.objects.filter(kind__startswith="email.").exists()
    assert set(Reminder.objects.values_list("due_at", flat=True)) == {each + timedelta(hours=2) for each in due}
