"""How often confirming a hold waits for the database."""

from datetime import date

import pytest

from booking.integrations.approvers import recent_remote, was_any_remote
from booking.models import Event
from patients.models import Patient
from tests.booking.api.v1.test_confirm import PERSON, hold, opening  # noqa: F401 (fixtures)
from tests.round_trips import list_round_trips

pytestmark = pytest.mark.django_db(transaction=True)

WHAT_IS_DUE = ["INSERT 0 1", "INSERT 0 2", "INSERT 0 0"]  # the mail, reminders and calendars


@pytest.fixture
def confirm(api, hold, monkeypatch):  # noqa: F811
    """Confirm the hold, and return the answer's events and the round trips."""

    def confirm(**body):
        monkeypatch.setattr(recent_remote, "max_age", 3600)  # it is asked once a second
        was_any_remote()
        with list_round_trips() as trips:
            response = api.post(f"/holds/{hold}/confirm", body)
        assert response.status_code == 201, response.content
        return [event["kind"] for event in response.json()["data"]["events"]], trips

    return confirm


def test_confirm_for_new_patient_waits_for_database_four_times(confirm):
    events, trips = confirm(patient=PERSON)

    assert trips == [
        ["SELECT 1"],  # the key
        ["SELECT 1"],  # the hold
        # The clinician's lock; behind it the hold and its approver; the lock of the patient's name, who has no record.
        ["BEGIN", "SELECT 1", "SELECT 1", "SELECT 0", "SELECT 1", "SELECT 0"],
        [
            *["INSERT 0 1", "INSERT 0 0"],  # the patient, and near matches
            "INSERT 0 0",  # all events, and who is told of them
            *["UPDATE 1", "UPDATE 1", "INSERT 0 1"],  # the hold, its slot, the appointment
            *WHAT_IS_DUE,
            *["COMMIT", "SELECT 3"],  # the events, for the answer
        ],
    ]
    assert events == ["hold.placed", "hold.confirmed", "appointment.created"]
    assert Event.objects.filter(kind="patient.created").count() == 1


def test_confirm_for_known_patient_waits_for_database_six_times(confirm):
    born = date(1985, 4, 12)
    alice = Patient.objects.create(first_name="Alice", last_name="Archer", date_of_birth=born, email=PERSON["email"])

    events, trips = confirm(patient_id=str(alice.pk))

    assert trips == [
        ["SELECT 1"],  # the key
        ["SELECT 1"],  # the hold
        ["SELECT 1"],  # the patient
        # As above, but the lock of the patient's record, and behind it their other visits.
        ["BEGIN", "SELECT 1", "SELECT 1", "SELECT 0", "SELECT 1", "SELECT 0"],
        ["UPDATE 1", "INSERT 0 0", "UPDATE 1", "INSERT 0 1", *WHAT_IS_DUE, "COMMIT", "SELECT 3"],
        ["INSERT 0 1"],  # who has seen the patient
    ]
    assert events == ["hold.placed", "hold.confirmed", "appointment.created"]
