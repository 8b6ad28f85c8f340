"""How often placing a hold waits for the database, and who does not wait for the clinician's lock."""

import pytest
from django.db import transaction

from booking.domain.holds import UNLIMITED, Holder, place_hold
from booking.domain.slot_selection import find_opening
from booking.models import Event, Hold
from scheduling.models import Slot
from scheduling.slots import SlotTaken, lock_clinician
from tests.ledger import lapse, nothing_changes
from tests.round_trips import list_round_trips

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(consultation, dana, harbour, at):
    """Hold nine o'clock with Dana, found by ids."""
    ids = {"service_id": consultation.pk, "clinician_id": dana.pk, "location_id": harbour.pk}

    def place(**options):
        opening = find_opening(starts_at=at(9), is_remote=False, **ids)
        return place_hold(opening, holder=Holder("the practice"), actor="key:1", **options)

    return place


def test_hold_waits_for_database_four_times(place):
    with list_round_trips() as trips:
        place()

    assert trips == [
        ["SELECT 1"],  # what the ids name
        ["BEGIN", "SELECT 1", "SELECT 1", "SELECT 1", "SELECT 0"],  # the lock, and behind it whether it is an opening
        ["INSERT 0 1", "SELECT 1", "SELECT 0"],  # the slot, and how many the holder has
        ["INSERT 0 1", "INSERT 0 0", "COMMIT"],  # the hold and its event
    ]


def test_hold_without_limits_waits_for_database_thrice(place):
    with list_round_trips() as trips:
        place(limits=UNLIMITED)

    assert [len(trip) for trip in trips] == [1, 5, 4]


def test_hold_is_written_as_it_is_returned(place, dana, harbour):
    hold = place()

    written = Hold.objects.get()
    assert {name: getattr(hold, name) for name in vars(written) if name != "_state"} == {
        name: value for name, value in vars(written).items() if name != "_state"
    }
    slot = Slot.objects.get()
    assert (slot.pk, slot.clinician, slot.location) == (hold.slot_id, dana, harbour)
    assert (slot.period, slot.taken_at, slot.expires_at) == (hold.padded_period, hold.created_at, hold.expires_at)
    assert (slot.lane, slot.is_double) == (0, False)
    assert list(Event.objects.values_list("subject_id", "kind", "sequence")) == [(hold.pk, "hold.placed", 1)]


def test_whoever_sees_time_taken_is_refused_without_waiting_for_the_lock(place, dana, elsewhere):
    place()

    with transaction.atomic():
        lock_clinician(dana.pk)
        with nothing_changes(), pytest.raises(SlotTaken):
            elsewhere(place).result(30)  # a wait for the lock would end with lock_timeout


def test_refusal_of_time_seen_taken_is_two_round_trips(place):
    place()

    with list_round_trips() as trips, pytest.raises(SlotTaken):
        place()

    assert trips == [["SELECT 1"], ["BEGIN", "SELECT 0", "SELECT 1", "SELECT 1", "SELECT 1"], ["ROLLBACK"]]


def test_lapsed_hold_gives_way_in_the_same_transaction(place):
    lapsed = place()
    lapse(lapsed)

    hold = place()

    assert list(Slot.objects.values_list("pk", flat=True)) == [hold.slot_id]
    assert list(Hold.objects.order_by("created_at").values_list("pk", "slot")) == [
        (lapsed.pk, None),
        (hold.pk, hold.slot_id),
    ]
