"""Confirm races with expiry, release, other takers and itself."""

from datetime import timedelta

import pytest

from booking.models import Appointment, Event, Hold, OutboxMessage
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import SIZE, at_length, double_bookings, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")


def make_expiry(milliseconds):
    """Return a function that lets every hold expire ``milliseconds`` after its call."""

    def ready():
        expires_at = database_now() + timedelta(milliseconds=milliseconds)
        Hold.objects.update(expires_at=expires_at)
        Slot.objects.update(expires_at=expires_at)

    return ready


@pytest.mark.parametrize("milliseconds", [-1, 10, 60_000, *at_length(5, 20, 40)])
def test_confirm_against_expiry_has_one_winner(milliseconds, crowd, hold_time, at):
    held = hold_time(at(9))
    acts = [
        (client.confirm, {"hold": held.pk, "email": "alice@example.org"}) if n % 2 else (client.expire, {})
        for n in range(SIZE)
    ]

    outcomes = crowd.race(acts, ready=make_expiry(milliseconds))

    held.refresh_from_db()
    if held.status == "confirmed":
        assert tally(outcomes) == {"confirmed": SIZE // 2, "swept": SIZE // 2}
        assert [(one.pk, one.slot_id) for one in Appointment.objects.all()] == [(held.pk, held.slot_id)]
        assert Slot.objects.get().expires_at is None
    else:
        assert tally(outcomes) == {"HoldExpired": SIZE // 2, "swept": SIZE // 2}
        assert not Appointment.objects.exists() and not OutboxMessage.objects.exists()
    assert milliseconds > 0 or held.status == "expired"
    assert milliseconds < 60_000 or held.status == "confirmed"


@pytest.mark.parametrize("milliseconds", [-1, 10, 60_000, *at_length(5, 20, 40)])
def test_confirm_against_other_takers_has_one_winner(milliseconds, crowd, hold, hold_time, at):
    alices = hold_time(at(9))
    acts = [(client.confirm, {"hold": alices.pk, "email": "alice@example.org"}), (client.expire, {})]
    acts += [hold(at(9), f"client {n}") for n in range(SIZE - 2)]

    outcomes = crowd.race(acts, ready=make_expiry(milliseconds))

    won = tally(outcomes)
    live = Hold.objects.filter(status="active", slot__isnull=False).exclude(pk=alices.pk)
    assert won["confirmed"] + won["held"] <= 1  # 0 when the others came before its expiry and Alice after it
    assert (Appointment.objects.count(), live.count()) == (won["confirmed"], won["held"])
    assert double_bookings() == 0
    assert milliseconds > 0 or won["held"] == 1
    assert milliseconds < 60_000 or won["confirmed"] == 1


def test_hundred_confirms_create_one_appointment(crowd, hold_time, at):
    held = hold_time(at(9))

    outcomes = crowd.race([(client.confirm, {"hold": held.pk, "email": "alice@example.org"})] * SIZE)

    assert tally(outcomes) == {"confirmed": SIZE}
    assert Appointment.objects.count() == OutboxMessage.objects.count() == Patient.objects.count() == 1
    assert list(Event.objects.values_list("sequence", "kind")) == [
        (1, "hold.placed"),
        (1, "patient.created"),
        (2, "hold.confirmed"),
        (3, "appointment.created"),
    ]


@pytest.mark.parametrize("hour", [9, 10, *at_length(11, 13)])
def test_confirm_against_release_has_one_winner(hour, crowd, hold_time, at):
    held = hold_time(at(hour))
    acts = [
        (client.confirm, {"hold": held.pk, "email": "alice@example.org"}),
        (client.release, {"hold": held.pk}),
    ]

    outcomes = crowd.race(acts * (SIZE // 2))

    held.refresh_from_db()
    if held.status == "confirmed":
        assert tally(outcomes) == {"confirmed": SIZE // 2, "WrongState": SIZE // 2}
        assert Appointment.objects.count() == Slot.objects.count() == 1
    else:
        assert tally(outcomes) == {"HoldNotFound": SIZE // 2, "released": SIZE // 2}
        assert Appointment.objects.count() == Slot.objects.count() == 0


@pytest.mark.parametrize("milliseconds", [-1, 10, 60_000, *at_length(5, 20)])
def test_extend_against_expiry_has_one_winner(milliseconds, crowd, hold_time, at):
    held = hold_time(at(9))
    acts = [(client.extend, {"hold": held.pk})] * 10 + [(client.expire, {})] * 10

    outcomes = crowd.race(acts, ready=make_expiry(milliseconds))

    won = tally(outcomes)
    held.refresh_from_db()
    if won["extended"]:
        assert won == {"extended": 10, "swept": 10}
        assert (held.status, held.extensions, held.slot.expires_at) == ("active", 10, held.expires_at)
    else:
        assert won == {"HoldExpired": 10, "swept": 10}
        assert held.extensions == 0
    assert milliseconds > 0 or held.status == "expired"
    assert milliseconds < 60_000 or won["extended"]


def test_concurrent_extensions_stop_at_limit(crowd, hold_time, at):
    held = hold_time(at(9))

    outcomes = crowd.race([(client.extend, {"hold": held.pk})] * SIZE)

    assert tally(outcomes) == {"extended": 10, "TooManyExtensions": SIZE - 10}
    held.refresh_from_db()
    assert held.extensions == 10


def test_concurrent_confirms_of_new_patient_create_one_patient(crowd, hold_time, harbour, consultation, at):
    clinicians = [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(SIZE // 4)]
    helds = [hold_time(at(9), clinician=clinician, limit=None) for clinician in clinicians]

    outcomes = crowd.race([(client.confirm, {"hold": one.pk, "email": "alice@example.org"}) for one in helds])

    assert tally(outcomes) == {"confirmed": SIZE // 4}
    assert Patient.objects.get().appointments.count() == SIZE // 4
