"""Choosing a time: a refused move leaves the booking unchanged, and every reason has a sentence."""

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


def get_time_and_place(booking):
    return booking.clinician_id, booking.location_id, booking.is_remote, booking.starts_at, booking.ends_at


@pytest.mark.parametrize(("make", "verb"), [("hold_time", move_hold), ("book", reschedule)])
def test_move_to_taken_time_raises_slot_taken_and_leaves_booking_unchanged(
    make, verb, request, hold_time, harbour, consultation, at
):
    booking = request.getfixturevalue(make)(at(9))
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    hold_time(at(10), clinician=otis, holder="bob's phone")
    before = get_time_and_place(booking)

    with nothing_changes(), pytest.raises(SlotTaken):
        verb(booking, OpeningRequest(consultation, at(10), otis, harbour, is_remote=False), actor="patient")

    assert get_time_and_place(booking) == before


@pytest.mark.parametrize("sentences", [for_programs.REASONS, for_patients.REASONS, for_staff.REASON_LABELS])
def test_not_offered_reasons_have_a_sentence_each(sentences):
    assert set(sentences) == set(Reason)
