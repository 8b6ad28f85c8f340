"""Assignment of bookings that name no clinician: evenly spread, and recorded on the clinician."""

import random
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from booking.domain.direct_booking import book_directly
from booking.domain.holds import UNLIMITED, Holder, move_hold, place_hold
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered, OpeningRequest, book_first_available
from scheduling.models import Clinician, Slot, TimeOff
from scheduling.slots import SlotTaken, take_slot
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

DAY, HALF_AN_HOUR = timedelta(days=1), timedelta(minutes=30)
BOOKINGS = 1_000
# Shape: (clinicians, days); each clinician has 14 times a day.
SHAPES = {
    "one week": (40, 7),
    "two weeks": (20, 14),
    "a month": (10, 28),
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def otis(harbour, consultation):
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


@pytest.fixture
def hold_any(consultation):
    """Hold a time with any clinician: ``hold_any(at(9))``."""
    place = partial(place_hold, holder=Holder("alice's phone"), actor="patient", limits=UNLIMITED)
    return lambda starts_at, **named: book_first_available(place, OpeningRequest(consultation, starts_at, **named))


def was_assigned(clinician):
    clinician.refresh_from_db()
    return clinician.last_assigned_at is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ("two weeks", "at random"),
        pytest.param("one week", "at random", marks=pytest.mark.proof),
        pytest.param("a month", "at random", marks=pytest.mark.proof),
        pytest.param("two weeks", "one after the other", marks=pytest.mark.proof),
    ],
)
def test_thousand_bookings_without_clinician_differ_from_mean_by_one_at_most(
    shape, order, harbour, consultation, at, day
):
    number, days = SHAPES[shape]
    for n in range(number):
        make_clinician(f"Clinician {n:02}", location=harbour, services=[consultation])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # without statistics PostgreSQL scans every table a thousand times
    monday = at(0) + (7 - day.weekday()) * DAY
    starts = [
        monday + n * DAY + hour * timedelta(hours=1) + half * HALF_AN_HOUR
        for n in range(days)
        for hour in (9, 10, 11, 13, 14, 15, 16)
        for half in (0, 1)
    ]
    wanted = starts * number
    if order == "at random":
        random.Random(shape).shuffle(wanted)
    else:
        wanted.sort()

    for starts_at in wanted[:BOOKINGS]:
        book_first_available(take_time, OpeningRequest(consultation, starts_at))

    each = Counter(Slot.objects.values_list("clinician__name", flat=True))
    assert each.total() == BOOKINGS
    assert all(abs(each[f"Clinician {n:02}"] - BOOKINGS / number) <= 1 for n in range(number)), each


def take_time(opening):
    period = DateTimeTZRange(opening.starts_at, opening.starts_at + HALF_AN_HOUR)
    return take_slot(clinician=opening.clinician, location=opening.location, period=period)


# Recording an assignment


def test_booking_without_clinician_records_assignment(dana, otis, hold_any, at):
    assert hold_any(at(9)).clinician == dana
    assert (was_assigned(dana), was_assigned(otis)) == (True, False)


def test_booking_with_named_clinician_records_no_assignment(dana, otis, hold_any, harbour, at):
    hold_any(at(9), clinician=dana)
    hold_any(at(10), clinician=dana, location=harbour)

    assert not was_assigned(dana)


def test_booking_with_earlier_assigned_clinician_records_assignment(dana, otis, hold_any, harbour, at):
    hold_any(at(9), clinician=dana, location=harbour, is_remote=False, is_assigned=True)

    assert was_assigned(dana)


def test_refused_booking_records_no_assignment(dana, otis, hold_any, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10))
    TimeOff.objects.create(clinician=otis, starts_at=at(9), ends_at=at(10))

    with nothing_changes(), pytest.raises(NotOffered):
        hold_any(at(9))

    assert not Clinician.objects.exclude(last_assigned_at=None).exists()


def test_booking_tries_next_clinician_when_first_is_taken_concurrently(dana, otis, consultation, harbour, at):
    """Dana comes first, but Bob books her at the same moment."""

    def place(opening):
        if opening.clinician == dana:
            period = DateTimeTZRange(at(9), at(9, 30))
            take_slot(clinician=dana, location=harbour, period=period)
        return place_hold(opening, holder=Holder("alice's phone"), actor="patient")

    hold = book_first_available(place, OpeningRequest(consultation, at(9)))

    assert hold.clinician == otis
    assert (was_assigned(dana), was_assigned(otis)) == (False, True)


def test_direct_bookings_without_clinician_alternate_between_clinicians(dana, otis, consultation, alice, at):
    verb = partial(book_directly, patient=alice, actor="patient", holder=Holder("alice's phone"))

    names = [
        book_first_available(verb, OpeningRequest(consultation, at(9) + n * 30 * DAY)).clinician.name for n in range(2)
    ]

    assert names == ["Dana Reed", "Otis Hale"]


@pytest.mark.parametrize(("make", "verb"), [("hold_time", move_hold), ("book", reschedule)])
def test_move_keeps_clinician_who_is_free_and_records_no_assignment(
    make, verb, request, dana, otis, harbour, consultation, hold_any, at
):
    booking = request.getfixturevalue(make)(at(9))
    hold_any(at(11), clinician=dana)

    book_first_available(partial(verb, booking, actor="patient"), OpeningRequest(consultation, at(10)), moving=booking)

    assert booking.clinician == dana
    assert (was_assigned(dana), was_assigned(otis)) == (False, False)


@pytest.mark.parametrize(("make", "verb"), [("hold_time", move_hold), ("book", reschedule)])
def test_move_to_another_clinician_records_assignment(make, verb, request, dana, otis, consultation, hold_any, at):
    booking = request.getfixturevalue(make)(at(9))
    hold_any(at(10), clinician=dana)

    book_first_available(partial(verb, booking, actor="patient"), OpeningRequest(consultation, at(10)), moving=booking)

    assert booking.clinician == otis
    assert (was_assigned(dana), was_assigned(otis)) == (False, True)


def test_booking_when_all_clinicians_are_taken_raises_slot_taken_and_changes_nothing(dana, otis, hold_any, at):
    hold_any(at(9))
    hold_any(at(9))

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_any(at(9))
