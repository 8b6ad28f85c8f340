"""The appointment verbs: confirm, cancel, mark arrived, complete, mark no-show."""

from datetime import timedelta

import pytest

from booking.domain.appointments import cancel, complete, confirm, mark_arrived, mark_no_show
from booking.domain.audit import describe_subject
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import nothing_changes, rows

UNWELL = Appointment.CancellationReason.PATIENT_UNWELL


def cancel_appointment(appointment, actor="erin"):
    cancel(appointment, reason=UNWELL, actor=actor)


VERBS = {
    "confirm": (lambda appointment: confirm(appointment, actor="erin"), "confirmed"),
    "cancel": (cancel_appointment, "cancelled"),
    "mark arrived": (lambda appointment: mark_arrived(appointment, actor="erin"), "in_progress"),
    "complete": (lambda appointment: complete(appointment, actor="dana"), "completed"),
    "mark no-show": (lambda appointment: mark_no_show(appointment, actor="erin"), "no_show"),
}
ALLOWED = {
    "pending": {"confirm", "cancel"},
    "reserved": {"confirm", "cancel"},
    "confirmed": {"cancel", "mark arrived", "complete", "mark no-show"},
    "in_progress": {"cancel", "complete"},
    "completed": set(),
    "cancelled": set(),
    "no_show": set(),
}


@pytest.fixture
def appointment(book, at):
    """Alice's appointment with Dana at nine."""
    return book(at(9))


@pytest.fixture
def put_in_state(appointment):
    """Put Alice's appointment into a state and return it: ``put_in_state("pending")``."""

    def put_in_state(status):
        if status == "cancelled":
            cancel_appointment(appointment)
        else:
            Appointment.objects.update(status=status, answer_by=database_now() + timedelta(minutes=15))
            appointment.status = status
        return appointment

    return put_in_state


@pytest.mark.parametrize("status", ALLOWED)
@pytest.mark.parametrize("verb", VERBS)
def test_verb_in_each_state_moves_repeats_or_raises_wrong_state(verb, status, put_in_state):
    appointment = put_in_state(status)
    act, target = VERBS[verb]

    if status == target:  # repeating a finished verb is success
        with nothing_changes():
            act(appointment)
    elif verb in ALLOWED[status]:
        act(appointment)
        assert (appointment.status, Appointment.objects.get().status) == (target, target)
        event = Event.objects.last()
        assert (event.subject_id, event.from_status, event.to_status) == (appointment.pk, status, target)
    else:
        with nothing_changes(), pytest.raises(WrongState) as refusal:
            act(appointment)
        assert refusal.value.state == status
        assert target not in refusal.value.allowed


def test_cancel_frees_slot_and_records_reason_and_enqueues_mail(appointment, hold_time, at):
    cancel(appointment, reason=UNWELL, actor="erin", note="Called at eight.")

    [row], event, message = rows(Appointment), rows(Event)[-1], OutboxMessage.objects.latest("created_at")
    assert (row["status"], row["slot_id"], row["cancellation_reason"], row["cancellation_note"]) == (
        "cancelled",
        None,
        "patient_unwell",
        "Called at eight.",
    )
    assert event == {
        "id": event["id"],
        "kind": "appointment.cancelled",
        "subject_type": "booking",
        "subject_id": appointment.pk,
        "location_id": appointment.location_id,
        "sequence": 4,
        "created_at": event["created_at"],
        "actor": "erin",
        "from_status": "confirmed",
        "to_status": "cancelled",
        "data": {"reason": "patient_unwell"},
        "announcement": describe_subject(appointment) | {"reason": "patient_unwell"},
        "transaction_id": event["transaction_id"],
    }
    assert (message.kind, message.payload) == (
        "email.appointment_cancelled",
        {"appointment": str(appointment.pk)},
    )
    assert rows(Slot) == []
    hold_time(at(9), holder="bob's phone")


def test_cancel_of_cancelled_appointment_changes_nothing(appointment, book, at, alice):
    cancel_appointment(appointment)
    book(at(9), holder="bob's phone")

    with nothing_changes():
        cancel(appointment, reason=Appointment.CancellationReason.OTHER, actor="bob", note="Me too.")


def test_cancel_from_stale_page_after_completion_raises_wrong_state_and_changes_nothing(appointment):
    stale = Appointment.objects.get()
    complete(appointment, actor="dana")

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        cancel_appointment(stale)

    assert (refusal.value.state, refusal.value.allowed) == ("completed", [])


@pytest.mark.parametrize("verb", ["mark arrived", "complete", "mark no-show"])
def test_visit_verb_on_confirmed_appointment_keeps_its_slot(verb, appointment):
    slots = rows(Slot)

    VERBS[verb][0](appointment)

    assert rows(Slot) == slots


def test_visit_from_arrival_to_completion_records_events_in_order(appointment):
    mark_arrived(appointment, actor="erin")
    complete(appointment, actor="dana")

    story = Event.objects.filter(subject_id=appointment.pk)
    assert list(story.values_list("sequence", "kind", "from_status", "to_status", "actor"))[3:] == [
        (4, "appointment.updated", "confirmed", "in_progress", "erin"),
        (5, "appointment.completed", "in_progress", "completed", "dana"),
    ]


def test_confirm_of_pending_appointment_enqueues_confirmation_mail(put_in_state):
    appointment = put_in_state("pending")
    OutboxMessage.objects.all().delete()

    confirm(appointment, actor="erin")

    messages = OutboxMessage.objects.values_list("kind", "payload")
    assert list(messages) == [("email.appointment_confirmed", {"appointment": str(appointment.pk)})]
