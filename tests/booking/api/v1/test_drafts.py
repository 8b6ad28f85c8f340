"""What a page of another site sends and reads of patients with a publishable key: nobody, and drafts."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from booking.access.api_keys import rotate_key
from booking.api.outputs import OF_ATTENDEE
from booking.domain.patient_drafts import MAX_LIVE_DRAFTS_PER_NETWORK
from booking.models import Appointment, Event, Hold, IdempotentAnswer, PatientDraft
from patients.models import Patient
from scheduling.lib.clock import database_now
from tests.booking.api.conftest import SITE, Caller
from tests.ledger import lapse, nothing_changes

PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "Alice@Example.org",
    "phone": "020 7946 0123",
}


@pytest.fixture
def opening(consultation, dana, harbour, at):
    """Nine o'clock with Dana."""
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


@pytest.fixture
def hold(public_api, opening):
    """Hold a time on the page: ``hold(at(10))`` returns its id, of nine o'clock if nothing is said."""

    def hold(starts_at=None):
        start = {"start_time": starts_at.isoformat()} if starts_at else {}
        response = public_api.post("/holds", opening | start)
        assert response.status_code == 201, response.content
        return response.json()["data"]["id"]

    return hold


@pytest.fixture
def draft(public_api):
    """Write Alice down on the page: ``draft()`` returns the id."""

    def draft(**changes):
        response = public_api.post("/patients", PERSON | changes)
        assert response.status_code == 201, response.content
        return response.json()["data"]["id"]

    return draft


def problem(response):
    return response.status_code, response.json()["code"]


def without_id(response):
    return {**response.json(), "meta": {**response.json()["meta"], "request_id": None}}


# The search


def test_search_with_a_publishable_key_finds_nobody_with_the_same_statements(
    public_api, alice, django_assert_num_queries
):
    alice.save()
    public_api.get("/patients")  # notes that the key was used
    answers = []
    for query in ({"search": "Alice Archer", "limit": 5}, {"search": "nobody at all"}, {"search": ""}, {}):
        with django_assert_num_queries(1):  # the key's
            response = public_api.get("/patients", query=query)
        assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, SITE)
        answers.append(without_id(response))
    empty = {"data": [], "meta": {"request_id": None, "next_cursor": None, "has_more": False}}
    assert answers == [empty] * 4


def test_publishable_key_reads_and_changes_no_patient(public_api, alice, draft):
    alice.save()
    for id in (alice.pk, draft(), uuid4()):
        with nothing_changes():
            assert problem(public_api.get(f"/patients/{id}")) == (403, "missing-scope")
            assert problem(public_api.patch(f"/patients/{id}", {"phone": ""})) == (403, "missing-scope")


# A draft


def test_patient_of_a_publishable_key_is_a_draft_with_a_patients_members(public_api):
    response = public_api.post("/patients", PERSON)

    draft = PatientDraft.objects.get()
    data = response.json()["data"]
    assert UUID(data.pop("id")).version == 4
    assert data == data | {
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": "1985-04-12",
        "email": "alice@example.org",
        "phone": "+442079460123",
        "nhs_number": "",
        "created_at": draft.created_at.isoformat(),
        "updated_at": draft.created_at.isoformat(),
    }
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (201, SITE)
    assert response["Cache-Control"] == "no-store"
    assert "Location" not in response
    assert not Patient.objects.exists()
    assert not Event.objects.exists()


def test_draft_has_the_members_of_a_patient(api, public_api):
    drafted, patient = public_api.post("/patients", PERSON), api.post("/patients", PERSON)

    assert list(drafted.json()["data"]) == list(patient.json()["data"])


def test_draft_of_a_known_person_is_answered_like_anybodys(public_api, alice):
    alice.save()

    known = public_api.post("/patients", PERSON)
    other = public_api.post("/patients", PERSON | {"first_name": "Bob"})

    assert known.status_code == other.status_code == 201
    shown = [response.json()["data"] for response in (known, other)]
    for each in shown:
        for name in ("id", "first_name", "created_at", "updated_at"):
            del each[name]
    assert shown[0] == shown[1]
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"first_name": "", "last_name": " "}, ["first_name"]),
        ({"date_of_birth": "1899-12-31"}, ["date_of_birth"]),
        ({"date_of_birth": None}, ["date_of_birth"]),
        ({"email": "alice"}, ["email"]),
        ({"phone": "12"}, ["phone"]),
        ({"nhs_number": "9990000018"}, ["nhs_number"]),
        ({"allow_duplicate": True}, ["allow_duplicate"]),
        ({"external_id": "7"}, ["external_id"]),
        ({"metadata": {}}, ["metadata"]),
    ],
)
def test_invalid_draft_is_400_naming_the_fields(changes, fields, public_api):
    with nothing_changes():
        response = public_api.post("/patients", PERSON | changes)

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{field}" for field in fields]


