"""A hundred clients want one time: one wins, and the others are refused at once."""

from datetime import timedelta

import pytest

from booking.models import Hold
from scheduling.models import Service
from tests.conftest import make_clinician
from tests.ledger import lapse
from tests.races.crowd import SIZE, at_length, double_bookings, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")
HALF_HOURS = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]


@pytest.mark.parametrize("hour", [9, 10, *at_length(11, 13, 14)])
def test_hundred_clients_for_one_slot_have_one_winner(hour, crowd, hold, at):
    outcomes = crowd.race([hold(at(hour), f"client {n}") for n in range(SIZE)])

    assert tally(outcomes) == {"held": 1, "SlotTaken": SIZE - 1}
    assert double_bookings() == 0
    [winner] = [f"client {n}" for n, outcome in enumerate(outcomes) if outcome.what == "held"]
    assert [(one.holder, one.starts_at) for one in Hold.objects.all()] == [(winner, at(hour))]


@pytest.mark.parametrize("hour", [9, *at_length(10, 13)])
def test_hundred_clients_for_slot_of_lapsed_hold_have_one_winner(hour, crowd, hold, hold_time, at):
    """Every client deletes the lapsed slot first."""
    lapsed = hold_time(at(hour))
    lapse(lapsed)

    outcomes = crowd.race([hold(at(hour), f"client {n}") for n in range(SIZE)])

    assert tally(outcomes) == {"held": 1, "SlotTaken": SIZE - 1}
    assert Hold.objects.filter(slot__isnull=False).count() == 1


@pytest.mark.parametrize("hour", [9, *at_length(13, 14)])  # every slot ends before lunch or closing time
def test_overlapping_slots_of_different_length_have_one_winner(hour, crowd, hold, at, dana):
    """Starts are 15 minutes apart; the shortest slot with its buffer takes 40."""
    services = [create_service(dana, minutes) for minutes in (30, 45, 60, 90)]
    starts = [at(hour, 15), at(hour, 30), at(hour, 45)]
    acts = [hold(starts[n % 3], f"client {n}", service=services[n % 4].pk) for n in range(SIZE)]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"held": 1, "SlotTaken": SIZE - 1}
    assert double_bookings() == 0


def create_service(clinician, minutes):
    """Create a service that starts every 15 minutes, with a buffer of ten minutes."""
    service = Service.objects.create(
        name=f"{minutes} minutes",
        slug=f"{minutes}-minutes",
        duration=timedelta(minutes=minutes),
        step=timedelta(minutes=15),
        notice=timedelta(),
        buffer_after=timedelta(minutes=10),
        price=60,
    )
    clinician.services.add(service)
    return service


def test_hundred_clients_fill_a_day_without_gap(crowd, hold, at):
    acts = [hold(at(*HALF_HOURS[n % len(HALF_HOURS)]), f"client {n}") for n in range(SIZE)]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"held": len(HALF_HOURS), "SlotTaken": SIZE - len(HALF_HOURS)}
    assert sorted(one.starts_at for one in Hold.objects.all()) == [at(*half_hour) for half_hour in HALF_HOURS]


def test_fifty_concurrent_holds_of_one_holder_stop_at_limit(crowd, hold, at, harbour, consultation, dana):
    clinicians = [dana.pk] + [
        make_clinician(f"Clinician {n}", location=harbour, services=[consultation]).pk for n in range(3)
    ]
    acts = [hold(at(*HALF_HOURS[n % 14]), "alice's phone", clinician=clinicians[n // 14], limit=3) for n in range(50)]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"held": 3, "TooManyHolds": 47}
    assert Hold.objects.count() == 3
