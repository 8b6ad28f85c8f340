"""Merge races with bookings for either record: none is left with the archived one."""

import pytest

from booking.models import Appointment, Hold
from patients.models import Patient
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import at_length, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")
HOURS = (9, 10, 11, 13, 14, 15)


@pytest.fixture
def five_clinicians(harbour, consultation):
    return [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(5)]


@pytest.mark.parametrize("again", [0, *at_length(1, 2)])
def test_merge_against_bookings_loses_nothing_and_does_not_block(again, crowd, hold_time, five_clinicians, alice, at):
    alice.save()
    duplicate = Patient.objects.create(
        first_name="Alice", last_name="Archer", date_of_birth=alice.date_of_birth, email="alice@work.example.org"
    )
    times = [(clinician, at(hour)) for hour in HOURS for clinician in five_clinicians]
    held = [
        hold_time(starts_at, clinician=clinician, patient=duplicate if number % 2 else None, limit=None)
        for number, (clinician, starts_at) in enumerate(times)
    ]
    acts = [
        (client.confirm_for_its_patient, {"hold": one.pk})
        if one.patient_id
        else (client.confirm, {"hold": one.pk, "email": duplicate.email})
        for one in held
    ]
    acts.insert(len(acts) // 2, (client.merge, {"keep": alice.pk, "duplicate": duplicate.pk}))

    tallied = tally(crowd.race(acts))

    assert tallied["merged"] == 1
    assert tallied["confirmed"] + tallied["PatientArchived"] == len(held)
    assert not Appointment.objects.exclude(patient__archived_at=None).exists()
    assert not Hold.objects.filter(patient=duplicate).exists()
