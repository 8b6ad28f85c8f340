"""An anonymous visitor's confirm looks the same whether the clinic knows the person or not."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.models import Appointment, Event
from patients.models import Patient, PossibleDuplicate

PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "alice@example.org",
    "phone": "020 7946 0123",
}
BOB = {**PERSON, "first_name": "Bob", "email": "bob@example.org"}


@pytest.fixture
def confirm(public_api, hold):
    """Hold a time and confirm it for a person; returns the response."""

    def confirm(hour, person, **more):
        return public_api.post(f"/holds/{hold(hour)}/confirm", {"patient": person, **more})

    return confirm


@pytest.fixture
def hold(public_api, consultation, dana, at):
    """Hold a time: ``hold(9)`` returns the id."""

    def hold(hour):
        opening = {"appointment_type_id": str(consultation.pk), "start_time": at(hour).isoformat()}
        return public_api.post("/holds", opening).json()["data"]["id"]

    return hold


def shape(response):
    """The answer with all that is different in any two bookings taken out: ids, moments and the name itself."""
    text = response.content.decode()
    for pattern in (
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"\b[0-9a-f]{32}\b",
        r"\d{4}-\d\d-\d\dT[0-9:.+]+",
        r'(?<="reference":")[^"]+',
        r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",  # a token may begin with a hyphen
        "(?i)alice|bob",
    ):
        text = re.sub(pattern, "…", text)
    return response.status_code, text, sorted(set(response.headers) - {"ETag", "X-Request-Id"})


def test_confirm_of_known_and_unknown_person_looks_the_same(confirm):
    Patient.objects.create(**{**PERSON, "phone": "+442079460000"})

    known, unknown = confirm(9, PERSON), confirm(10, BOB)

    assert shape(known) == shape(unknown)
    assert known.json()["data"]["patient_id"] is unknown.json()["data"]["patient_id"] is None
    assert Patient.objects.count() == 2


def test_confirm_of_known_person_reveals_nothing_stored(confirm):
    Patient.objects.create(**{**PERSON, "first_name": "ALICE", "phone": "+442079460000", "nhs_number": "9990000018"})

    response = confirm(9, {**PERSON, "phone": ""})

    assert Appointment.objects.get().patient == Patient.objects.get()
    for stored in ("ALICE", "2079460000", "9990000018", str(Patient.objects.get().pk)):
        assert stored not in response.content.decode()


def test_repeated_confirm_and_read_look_the_same_for_known_and_unknown(hold, public_api):
    Patient.objects.create(**PERSON)
    tokens = [hold(9), hold(10)]
    for token, person in zip(tokens, (PERSON, BOB), strict=True):
        public_api.post(f"/holds/{token}/confirm", {"patient": person})

    again = [
        public_api.post(f"/holds/{token}/confirm", {"patient": person})
        for token, person in zip(tokens, (PERSON, BOB), strict=True)
    ]
    read = [public_api.get(f"/holds/{token}") for token in tokens]

    assert [response.status_code for response in again + read] == [200] * 4
    assert shape(again[0]) == shape(again[1])
    assert shape(read[0]) == shape(read[1])


def test_draft_and_its_confirm_look_the_same_for_known_and_unknown(hold, public_api):
    Patient.objects.create(**{**PERSON, "phone": "+442079460000"})
    drafts = [public_api.post("/patients", person) for person in (PERSON, BOB)]

    booked = [
        public_api.post(f"/holds/{hold(hour)}/confirm", {"patient_id": draft.json()["data"]["id"]})
        for hour, draft in zip((9, 10), drafts, strict=True)
    ]

    assert [response.status_code for response in drafts + booked] == [201] * 4
    assert shape(drafts[0]) == shape(drafts[1])
    assert shape(booked[0]) == shape(booked[1])
    assert Patient.objects.count() == 2


def test_confirm_looks_the_same_beside_an_archived_or_similar_patient(confirm):
    Patient.objects.create(**{**PERSON, "archived_at": "2026-01-01T00:00Z"})
    Patient.objects.create(**{**PERSON, "last_name": "Archibald"})

    assert shape(confirm(9, PERSON)) == shape(confirm(10, BOB))


def test_refused_confirm_looks_the_same_for_known_and_unknown(confirm):
    Patient.objects.create(**PERSON)

    known, unknown = [confirm(hour, {**person, "phone": "1"}) for hour, person in ((9, PERSON), (10, BOB))]

    assert shape(known) == shape(unknown)
    assert known.status_code == 400


# What undoes a known one's registration, and what is asked once a second, for whoever comes then.
NOT_COMPARED = re.compile('SAVEPOINT|SELECT 1 AS "a" FROM "booking_provider"')


def test_confirm_does_the_same_work_for_known_and_unknown(hold, public_api):
    Patient.objects.create(**{**PERSON, "phone": "+442079460000"})
    work = []
    for token, person in zip([hold(9), hold(10)], (PERSON, BOB), strict=True):
        with CaptureQueriesContext(connection) as captured:
            public_api.post(f"/holds/{token}/confirm", {"patient": person})
        statements = [query["sql"] for query in captured.captured_queries if not NOT_COMPARED.search(query["sql"])]
        work.append([re.sub("'[^']*'|[0-9]+", "?", statement.split("(")[0]) for statement in statements])

    assert work[0] == work[1]
    assert any('INSERT INTO "patients_patient"' in statement for statement in work[0])
    # What was done for the known one's sake is undone.
    assert Patient.objects.count() == 2
    assert Event.objects.filter(kind="patient.created").count() == 1
    assert not PossibleDuplicate.objects.exists()
