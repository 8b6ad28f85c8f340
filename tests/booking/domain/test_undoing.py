"""Taking back what was marked or cancelled by mistake."""

import re
from datetime import timedelta

import pytest

from booking.access.signatures import make_secret
from booking.domain.appointments import (
    OrderBooked,
    OrderCancelled,
    cancel,
    complete,
    mark_arrived,
    mark_no_show,
    mark_seen,
)
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import cancel_order
from booking.domain.overrides import Override, RulesBroken
from booking.domain.slot_selection import OpeningRequest
from booking.domain.stranded_visits import find_open
from booking.domain.transitions import WrongState
from booking.domain.undoing import ApproverTold, undo_attendance, undo_cancellation
from booking.models import Appointment, Event, OutboxMessage, Provider, Reminder
from booking.outbox.queue import claim
from patients.models import Patient
from patients.records import PatientArchived
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, Slot, TimeOff
from tests.ledger import nothing_changes
from tests.outbox import run_what_is_due

MINUTE = timedelta(minutes=1)
DOUBLE = Override(["double"], "urgent")
BOB = {"first_name": "Bob", "last_name": "Baker", "email": "bob@example.org"}


def list_events(appointment, *, after=3):
    """Return the events after those of a booking, without a gap in their sequence."""
    events = list(Event.objects.filter(subject_id=appointment.pk).order_by("sequence"))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    return [(event.kind, event.from_status, event.to_status, event.data) for event in events[after:]]


def list_jobs():
    return sorted(OutboxMessage.objects.filter(status="waiting").values_list("kind", flat=True))


@pytest.fixture
def cancelled(book, at):
    """Alice's appointment at nine, which staff have cancelled a moment ago; nothing else waits in the outbox."""
    appointment = book(at(9))
    OutboxMessage.objects.all().delete()
    cancel(appointment, reason="other", note="Wrong Alice", actor="staff:1", is_undoable=True)
    return appointment


@pytest.fixture
def book_for_order(order, consultation, dana, harbour):
    """Book a time with Dana for Alice's order: ``book_for_order(at(9))``."""

    def book_for_order(starts_at):
        opening = OpeningRequest(consultation, starts_at, dana, harbour, is_remote=False)
        return book_directly(opening, patient=order.patient, order=order, actor="key:1", holder=Holder("key:1"))

    return book_for_order


def test_marks_are_undone_one_by_one_and_nobody_is_told(book, at):
    appointment = book(at(9))
    OutboxMessage.objects.all().delete()
    early = {"actor": "staff:1", "enforce_start": False}
    mark_arrived(appointment, **early)
    mark_seen(appointment, actor="staff:1")
    mark_seen(appointment, actor="staff:1")
    assert appointment.arrived_at < appointment.seen_at
    complete(appointment, **early)

    states = []
    for _ in range(3):
        undo_attendance(appointment, actor="staff:2")
        stored = Appointment.objects.get()
        states.append((stored.status, bool(stored.arrived_at), bool(stored.seen_at)))
    with nothing_changes(), pytest.raises(WrongState):
        undo_attendance(appointment, actor="staff:2")
    mark_no_show(appointment, **early)
    undo_attendance(appointment, actor="staff:2")

    assert states == [("in_progress", True, True), ("in_progress", True, False), ("confirmed", False, False)]
    assert Appointment.objects.get().status == "confirmed"
    assert list_events(appointment) == [
        ("appointment.updated", "confirmed", "in_progress", {}),
        ("appointment.updated", "", "", {"changed": ["seen_at"]}),
        ("appointment.completed", "in_progress", "completed", {}),
        ("appointment.updated", "completed", "in_progress", {"undone": "completed"}),
        ("appointment.updated", "", "", {"undone": "seen"}),
        ("appointment.updated", "in_progress", "confirmed", {"undone": "in_progress"}),
        ("appointment.no_show", "confirmed", "no_show", {}),
        ("appointment.updated", "no_show", "confirmed", {"undone": "no_show"}),
    ]
    assert not OutboxMessage.objects.exists()