def test_draft_needs_the_scope(client, make_key):
    limited = make_key(kind="publishable", scopes=["write_holds", "read_patients"], allowed_origins=[SITE])[1]

    with nothing_changes():
        response = Caller(client, limited, origin=SITE).post("/patients", PERSON)

    assert (problem(response), response.json()["scope"]) == ((403, "missing-scope"), "write_patients")


def test_draft_with_an_idempotency_key_leaves_no_answer_that_outlives_it(public_api):
    first, again = (public_api.post("/patients", PERSON, idempotency_key="one") for _ in range(2))

    assert (first.status_code, again.status_code, PatientDraft.objects.count()) == (201, 201, 2)
    assert not IdempotentAnswer.objects.exists()


def test_too_many_drafts_of_a_network_are_429(public_api, client):
    for _ in range(MAX_LIVE_DRAFTS_PER_NETWORK):
        response = public_api.post("/patients", PERSON)
    assert response.status_code == 201

    with nothing_changes():
        response = public_api.post("/patients", PERSON)

    assert problem(response) == (429, "too-many-drafts")
    assert 3500 < int(response["Retry-After"]) <= 3601
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert public_api.post("/patients", PERSON).status_code == 201


# Confirming with it


def test_confirm_with_a_draft_makes_the_appointment_and_the_patient(public_api, hold, draft):
    held = hold()

    response = public_api.post(
        f"/holds/{held}/confirm",
        {
            "patient_id": draft(),
            "attendee_name": "Alice Archer",
            "attendee_email": "alice@example.org",
            "attendee_phone": "",
        },
    )

    appointment = Appointment.objects.get()
    data = response.json()["data"]
    assert response.status_code == 201
    assert (data["status"], data["reference"], data["patient_id"]) == ("confirmed", appointment.reference, None)
    assert (data["attendee_name"], data["attendee_phone"]) == ("Alice Archer", "+442079460123")
    assert (appointment.patient.email, str(appointment.patient.date_of_birth)) == ("alice@example.org", "1985-04-12")
    assert not PatientDraft.objects.exists()
    kinds = ["hold.placed", "patient.created", "hold.confirmed", "appointment.created"]
    assert sorted(Event.objects.values_list("kind", flat=True)) == sorted(kinds)


def test_confirm_with_the_draft_of_a_known_person_finds_them_unchanged(public_api, hold, draft, alice):
    alice.phone = "+442079460000"
    alice.save()
    before = Patient.objects.values().get()

    response = public_api.post(f"/holds/{hold()}/confirm", {"patient_id": draft()})

    data = response.json()["data"]
    assert (response.status_code, data["patient_id"], data["attendee_phone"]) == (201, None, "+442079460123")
    assert Patient.objects.values().get() == before
    assert Appointment.objects.get().patient == alice


def test_draft_confirms_one_hold_only(public_api, hold, draft, at):
    id, first, second = draft(), hold(), hold(at(10))
    public_api.post(f"/holds/{first}/confirm", {"patient_id": id})

    with nothing_changes():
        response = public_api.post(f"/holds/{second}/confirm", {"patient_id": id})

    assert problem(response) == (404, "draft-not-found")
    assert response["Access-Control-Allow-Origin"] == SITE


def test_repeated_confirm_with_the_used_draft_is_the_same_appointment(public_api, hold, draft):
    id, held = draft(), hold()
    first = public_api.post(f"/holds/{held}/confirm", {"patient_id": id})

    with nothing_changes():
        again = public_api.post(f"/holds/{held}/confirm", {"patient_id": id})

    nobody = dict.fromkeys(OF_ATTENDEE, "")
    assert (again.status_code, again.json()["data"]) == (200, first.json()["data"] | nobody)


def test_confirm_with_an_unknown_an_expired_or_a_patients_id_is_404(public_api, hold, draft, alice):
    alice.save()
    held, old = hold(), draft()
    PatientDraft.objects.update(expires_at=database_now())

    answers = []
    for id in (uuid4(), old, alice.pk):
        with nothing_changes():
            response = public_api.post(f"/holds/{held}/confirm", {"patient_id": str(id)})
        assert problem(response) == (404, "draft-not-found")
        answers.append({**response.json(), "request_id": None})

    assert answers[0] == answers[1] == answers[2]


