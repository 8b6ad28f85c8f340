"""A booking that cannot have another time still says the old one, so that the next choice can be tried."""

import pytest

from booking.admin import time_picker as for_staff
from booking.api import not_offered_reasons as for_programs
from booking.domain.holds import move_hold
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.widget import refusals as for_patients
from scheduling.availability.search import Reason
from scheduling.slots import SlotTaken
from tests.conftest import make_clinician
from tests.ledger import nothing_changes


def place_of(booking):
    return booking.clinician_id, booking.location_id, booking.is_remote, booking.starts_at, booking.ends_at


@pytest.mark.parametrize(("make", "verb"), [("hold_time", move_hold), ("book", reschedule)])
def test_after_a_time_was_taken_the_booking_is_as_it_was(make, verb, request, hold_time, harbour, consultation, at):
    booking = request.getfixturevalue(make)(at(9))
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    hold_time(at(10), clinician=otis, holder="bob's phone")
    before = place_of(booking)

    with nothing_changes(), pytest.raises(SlotTaken):
        verb(booking, OpeningRequest(consultation, at(10), otis, harbour, is_remote=False), actor="patient")

    assert place_of(booking) == before


@pytest.mark.parametrize("sentences", [for_programs.REASONS, for_patients.REASONS, for_staff.REASON_LABELS])
def test_each_reason_why_a_time_is_not_offered_has_its_sentence(sentences):
    assert set(sentences) == set(Reason)