def test_patient_seen_at_once_is_confirmed_again_when_that_is_undone(book, at):
    appointment = book(at(9))
    Appointment.objects.update(starts_at=database_now() - MINUTE, ends_at=database_now() + MINUTE)
    mark_seen(appointment, actor="staff:1")
    assert (appointment.status, appointment.arrived_at) == ("in_progress", None)

    undo_attendance(appointment, actor="staff:1")

    assert (appointment.status, appointment.seen_at) == ("confirmed", None)


def test_no_show_whose_order_is_booked_again_stays_one(book_for_order, at):
    missed = book_for_order(at(9))
    mark_no_show(missed, actor="staff:1", enforce_start=False)
    book_for_order(at(10))

    with nothing_changes(), pytest.raises(OrderBooked):
        undo_attendance(missed, actor="staff:1")


def test_cancellation_is_mailed_a_minute_later(cancelled):
    [message] = OutboxMessage.objects.all()

    assert (message.kind, message.due_at) == ("email.appointment_cancelled", cancelled.updated_at + MINUTE)


def test_cancellation_undone_in_its_minute_is_not_seen_by_patient(book, at, consultation):
    consultation.email_reminders = [timedelta(days=2)]
    consultation.save()
    appointment = book(at(9))
    OutboxMessage.objects.all().delete()
    cancel(appointment, reason="other", note="Wrong Alice", actor="staff:1", is_undoable=True)
    assert not Reminder.objects.exists()

    undo_cancellation(appointment, actor="staff:1")

    assert list_jobs() == []
    row = Appointment.objects.values("status", "cancellation_reason", "cancellation_note", "slot_id").get()
    assert row == {
        "status": "confirmed",
        "cancellation_reason": "",
        "cancellation_note": "",
        "slot_id": Slot.objects.get().pk,
    }
    assert Slot.objects.get().period.lower == at(9)
    assert Reminder.objects.count() == 1
    assert list_events(appointment) == [
        ("appointment.cancelled", "confirmed", "cancelled", {"reason": "other"}),
        ("appointment.updated", "cancelled", "confirmed", {"undone": "cancelled"}),
    ]
    with nothing_changes(), pytest.raises(WrongState):
        undo_cancellation(appointment, actor="staff:1")


def test_cancellation_undone_after_its_mail_has_begun_is_confirmed_by_mail(cancelled):
    claim(jobs=["email.appointment_cancelled"], due_by=database_now() + 2 * MINUTE)

    undo_cancellation(cancelled, actor="staff:1")

    assert list_jobs() == ["email.appointment_confirmed"]


def test_cancellation_by_patient_undone_is_confirmed_by_mail(book, at):
    appointment = book(at(9))
    cancel(appointment, reason="patient_request", actor="patient")
    OutboxMessage.objects.all().delete()

    undo_cancellation(appointment, actor="staff:1")

    assert list_jobs() == ["email.appointment_confirmed"]


def test_cancellation_is_not_undone_once_its_time_is_taken_but_by_override(cancelled, book, at):
    first = book(at(9), patient=Patient(**BOB))
    for rules in ([], ["step"]):
        with nothing_changes(), pytest.raises(RulesBroken) as refusal:
            undo_cancellation(cancelled, actor="staff:1", override=Override(rules, "urgent"))
        assert refusal.value.rules == ["double"]

    undo_cancellation(cancelled, actor="staff:1", override=DOUBLE)

    assert list(Slot.objects.values_list("lane", "is_double")) == [(0, False), (1, True)]
    assert list_events(cancelled)[1:] == [
        ("appointment.updated", "cancelled", "confirmed", {"undone": "cancelled"}),
        ("appointment.overridden", "", "", {"rules": ["double"], "reason": "urgent"}),
    ]
    # It was double before: nobody has to say so again, unless it would be over somebody else now.
    cancel(cancelled, reason="other", actor="staff:1", is_undoable=True)
    undo_cancellation(cancelled, actor="staff:1")
    assert Slot.objects.filter(is_double=True).count() == 1
    cancel(cancelled, reason="other", actor="staff:1", is_undoable=True)
    cancel(first, reason="other", actor="staff:1")
    book(at(9), patient=Patient(**BOB))
    with nothing_changes(), pytest.raises(RulesBroken):
        undo_cancellation(cancelled, actor="staff:1")


