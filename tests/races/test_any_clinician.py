"""Many clients want one time with any clinician."""

import pytest

from booking.models import Appointment, Hold
from scheduling.models import Clinician
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import double_bookings, tally


@pytest.fixture
def eight_clinicians(transactional_db, harbour, consultation):
    """Eight clinicians."""
    return [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(8)]


def make_acts(consultation, starts_at, number):
    return [
        (client.hold_with_anyone, {"service": consultation.pk, "starts_at": starts_at, "holder": f"phone {n}"})
        for n in range(number)
    ]


def test_eight_clients_for_any_of_eight_clinicians_all_win(crowd, no_deadlock, eight_clinicians, consultation, at):
    outcomes = crowd.race(make_acts(consultation, at(9), 8))

    assert tally(outcomes) == {str(clinician.pk): 1 for clinician in eight_clinicians}
    assert Hold.objects.count() == 8
    assert double_bookings() == 0
    assert not Clinician.objects.filter(last_assigned_at=None).exists()


def test_forty_clients_for_any_of_eight_clinicians_have_eight_winners(
    crowd, no_deadlock, eight_clinicians, consultation, at
):
    outcomes = crowd.race(make_acts(consultation, at(9), 40))

    assert tally(outcomes) == {**{str(clinician.pk): 1 for clinician in eight_clinicians}, "SlotTaken": 32}
    assert double_bookings() == 0


def test_one_patient_with_eight_clinicians_at_once_is_booked_with_one(
    crowd, no_deadlock, eight_clinicians, hold_time, alice, at
):
    alice.save()
    held = [
        hold_time(at(9), clinician=clinician, patient=alice, holder=f"key {n}")
        for n, clinician in enumerate(eight_clinicians)
    ]

    outcomes = crowd.race([(client.confirm_for_its_patient, {"hold": one.pk, "must_be_free": True}) for one in held])

    assert tally(outcomes) == {"confirmed": 1, "PatientBusy": 7}
    assert Appointment.objects.count() == 1
