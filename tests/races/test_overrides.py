"""Receptionists override, drag and undo at once: nobody but the verb of overrides puts a visit over another."""

from datetime import timedelta
from random import Random
from string import ascii_lowercase

import pytest

from booking.domain.appointments import cancel
from booking.models import Appointment, Event, OutboxMessage
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.races import client
from tests.races.crowd import SIZE, double_bookings, tally, unexplained_overlaps

pytestmark = pytest.mark.usefixtures("no_deadlock")
TIMES = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]


def name(number):
    """Return a family name of its own for each client."""
    return f"A{ascii_lowercase[number // 26]}{ascii_lowercase[number % 26]}"


@pytest.fixture
def cancelled(book, at):
    """Return the act of undoing the cancellation, a moment ago, of a visit at a time."""

    def cancelled(starts_at):
        appointment = book(starts_at)
        OutboxMessage.objects.all().delete()
        cancel(appointment, reason="other", actor="erin", is_undoable=True)
        return client.undo_cancellation, {"appointment": appointment.pk}

    return cancelled


def test_hundred_overrides_of_one_time_have_two_winners(crowd, hold, at):
    outcomes = crowd.race([hold(at(9), name(number), act=client.book_over) for number in range(SIZE)])

    assert tally(outcomes) == {"booked": 1, "over another": 1, "TakenTwice": SIZE - 2}
    assert (Slot.objects.count(), double_bookings(), unexplained_overlaps()) == (2, 1, 0)
    assert Event.objects.filter(kind="appointment.overridden", data__rules=["double"]).count() == 1


def test_holds_against_overrides_of_one_time_never_overlap_another(crowd, hold, at):
    acts = [
        hold(at(9), name(number), act=client.book_over) if number % 2 else hold(at(9), f"client {number}")
        for number in range(SIZE)
    ]

    outcomes = crowd.race(acts)

    won = tally(outcomes)
    assert (won["booked"] + won["held"], won["over another"]) == (1, 1)
    assert won["SlotTaken"] + won["TakenTwice"] == SIZE - 2
    assert (Slot.objects.count(), double_bookings(), unexplained_overlaps()) == (2, 1, 0)


def test_visits_dragged_over_one_time_are_two_at_most(crowd, book, at, dana):
    visits = [book(at(*time), holder=f"{time}") for time in TIMES[1:]]
    acts = [(client.move_over, {"appointment": one.pk, "clinician": dana.pk, "starts_at": at(9)}) for one in visits]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"moved": 1, "over another": 1, "TakenTwice": len(visits) - 2}
    assert (Slot.objects.count(), double_bookings(), unexplained_overlaps()) == (len(visits), 1, 0)


def test_one_visit_dragged_to_two_times_by_a_hundred_is_moved_once(crowd, book, at, dana):
    visit = book(at(9))
    drag = {"appointment": visit.pk, "clinician": dana.pk, "version": visit.updated_at}

    outcomes = crowd.race([(client.reschedule, drag | {"starts_at": at(10 + number % 2)}) for number in range(SIZE)])

    assert tally(outcomes) == {"rescheduled": 1, "ChangedMeanwhile": SIZE - 1}
    assert Appointment.objects.get().starts_at in (at(10), at(11))
    assert Slot.objects.get().period.lower == Appointment.objects.get().starts_at


def test_undo_against_new_bookings_has_one_winner(crowd, hold, cancelled, at):
    undo = cancelled(at(9))

    outcomes = crowd.race([undo if number % 2 else hold(at(9), f"client {number}") for number in range(SIZE)])

    half = SIZE // 2
    assert tally(outcomes) in (
        {"undone": 1, "WrongState": half - 1, "SlotTaken": half},
        {"held": 1, "SlotTaken": half - 1, "RulesBroken": half},
    )
    assert (Slot.objects.count(), double_bookings()) == (1, 0)


def test_undo_against_relay_tells_patient_of_both_or_of_nothing(crowd, cancelled, at):
    undo = cancelled(at(9))
    claim = (client.claim_messages, {"due_by": database_now() + timedelta(minutes=2)})

    outcomes = crowd.race([undo, *[claim] * 9])

    assert tally(outcomes) == {"undone": 1, "claimed": 9}
    kinds = sorted(OutboxMessage.objects.values_list("kind", flat=True))
    assert kinds in ([], ["email.appointment_cancelled", "email.appointment_confirmed"])


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(20))
def test_day_of_overrides_drags_undoings_and_holds_has_no_unexplained_overlap(
    seed, crowd, hold, book, cancelled, at, dana
):
    chance = Random(seed)
    visits = [book(at(*time), holder=f"{time}") for time in TIMES[::2]]
    undoings = [cancelled(at(*time)) for time in TIMES[1::4]]

    def choose(number):
        starts_at = at(
            *chance.choice(TIMES),
        ) + timedelta(minutes=chance.choice([0, 0, 10, 15, 20]))
        place = {"clinician": dana.pk, "starts_at": starts_at}
        return chance.choice(
            [
                hold(starts_at, f"client {number}"),
                hold(starts_at, name(number), act=client.book_over),
                (client.reschedule, {"appointment": chance.choice(visits).pk, **place}),
                (client.move_over, {"appointment": chance.choice(visits).pk, **place}),
                chance.choice(undoings),
            ]
        )

    outcomes = crowd.race([choose(number) for number in range(SIZE)])

    done = {"held", "booked", "rescheduled", "moved", "over another", "undone"}
    refused = {"SlotTaken", "TakenTwice", "NotOffered", "RulesBroken", "WrongState", "ChangedMeanwhile"}
    assert set(tally(outcomes)) <= done | refused
    assert unexplained_overlaps() == 0
    assert Appointment.objects.exclude(status="cancelled").filter(slot=None).count() == 0
