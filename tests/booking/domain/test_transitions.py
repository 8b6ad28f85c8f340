"""The table of transitions and the function that makes them."""

import pytest

from booking.domain.audit import describe_subject
from booking.domain.transitions import TRANSITIONS, WrongState, transition
from booking.models import Appointment, Event, Hold
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes, rows


@pytest.mark.parametrize("model", [Hold, Appointment])
def test_transition_table_names_exactly_the_statuses_of_its_model(model):
    table = TRANSITIONS[model]
    named = set(table) | {to for targets in table.values() for to in targets}

    assert named == set(model.Status.values)


def test_transition_to_cancelled_is_allowed_from_every_state_before_completed():
    may_cancel = {state for state, targets in TRANSITIONS[Appointment].items() if "cancelled" in targets}

    assert may_cancel == {"pending", "reserved", "confirmed", "in_progress"}


def test_transition_updates_row_and_object_and_records_event(hold_time, at):
    hold, now = hold_time(at(9)), database_now()

    transition(hold, "released", kind="hold.released", actor="erin", at=now, data={"why": "asked"}, holder="erin")

    [row], event = rows(Hold), rows(Event)[-1]
    assert (row["status"], row["holder"], row["updated_at"]) == ("released", "erin", now)
    assert (hold.status, hold.holder) == ("released", "erin")
    assert event == {
        "id": event["id"],
        "kind": "hold.released",
        "subject_type": "booking",
        "subject_id": hold.pk,
        "location_id": hold.location_id,
        "sequence": 2,
        "created_at": now,
        "actor": "erin",
        "from_status": "active",
        "to_status": "released",
        "data": {"why": "asked"},
        "announcement": describe_subject(hold) | {"why": "asked"},
        "transaction_id": event["transaction_id"],
    }


def test_transition_outside_table_raises_wrong_state_and_changes_nothing(book, at):
    appointment = book(at(9))

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        transition(appointment, "pending", kind="appointment.updated", actor="erin", at=database_now())

    assert (refusal.value.state, refusal.value.allowed) == (
        "confirmed",
        ["in_progress", "completed", "cancelled", "no_show"],
    )
    assert str(refusal.value) == "confirmed; allowed: in_progress, completed, cancelled, no_show"


def test_transition_of_stale_object_raises_wrong_state_and_refreshes_its_status(hold_time, at):
    hold, now = hold_time(at(9)), database_now()
    late = Hold.objects.get()
    transition(hold, "released", kind="hold.released", actor="alice", at=now)

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        transition(late, "expired", kind="hold.expired", actor="worker", at=now)

    assert (late.status, refusal.value.state, refusal.value.allowed) == ("released", "released", [])
