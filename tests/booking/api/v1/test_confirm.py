"""A hold becomes an appointment."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection, transaction

from booking.domain.holds import release_hold
from booking.models import Appointment, Event, Hold, OutboxMessage
from patients.models import Consent, Patient
from scheduling.models import Location
from scheduling.slots import lock_clinician
from tests.booking.api.conftest import SITE, Caller
from tests.ledger import lapse, nothing_changes
from tests.waiting import wait_until

PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "Alice@Example.org",
    "phone": "020 7946 0123",
}


@pytest.fixture
def opening(consultation, dana, harbour, at):
    return {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}


@pytest.fixture
def hold(api, opening):
    """The id of a hold that the server has placed, of nine o'clock with Dana."""
    return api.post("/holds", opening).json()["data"]["id"]


@pytest.fixture
def confirm(api, hold):
    """Confirm the hold: ``confirm(patient=PERSON)``."""
    return lambda **body: api.post(f"/holds/{hold}/confirm", body)


def problem(response):
    return response.status_code, response.json()["code"]


def test_confirmed_appointment_has_all_members(confirm, hold, dana, harbour, consultation, at):
    response = confirm(patient=PERSON, notes="My left knee.")

    appointment = Appointment.objects.get()
    assert response.json()["data"] == {
        "id": hold,
        "reference": appointment.reference,
        "status": "confirmed",
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
        "end_time": at(9, 30).isoformat(),
        "timezone": "Europe/London",
        "is_remote": False,
        "meeting_url": "",
        "patient_id": str(appointment.patient_id),
        "attendee_name": "Alice Archer",
        "attendee_email": "alice@example.org",
        "attendee_phone": "+442079460123",
        "contact_name": "",
        "relation": "",
        "notes": "My left knee.",
        "price": 60.0,
        "currency": "GBP",
        "can_reschedule": True,
        "can_cancel": True,
        "cancellation_reason": "",
        "arrived_at": None,
        "seen_at": None,
        "order_id": None,
        "provider": None,
        "provider_id": "",
        "external_id": "",
        "metadata": {},
        "answer_by": None,
        "events": [
            {
                "sequence": event.sequence,
                "kind": event.kind,
                "created_at": event.created_at.isoformat(),
                "status": status,
                "data": {},
            }
            for event, status in zip(
                Event.objects.filter(subject_id=hold), ["active", "confirmed", "confirmed"], strict=True
            )
        ],
        "created_at": appointment.created_at.isoformat(),
        "updated_at": appointment.updated_at.isoformat(),
    }
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver/api/v1/appointments/{hold}"
    assert response["Cache-Control"] == "no-store"
    assert [event["kind"] for event in response.json()["data"]["events"]] == [
        "hold.placed",
        "hold.confirmed",
        "appointment.created",
    ]


def test_confirm_answers_the_etag_of_the_appointment(confirm, api, hold):
    assert confirm(patient=PERSON)["ETag"] == api.get(f"/appointments/{hold}")["ETag"]


def test_confirm_by_patient_id_books_for_that_patient(confirm, alice):
    alice.save()

    data = confirm(patient_id=str(alice.pk)).json()["data"]

    assert data["patient_id"] == str(alice.pk)
    assert [data[f"attendee_{part}"] for part in ("name", "email", "phone")] == [
        "Alice Archer",
        "alice@example.org",
        "+442079460123",
    ]


def test_confirm_of_a_known_person_finds_and_does_not_change_them(confirm, alice):
    alice.save()

    data = confirm(patient={**PERSON, "first_name": "ALICE", "phone": "020 7946 0000"}).json()["data"]

    assert data["patient_id"] == str(alice.pk)
    assert data["attendee_phone"] == "+442079460000"
    assert [(patient.first_name, patient.phone) for patient in Patient.objects.all()] == [("Alice", "+442079460123")]


def test_confirm_for_an_archived_patient_is_400(confirm, alice):
    alice.archived_at = "2026-01-01T00:00Z"
    alice.save()

    refused = confirm(patient_id=str(alice.pk))
    made = confirm(patient=PERSON)

    assert problem(refused) == (400, "validation")
    assert made.json()["data"]["patient_id"] != str(alice.pk)


def test_confirm_accepts_attendee_details_as_in_the_guide(confirm, alice):
    alice.save()

    data = confirm(
        patient_id=str(alice.pk), attendee_name="Ali A.", attendee_email="ali@example.org", attendee_phone="ask at desk"
    ).json()["data"]

    assert [data[f"attendee_{part}"] for part in ("name", "email", "phone")] == [
        "Ali A.",
        "ali@example.org",
        "ask at desk",
    ]


