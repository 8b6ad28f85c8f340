"""Concurrent changes based on one version: one wins, the others are refused."""

import json
from collections import Counter

import pytest

from booking.access.api_keys import create_key
from booking.api.etags import get_version
from booking.models import ApiKey, Event
from patients.models import Patient
from scheduling.models import Slot
from tests.races import client
from tests.races.crowd import at_length, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")
CLIENTS = 40
HALF_HOURS = [(hour, minute) for hour in (10, 11, 13, 14, 15, 16) for minute in (0, 30)]


@pytest.fixture
def send(transactional_db):
    """Return the act of sending a change: ``send("PATCH", "/patients/…", {…}, if_match=…)``."""
    _, key = create_key(name="server", kind="secret", scopes=ApiKey.Scope.values, requests_per_minute=100_000)

    def send(method, path, body, **headers):
        return client.call, {"method": method, "path": path, "key": key, "body": json.dumps(body).encode(), **headers}

    return send


def etag(row):
    return f'"{get_version(row)}"'


def count_statuses(outcomes):
    tally(outcomes)
    return Counter(outcome.what.status for outcome in outcomes)


def test_concurrent_changes_of_patient_have_one_winner(crowd, send, alice):
    alice.save()
    path, seen = f"/patients/{alice.pk}", etag(alice)

    outcomes = crowd.race([send("PATCH", path, {"first_name": "Al" + "i" * n}, if_match=seen) for n in range(CLIENTS)])

    assert count_statuses(outcomes) == {200: 1, 412: CLIENTS - 1}
    [accepted] = [json.loads(outcome.what.body)["data"] for outcome in outcomes if outcome.what.status == 200]
    assert Patient.objects.get().first_name == accepted["first_name"]


@pytest.mark.parametrize("again", [0, *at_length(1)])
def test_concurrent_reschedules_with_one_version_have_one_winner(again, crowd, send, book, at):
    appointment = book(at(9))
    path, seen = f"/appointments/{appointment.pk}/reschedule", etag(appointment)
    times = [at(*HALF_HOURS[n % len(HALF_HOURS)]).isoformat() for n in range(CLIENTS)]

    outcomes = crowd.race([send("POST", path, {"start_time": time}, if_match=seen) for time in times])

    assert count_statuses(outcomes) == {200: 1, 412: CLIENTS - 1}
    [accepted] = [json.loads(outcome.what.body)["data"] for outcome in outcomes if outcome.what.status == 200]
    assert [slot.period.lower.isoformat() for slot in Slot.objects.all()] != [at(9).isoformat()]
    assert Event.objects.filter(kind="appointment.rescheduled").count() == 1
    appointment.refresh_from_db()
    assert appointment.local_start.isoformat() == accepted["start_time"]


def test_cancel_against_reschedule_has_one_winner(crowd, send, book, at):
    appointment = book(at(9))
    path, seen = f"/appointments/{appointment.pk}", etag(appointment)
    acts = [
        send("POST", f"{path}/cancel", {"reason": "other"}, if_match=seen),
        send("POST", f"{path}/reschedule", {"start_time": at(10).isoformat()}, if_match=seen),
    ]

    outcomes = crowd.race(acts * (CLIENTS // 2))

    assert count_statuses(outcomes)[200] == 1


@pytest.mark.parametrize("thing", ["appointment", "patient", "clinician"])
def test_concurrent_changes_of_metadata_are_merged(thing, crowd, send, book, at):
    appointment = book(at(9))
    paths = {
        "appointment": f"/appointments/{appointment.pk}",
        "patient": f"/patients/{appointment.patient_id}",
        "clinician": f"/clinicians/{appointment.clinician_id}",
    }

    outcomes = crowd.race([send("PATCH", paths[thing], {"metadata": {f"key {n}": str(n)}}) for n in range(CLIENTS)])

    assert count_statuses(outcomes) == {200: CLIENTS}
    row = appointment if thing == "appointment" else getattr(appointment, thing)
    row.refresh_from_db()
    assert row.metadata == {f"key {n}": str(n) for n in range(CLIENTS)}


def test_concurrent_patients_with_one_external_id_are_one(crowd, send):
    people = [
        {
            "first_name": "Al" + "i" * n,
            "last_name": "Archer",
            "date_of_birth": "1985-04-12",
            "email": f"{n}@example.org",
        }
        for n in range(CLIENTS)
    ]

    outcomes = crowd.race([send("POST", "/patients", {**person, "external_id": "P-1"}) for person in people])

    assert count_statuses(outcomes) == {201: 1, 409: CLIENTS - 1}
    assert Patient.objects.count() == 1
