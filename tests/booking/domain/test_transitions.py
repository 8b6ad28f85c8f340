"""The table of moves, and the one function that makes them."""

import pytest

from booking.domain.transitions import TRANSITIONS, WrongState, transition
from booking.models import Appointment, Event, Hold
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes, rows


@pytest.mark.parametrize("model", [Hold, Appointment])
def test_the_table_knows_states_of_the_model_only(model):
    table = TRANSITIONS[model]
    named = set(table) | {to for targets in table.values() for to in targets}

    assert named == set(model.Status.values)


def test_cancelled_can_follow_any_state_before_completed():
    may_cancel = {state for state, targets in TRANSITIONS[Appointment].items() if "cancelled" in targets}

    assert may_cancel == {"pending", "reserved", "confirmed", "in_progress"}


def test_a_move_changes_the_row_the_object_and_the_log(hold_time, at):
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
        "sequence": 2,
        "created_at": now,
        "actor": "erin",
        "from_status": "active",
        "to_status": "released",
        "data": {"why": "asked"},
        "transaction_id": event["transaction_id"],
    }


def test_a_move_that_is_not_in_the_table_is_refused(book, at):
    appointment = book(at(9))

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        transition(appointment, "pending", kind="appointment.updated", actor="erin", at=database_now())

    assert (refusal.value.state, refusal.value.allowed) == (
        "confirmed",
        ["in_progress", "completed", "cancelled", "no_show"],
    )
    assert str(refusal.value) == "confirmed; allowed: in_progress, completed, cancelled, no_show"


def test_of_two_that_move_the_same_row_the_first_wins(hold_time, at):
    hold, now = hold_time(at(9)), database_now()
    late = Hold.objects.get()
    transition(hold, "released", kind="hold.released", actor="alice", at=now)

    with nothing_changes(), pytest.raises(WrongState) as refusal:
        transition(late, "expired", kind="hold.expired", actor="worker", at=now)

    assert (late.status, refusal.value.state, refusal.value.allowed) == ("released", "released", [])