CHILD = {"contact_name": "Alice Archer", "relation": "child"}


def test_confirm_for_a_child_keeps_who_is_written_to(confirm):
    data = confirm(patient=PERSON | {"first_name": "Tim", "date_of_birth": "2019-05-02"}, **CHILD).json()["data"]

    tim = Patient.objects.get()
    assert {name: data[name] for name in ("attendee_name", *CHILD)} == {"attendee_name": "Tim Archer", **CHILD}
    assert (tim.contact_name, tim.relation) == ("Alice Archer", "child")


def test_confirm_of_a_stored_child_takes_the_contact_of_the_record(confirm, alice):
    alice.contact_name, alice.relation = "Paula Archer", "parent"
    alice.save()

    data = confirm(patient_id=str(alice.pk)).json()["data"]

    assert (data["contact_name"], data["relation"]) == ("Paula Archer", "parent")


@pytest.mark.parametrize("body", [{"relation": "child"}, {"relation": "owl", "contact_name": "Al"}])
def test_confirm_with_a_relation_to_nobody_or_of_another_word_is_400(confirm, body):
    with nothing_changes():
        response = confirm(patient=PERSON, **body)

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/relation"]


def test_repeated_confirm_is_200_with_the_same_appointment(confirm):
    first = confirm(patient=PERSON)

    with nothing_changes():
        second = confirm(patient=PERSON)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["data"] == second.json()["data"]
    assert first["ETag"] == second["ETag"]


def test_confirm_of_an_expired_hold_is_404_with_its_time_among_the_alternatives(confirm, hold, at):
    lapse(Hold.objects.get())

    with nothing_changes():
        response = confirm(patient=PERSON)

    body = response.json()
    assert problem(response) == (404, "hold-expired")
    assert datetime.fromisoformat(body["expired_at"]) == Hold.objects.get().expires_at
    assert [alternative["start_time"] for alternative in body["alternatives"]] == [
        at(9).isoformat(),
        at(9, 30).isoformat(),
        at(10).isoformat(),
    ]


def test_confirm_of_a_released_hold_is_refused(confirm, hold):
    release_hold(Hold.objects.get(), actor="patient")

    assert problem(confirm(patient=PERSON)) == (404, "not-found")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["patient_id"]),
        ({"patient": PERSON, "patient_id": str(uuid4())}, ["patient_id"]),
        ({"patient_id": str(uuid4())}, ["patient_id"]),
        ({"patient": {}}, [f"patient/{name}" for name in ("date_of_birth", "email")]),
        ({"patient": {**PERSON, "first_name": "", "last_name": "\u200b"}}, ["patient/first_name"]),
        ({"patient": {**PERSON, "email": "alice"}}, ["patient/email"]),
        ({"patient": {**PERSON, "phone": "1"}}, ["patient/phone"]),
        ({"patient": {**PERSON, "date_of_birth": "2999-01-01"}}, ["patient/date_of_birth"]),
        ({"patient": {**PERSON, "nhs_number": "9990000018"}}, ["patient/nhs_number"]),
        ({"patient": {**PERSON, "first_name": "Al\u202eice"}}, ["patient/first_name"]),
        ({"patient": PERSON, "attendee_email": "x"}, ["attendee_email"]),
        ({"patient": PERSON, "notes": "x" * 2001}, ["notes"]),
        ({"patient": PERSON, "atendee_name": "x"}, ["atendee_name"]),
    ],
)
def test_invalid_confirm_is_400_naming_the_fields(body, fields, confirm, hold):
    with nothing_changes():
        response = confirm(**body)

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{field}" for field in fields]


def test_confirm_by_patient_id_without_a_patients_scope_is_403(client, make_key, opening, alice):
    alice.save()
    caller = Caller(client, make_key(scopes=["write_holds"])[1])
    hold = caller.post("/holds", opening).json()["data"]["id"]

    answers = [caller.post(f"/holds/{hold}/confirm", {"patient_id": str(id)}) for id in (alice.pk, uuid4(), "x")]

    assert [problem(response) for response in answers] == [(403, "missing-scope")] * 3
    assert [response.json()["scope"] for response in answers] == ["read_patients"] * 3


def test_publishable_key_confirms_and_learns_no_patient_id(public_api, opening):
    hold = public_api.post("/holds", opening).json()["data"]["id"]

    response = public_api.post(f"/holds/{hold}/confirm", {"patient": PERSON})

    assert (response.status_code, response.json()["data"]["patient_id"]) == (201, None)
    assert Appointment.objects.get().patient.email == "alice@example.org"


