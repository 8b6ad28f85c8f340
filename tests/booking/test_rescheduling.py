"""An appointment takes over the time of a live hold."""

import pytest

from booking.holds import confirm_hold
from booking.rescheduling import reschedule_to_hold
from booking.states import WrongState
from tests.ledger import nothing_changes


def test_a_hold_that_an_appointment_has_moved_to_cannot_be_confirmed_too(book, hold_time, at, alice):
    appointment, hold = book(at(9)), hold_time(at(11))
    reschedule_to_hold(appointment, hold, by="staff:1")

    with nothing_changes(), pytest.raises(WrongState):
        confirm_hold(hold, patient=alice, by="patient")

    appointment.refresh_from_db()
    assert appointment.starts_at == at(11)
