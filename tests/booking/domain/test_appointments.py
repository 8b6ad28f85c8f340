"""The appointment verbs: confirm, cancel, mark arrived, complete, mark no-show."""

from datetime import UTC, timedelta

import pytest

from booking.domain.appointments import (
    TooEarly,
    cancel,
    complete,
    confirm,
    correct,
    get_earliest_mark,
    mark_arrived,
    mark_no_show,
)
from booking.domain.audit import describe_subject
from booking.domain.transitions import WrongState
from booking.models import Appointment, Event, OutboxMessage
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import begin, nothing_changes, rows

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
def begun(appointment):
    """Alice's appointment, which has begun."""
    return begin(appointment)


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
    appointment = begin(put_in_state(status))
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


def test_cancel_without_email_tells_everybody_but_the_attendee(appointment, endpoint):
    OutboxMessage.objects.all().delete()

    cancel(appointment, reason="unusual", actor="erin", email=False)

    [message] = OutboxMessage.objects.all()
    assert (message.kind, message.payload["type"]) == ("webhook.event", "appointment.cancelled")
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "unusual")


def test_cancel_of_cancelled_appointment_changes_nothing(appointment, book, at, alice):
    cancel_appointment(appointment)
    book(at(9), holder="bob's phone")

    with nothing_changes():
        cancel(appointment, reason=Appointment.CancellationReason.OTHER, actor="bob", note="Me too.")


def test_cancel_from_stale_page_after_completion_raises_wrong_state_and_changes_nothing(begun):
    stale = Appointment.objects.get()
    complete(begun, actor="dana")

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        cancel_appointment(stale)

    assert (refusal.value.state, refusal.value.allowed) == ("completed", [])


@pytest.mark.parametrize("verb", ["mark arrived", "complete", "mark no-show"])
def test_visit_verb_on_confirmed_appointment_keeps_its_slot(verb, begun):
    slots = rows(Slot)

    VERBS[verb][0](begun)

    assert rows(Slot) == slots


@pytest.mark.parametrize("verb", ["complete", "mark no-show"])
@pytest.mark.parametrize("status", ["confirmed", "in_progress"])
def test_visit_verb_before_start_raises_too_early_and_changes_nothing(verb, status, put_in_state, at):
    appointment = put_in_state(status)
    refusal = WrongState if (verb, status) == ("mark no-show", "in_progress") else TooEarly

    with nothing_changes(), pytest.raises(refusal) as raised:
        VERBS[verb][0](appointment)

    assert refusal is WrongState or raised.value.starts_at == at(9)


def test_mark_arrived_on_an_earlier_day_raises_too_early_and_changes_nothing(appointment):
    with nothing_changes(), pytest.raises(TooEarly):
        mark_arrived(appointment, actor="erin")


@pytest.mark.parametrize(
    ("hour", "status", "earliest"),
    [
        (9, "in_progress", (9, -9)),
        (1, "in_progress", (1, -2)),
        (9, "completed", (9, 0)),
        (9, "no_show", (9, 0)),
    ],
)
def test_get_earliest_mark_is_start_or_for_an_arrival_its_day_or_two_hours_before(
    hour, status, earliest, appointment, at
):
    appointment.starts_at = at(hour).astimezone(UTC)

    start, difference = earliest
    assert get_earliest_mark(appointment, status) == at(start) + timedelta(hours=difference)


@pytest.mark.parametrize(
    ("marked", "corrected", "kind"),
    [("no_show", "completed", "appointment.completed"), ("completed", "no_show", "appointment.no_show")],
)
def test_correct_of_wrong_mark_records_event_and_again_changes_nothing(marked, corrected, kind, put_in_state):
    appointment = begin(put_in_state(marked))

    correct(appointment, corrected, actor="erin")
    with nothing_changes():
        correct(appointment, corrected, actor="erin")

    event = Event.objects.last()
    assert (event.kind, event.from_status, event.to_status, event.actor) == (kind, marked, corrected, "erin")
    assert event.announcement == describe_subject(appointment)
    assert Appointment.objects.get().status == corrected


@pytest.mark.parametrize("status", ["pending", "reserved", "confirmed", "in_progress", "cancelled"])
def test_correct_of_what_is_not_over_raises_wrong_state_and_changes_nothing(status, put_in_state):
    appointment = begin(put_in_state(status))

    with nothing_changes(), pytest.raises(WrongState):
        correct(appointment, "completed", actor="erin")


def test_visit_from_arrival_to_completion_records_events_in_order(begun):
    mark_arrived(begun, actor="erin")
    complete(begun, actor="dana")

    story = Event.objects.filter(subject_id=begun.pk)
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