def test_repeated_confirm_of_a_visitor_shows_only_what_is_sent_again(public_api, opening):
    hold = public_api.post("/holds", opening).json()["data"]["id"]
    first = public_api.post(f"/holds/{hold}/confirm", {"patient": PERSON, "notes": "My left knee."})
    Appointment.objects.update(meeting_url="https://video.example/alice")
    somebody = {**PERSON, "first_name": "Bob", "email": "bob@example.org"}

    with nothing_changes():
        same = public_api.post(f"/holds/{hold}/confirm", {"patient": PERSON, "notes": "My left knee."})
        other = public_api.post(f"/holds/{hold}/confirm", {"patient": somebody})

    told = first.json()["data"]
    assert (same.status_code, same.json()["data"]) == (200, told)
    nobody = dict.fromkeys(["attendee_name", "attendee_email", "notes"], "")  # the phone number is the same
    assert (other.status_code, other.json()["data"]) == (200, told | nobody)
    assert "Location" not in first  # the key may not read it there


def test_concurrent_confirms_answer_201_once(api, elsewhere, consultation, dana, harbour, at):
    opening = {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}
    hold = api.post("/holds", opening).json()["data"]["id"]
    people = [{**PERSON, "first_name": name, "email": f"{name}@example.org"} for name in ("Alice", "Bob", "Carol")]

    with transaction.atomic():
        lock_clinician(dana.pk)
        answers = [elsewhere(api.post, f"/holds/{hold}/confirm", {"patient": person}) for person in people]
        wait_until(lambda: waiting_for_locks() == len(people))

    assert sorted(answer.result().status_code for answer in answers) == [200, 200, 201]
    assert len({answer.result().json()["data"]["attendee_name"] for answer in answers}) == 1
    assert [patient.first_name for patient in Patient.objects.all()] == [Appointment.objects.get().patient.first_name]


def waiting_for_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def test_publishable_key_cannot_confirm_by_patient_id(client, make_key, public_api, opening, alice):
    alice.save()
    page = Caller(client, make_key(kind="publishable", scopes=["write_holds"], allowed_origins=[SITE])[1], origin=SITE)

    for caller, refusal in ((public_api, (404, "draft-not-found")), (page, (403, "missing-scope"))):
        hold = caller.post("/holds", {**opening, "clinician_id": None}).json()["data"]["id"]
        with nothing_changes():
            assert problem(caller.post(f"/holds/{hold}/confirm", {"patient_id": str(alice.pk)})) == refusal
        caller.delete(f"/holds/{hold}")


def test_confirm_writes_the_email_to_the_outbox(confirm, mailoutbox):
    confirm(patient=PERSON)

    assert [(message.kind, message.status) for message in OutboxMessage.objects.all()] == [
        ("email.appointment_confirmed", "waiting")
    ]
    assert mailoutbox == []


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("(212) 555-0142", "+12125550142"),
        ("1-212-555-0142", "+12125550142"),
        ("011 44 20 7946 0000", "+442079460000"),
        ("020 7946 0000", "+442079460000"),
        ("212-555-0142 x204", "tel:+12125550142;ext=204"),
    ],
)
def test_confirm_reads_phone_as_one_of_the_location_country(confirm, typed, number):
    Location.objects.update(country="US")

    data = confirm(patient={**PERSON, "phone": typed}, attendee_name="Ada Archer").json()["data"]

    assert data["attendee_phone"] == number
    assert Patient.objects.get().phone_with_extension == number


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("020 7946 0001 x2", "tel:+442079460001;ext=2"), ("(212) 555-0142", "(212) 555-0142"), ("bed 12", "bed 12")],
)
def test_attendee_phone_is_kept_like_a_patient_phone_if_it_is_a_number(confirm, typed, kept):
    assert confirm(patient=PERSON, attendee_phone=typed).json()["data"]["attendee_phone"] == kept


def test_request_that_asks_for_reminders_is_the_patients_consent(api, confirm, hold, dana, harbour, consultation, at):
    assert confirm(patient=PERSON, wants_reminders=False).status_code == 201
    assert not Consent.objects.exists()
    body = {"appointment_type_id": str(consultation.pk), "clinician_id": str(dana.pk), "location_id": str(harbour.pk)}
    body |= {"start_time": at(11).isoformat(), "patient": PERSON, "wants_reminders": True}

    for _ in range(2):
        assert api.post("/appointments", body).status_code == 201
        body["start_time"] = at(14).isoformat()

    assert Consent.objects.values_list("purpose", "withdrawn_at").get() == ("reminders", None)