def test_cancellation_in_time_off_is_not_undone(cancelled, dana, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(8), ends_at=at(12))

    with nothing_changes(), pytest.raises(RulesBroken) as refusal:
        undo_cancellation(cancelled, actor="staff:1")

    assert refusal.value.rules == ["time_off"]


def test_visit_that_stands_again_with_a_clinician_who_is_no_longer_offered_is_stranded(cancelled, dana):
    Clinician.objects.filter(pk=dana.pk).update(is_active=False)

    undo_cancellation(cancelled, actor="staff:1")

    assert list(find_open().values_list("appointment", "cause")) == [(cancelled.pk, "clinician")]


def test_cancellation_is_undone_until_its_approver_is_told(book, at, consultation):
    appointment = book(at(9))
    appointment.provider = Provider.objects.create(name="Lab", slug="lab", kind="upstream", secret=make_secret())
    appointment.save()
    OutboxMessage.objects.all().delete()
    for _ in range(2):
        cancel(appointment, reason="other", actor="staff:1", is_undoable=True)
        assert list_jobs() == ["email.appointment_cancelled", "provider.sync"]
        undo_cancellation(appointment, actor="staff:1")
        # Asking for what it has already changes nothing there.
        assert list_jobs() == ["provider.sync"]
        assert OutboxMessage.objects.get().due_at < database_now()
        OutboxMessage.objects.all().delete()
    cancel(appointment, reason="other", actor="staff:1", is_undoable=True)
    claim(jobs=["provider.sync"], due_by=database_now() + 2 * MINUTE)

    with nothing_changes(), pytest.raises(ApproverTold):
        undo_cancellation(appointment, actor="staff:1")


def test_cancellation_of_who_is_archived_or_erased_is_not_undone(cancelled):
    Patient.objects.update(archived_at=database_now())
    with nothing_changes(), pytest.raises(PatientArchived):
        undo_cancellation(cancelled, actor="staff:1")

    Patient.objects.update(archived_at=None)
    Appointment.objects.update(attendee_name="")
    with nothing_changes(), pytest.raises(WrongState):
        undo_cancellation(cancelled, actor="staff:1")


def test_cancellation_of_order_that_is_booked_again_or_cancelled_is_not_undone(order, book_for_order, at):
    first = book_for_order(at(9))
    cancel(first, reason="other", actor="staff:1", is_undoable=True)
    second = book_for_order(at(10))
    with nothing_changes(), pytest.raises(OrderBooked):
        undo_cancellation(first, actor="staff:1")

    cancel(second, reason="other", actor="staff:1")
    cancel_order(order, actor="staff:1")
    with nothing_changes(), pytest.raises(OrderCancelled):
        undo_cancellation(first, actor="staff:1")


def test_request_cancelled_by_staff_is_pending_again_until_its_deadline(book, desk, at):
    request = book(at(9))
    cancel(request, reason="other", actor="staff:1", is_undoable=True)

    undo_cancellation(request, actor="staff:1")

    assert (request.status, Slot.objects.get().expires_at) == ("pending", request.answer_by)
    cancel(request, reason="other", actor="staff:1", is_undoable=True)
    Appointment.objects.update(answer_by=database_now())
    with nothing_changes(), pytest.raises(WrongState):
        undo_cancellation(request, actor="staff:1")


def test_invitation_of_undone_cancellation_supersedes_its_cancellation(cancelled, mailoutbox, settings):
    settings.SITE_URL = "https://clinic.example"
    OutboxMessage.objects.update(due_at=database_now())
    run_what_is_due()

    undo_cancellation(cancelled, actor="staff:1")
    run_what_is_due()

    sequences = [re.search(r"SEQUENCE:(\d+)", str(mail.message())) for mail in mailoutbox]
    methods = [re.search("METHOD:([A-Z]+)", str(mail.message())) for mail in mailoutbox]
    assert [method and method[1] for method in methods] == ["CANCEL", "REQUEST"]
    assert [sequence and sequence[1] for sequence in sequences] == ["4", "5"]
