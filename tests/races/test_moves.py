"""Holds and appointments move to each other's times at once."""

import pytest

from booking.models import Appointment, Hold
from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import double_bookings, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")
TIMES = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]


@pytest.fixture
def otis(harbour, consultation):
    """Otis, who gives consultations at Harbour Street too."""
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


def test_hold_moves_in_opposite_directions_do_not_deadlock(crowd, hold, hold_time, at, dana, otis):
    """Each move locks two clinicians: mornings go from Dana to Otis, afternoons from Otis to Dana."""
    mornings, afternoons = TIMES[:6], TIMES[8:]
    acts = []
    for time in mornings:
        old = hold_time(at(*time), clinician=dana, holder=f"{time}")
        acts += [hold(at(*time), f"{time}", clinician=otis.pk, replaces=old.pk)]
    for time in afternoons:
        old = hold_time(at(*time), clinician=otis, holder=f"{time}")
        acts += [hold(at(*time), f"{time}", clinician=dana.pk, replaces=old.pk)]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"held": len(acts)}
    live = Hold.objects.filter(status="active").values_list("clinician__name", "starts_at")
    assert sorted(live) == sorted(
        [("Otis Hale", at(*time)) for time in mornings] + [("Dana Reed", at(*time)) for time in afternoons]
    )


def test_reschedules_in_opposite_directions_do_not_deadlock(crowd, book, at, dana, otis):
    """Dana's mornings go to Otis, and Otis's afternoons to Dana."""
    mornings, afternoons = TIMES[:6], TIMES[8:]
    acts = []
    for here, there, times in ((dana, otis, mornings), (otis, dana, afternoons)):
        for time in times:
            appointment = book(at(*time), clinician=here, holder=f"{time}")
            arguments = {"appointment": appointment.pk, "clinician": there.pk, "starts_at": at(*time)}
            acts.append((client.reschedule, arguments))

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"rescheduled": len(acts)}
    assert sorted(Appointment.objects.values_list("clinician__name", "starts_at")) == sorted(
        [("Otis Hale", at(*time)) for time in mornings] + [("Dana Reed", at(*time)) for time in afternoons]
    )
    assert (Slot.objects.count(), double_bookings()) == (len(acts), 0)


def test_reschedules_to_one_time_have_one_winner(crowd, book, at, dana):
    appointments = [book(at(*time), holder=f"{time}") for time in TIMES[1:]]
    before = set(Appointment.objects.values_list("pk", "starts_at"))
    acts = [
        (client.reschedule, {"appointment": one.pk, "clinician": dana.pk, "starts_at": at(9)}) for one in appointments
    ]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"rescheduled": 1, "SlotTaken": len(acts) - 1}
    [moved] = set(Appointment.objects.values_list("pk", "starts_at")) - before
    assert moved[1] == at(9)
    assert (Slot.objects.count(), double_bookings()) == (len(acts), 0)


def test_holds_moved_to_each_others_time_are_refused_and_keep_their_time(crowd, hold, hold_time, at, dana, otis):
    """Alice and Bob want each other's time; each keeps a hold until the new one is placed, so both are refused."""
    alices, bobs = hold_time(at(9), holder="alice"), hold_time(at(9), clinician=otis, holder="bob")

    outcomes = crowd.race(
        [
            hold(at(9), "alice", clinician=otis.pk, replaces=alices.pk),
            hold(at(9), "bob", clinician=dana.pk, replaces=bobs.pk),
        ]
    )

    assert tally(outcomes) == {"SlotTaken": 2}
    assert set(Hold.objects.values_list("holder", "clinician__name", "status")) == {
        ("alice", "Dana Reed", "active"),
        ("bob", "Otis Hale", "active"),
    }


def test_twenty_moves_keep_hold_limit(crowd, hold, hold_time, at, dana, otis):
    """Alice has one page open in twenty windows, and picks another time in each."""
    old = hold_time(at(9))
    acts = [
        hold(at(*TIMES[1 + n % 13]), "alice", clinician=(dana, otis)[n % 2].pk, replaces=old.pk, limit=3)
        for n in range(20)
    ]

    outcomes = crowd.race(acts)

    won = tally(outcomes)
    assert won["held"] == Hold.objects.filter(status="active").count() == 3
    assert set(won) <= {"held", "SlotTaken", "TooManyHolds"}
    old.refresh_from_db()
    assert old.status == "released"
    assert double_bookings() == 0
