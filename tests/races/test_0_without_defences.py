"""Negative controls, which run first: without the defences the harness finds double bookings and deadlocks.

Here the defences are taken away, and the same crowd double-books. If it did not, the other races
would prove nothing. This is the one place where code of ours is patched, in the clients only.
"""

from collections import Counter

import pytest
from django.db import connection

from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import SIZE, deadlocks, double_bookings, unexplained_overlaps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_constraint(transactional_db):
    """Drop the exclusion constraint on slots for one test."""
    [constraint] = [constraint for constraint in Slot._meta.constraints if constraint.name == Slot.NO_OVERLAP]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Slot, constraint)
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE scheduling_slot CASCADE")
    with connection.schema_editor() as editor:
        editor.add_constraint(Slot, constraint)


def list_start_times(at):
    """Return the times to race for, each once."""
    return [at(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]


def test_slot_without_lock_and_constraint_is_double_booked(no_constraint, crowd, hold, at):
    for time in list_start_times(at):
        crowd.race([hold(time, f"client {n}", act=client.hold_without_lock) for n in range(SIZE)])
        if double_bookings():
            assert unexplained_overlaps()
            return
    pytest.fail("the crowd never double-booked")


def test_lock_without_constraint_prevents_double_booking(no_constraint, crowd, hold, at):
    for time in list_start_times(at)[:3]:
        outcomes = crowd.race([hold(time, f"client {n}") for n in range(SIZE)])

        assert Counter(outcome.what for outcome in outcomes) == {"held": 1, "SlotTaken": SIZE - 1}
    assert double_bookings() == 0


def test_constraint_without_lock_prevents_double_booking(crowd, hold, at):
    """Only four clients race: on the constraint alone they may deadlock, which PostgreSQL notices after a second."""
    for time in list_start_times(at)[:3]:
        outcomes = crowd.race([hold(time, f"client {n}", act=client.hold_without_lock) for n in range(4)])

        assert [outcome.what for outcome in outcomes].count("held") <= 1
    assert double_bookings() == 0


def test_deadlocks_are_counted(crowd, harbour, dana):
    before = deadlocks()
    otis = make_clinician("Otis Hale", location=harbour, services=[])

    outcomes = crowd.race(
        [
            (client.lock_rows, {"first": dana.pk, "second": otis.pk}),
            (client.lock_rows, {"first": otis.pk, "second": dana.pk}),
        ]
    )

    assert sorted(outcome.what for outcome in outcomes) == ["OperationalError", "locked"]
    assert deadlocks() == before + 1