def test_confirm_with_a_malformed_id_is_400(public_api, hold):
    held = hold()

    for id in ("x", "", 7):
        with nothing_changes():
            assert problem(public_api.post(f"/holds/{held}/confirm", {"patient_id": id})) == (400, "validation")


def test_draft_is_good_for_its_key_and_site_only(client, make_key, opening, draft_of):
    elsewhere = "https://www.elsewhere.example"
    key, plain = make_key(kind="publishable", allowed_origins=[SITE, elsewhere])
    other = make_key(kind="publishable", allowed_origins=[SITE])[1]
    page, same_key, same_site = (
        Caller(client, plain, origin=SITE),
        Caller(client, plain, origin=elsewhere),
        Caller(client, other, origin=SITE),
    )
    id = draft_of(page)

    for stranger in (same_key, same_site):
        held = stranger.post("/holds", opening).json()["data"]["id"]
        with nothing_changes():
            assert problem(stranger.post(f"/holds/{held}/confirm", {"patient_id": id})) == (404, "draft-not-found")
        stranger.delete(f"/holds/{held}")
    rotated = Caller(client, rotate_key(key, overlap=timedelta())[1], origin=SITE)
    held = rotated.post("/holds", opening).json()["data"]["id"]
    assert rotated.post(f"/holds/{held}/confirm", {"patient_id": id}).status_code == 201


@pytest.fixture
def draft_of():
    """Write Alice down as a caller: ``draft_of(page)`` returns the id."""
    return lambda caller: caller.post("/patients", PERSON).json()["data"]["id"]


def test_secret_key_confirms_with_patients_only(api, opening, draft):
    id, held = draft(), api.post("/holds", opening).json()["data"]["id"]

    with nothing_changes():
        response = api.post(f"/holds/{held}/confirm", {"patient_id": id})

    assert problem(response) == (400, "validation")
    assert [error["code"] for error in response.json()["errors"]] == ["does_not_exist"]


def test_draft_outlives_the_hold_that_it_could_not_confirm(public_api, hold, draft, at):
    id, held = draft(), hold()
    lapse(Hold.objects.get())

    with nothing_changes():
        response = public_api.post(f"/holds/{held}/confirm", {"patient_id": id})

    assert problem(response) == (404, "hold-expired")
    assert public_api.post(f"/holds/{hold(at(10))}/confirm", {"patient_id": id}).status_code == 201


def test_draft_outlives_a_provider_that_does_not_answer(public_api, hold, draft, lab):
    id, held = draft(), hold()
    lab.behaviour = "down"
    sync = {"sync_confirmation_timeout_millisecond": 1000}

    response = public_api.post(f"/holds/{held}/confirm", {"patient_id": id, **sync})

    assert problem(response) == (502, "provider-unavailable")
    assert (PatientDraft.objects.count(), Patient.objects.count()) == (1, 0)
    lab.behaviour = "answers"
    assert public_api.post(f"/holds/{held}/confirm", {"patient_id": id}).status_code == 201


def test_confirmed_draft_with_an_idempotency_key_is_replayed(public_api, hold, draft):
    id, held = draft(), hold()

    first, again = (
        public_api.post(f"/holds/{held}/confirm", {"patient_id": id}, idempotency_key="one") for _ in range(2)
    )

    assert (first.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")


# The hold's id


def test_hold_of_a_publishable_key_is_known_by_its_token_alone(public_api, opening, at):
    placed = public_api.post("/holds", opening)

    held = Hold.objects.get()
    token = placed.json()["data"]["id"]
    assert placed["Location"] == f"http://testserver/api/v1/holds/{token}"
    read = public_api.get(f"/holds/{token}")
    extended = public_api.post(f"/holds/{token}/extend")  # it is too early, so nothing happens
    assert extended.json()["data"]["expires_at"] == placed.json()["data"]["expires_at"]
    moved = public_api.post(f"/holds/{token}/move", {"start_time": at(10).isoformat()})
    released = public_api.delete(f"/holds/{token}")
    for response in (read, extended, moved, released):
        assert (response.status_code, response.json()["data"]["id"]) == (200, token)
    for response in (placed, read, extended, moved, released):
        assert str(held.pk) not in response.text + str(response.headers)
    assert token not in str(Hold.objects.values().get())
    assert Hold.objects.get().status == "released"


def test_hold_of_a_publishable_key_is_told_by_its_own_id(public_api, opening, endpoint):
    token = public_api.post("/holds", opening).json()["data"]["id"]

    [message] = endpoint.deliveries.all()
    assert token not in str(message.payload)
    assert message.payload["data"]["id"] == str(Hold.objects.get().pk)
