"""Idempotency-Key: a request runs once, and its answer is stored for a day."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from booking import tasks
from booking.access.api_keys import find_key, rotate_key
from booking.models import ApiKey, Hold, IdempotentAnswer
from booking.ops import idempotency
from patients.models import Patient
from tests.booking.api.conftest import Caller
from tests.ledger import nothing_changes

PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}
TWICE = {**PERSON, "allow_duplicate": True}


@pytest.fixture
def opening(consultation, dana, harbour, at):
    return {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}


def same(first, second):
    """Whether the second answer is the first one, all that a client relies on included."""
    names = ["Content-Type", "Location", "ETag", "Cache-Control", "Retry-After", "WWW-Authenticate"]
    return (
        "Idempotent-Replayed" not in first
        and second["Idempotent-Replayed"] == "true"
        and first.status_code == second.status_code
        and first.content == second.content
        and [first.get(name) for name in names] == [second.get(name) for name in names]
    )


def test_repeated_request_gets_the_stored_answer_with_its_headers(api, opening):
    first = api.post("/holds", opening, idempotency_key="one")
    with nothing_changes():
        second = api.post("/holds", opening, idempotency_key="one")

    assert first.status_code == 201 and first["Location"] and first["ETag"]
    assert same(first, second)
    assert first["X-Request-Id"] != second["X-Request-Id"]


def test_replayed_personal_data_is_no_store(api):
    first, second = [api.post("/patients", PERSON, idempotency_key="one") for _ in range(2)]

    assert first["Cache-Control"] == "no-store"
    assert same(first, second)


def test_repeated_patch_is_done_once(api):
    patient = api.post("/patients", PERSON).json()["data"]

    first = api.patch(f"/patients/{patient['id']}", {"phone": "020 7946 0000"}, idempotency_key="one")
    second = api.patch(f"/patients/{patient['id']}", {"phone": "020 7946 0000"}, idempotency_key="one")

    assert first.json()["data"]["phone"] == "+442079460000"
    assert same(first, second)


def test_business_refusal_is_stored_and_changes_nothing(api, opening, hold_time, at):
    hold_time(at(9))

    with nothing_changes():
        first = api.post("/holds", opening, idempotency_key="one")
    Hold.objects.get().slot.delete()
    second = api.post("/holds", opening, idempotency_key="one")

    assert (first.status_code, first.json()["code"]) == (409, "slot-taken")
    assert same(first, second)


def test_writes_before_a_refusal_are_undone_and_the_refusal_is_stored(db):
    def write_and_refuse():
        Patient.objects.create(**PERSON)
        return (409, b"no", {}), []

    request = {"holder": uuid4(), "route": "POST /x", "idempotency_key": "one", "request_hash": b"x" * 32}

    with nothing_changes():
        answers = [idempotency.run_once(write_and_refuse, **request) for _ in range(2)]

    assert answers == [((409, b"no", {}), False), ((409, b"no", {}), True)]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"nonsense": 1}', b""])
def test_invalid_request_can_be_corrected_under_the_same_key(body, api):
    with nothing_changes():
        assert api("POST", "/patients", body=body, idempotency_key="one").status_code == 400

    assert api.post("/patients", PERSON, idempotency_key="one").status_code == 201


def test_idempotency_key_with_another_body_is_422(api):
    api.post("/patients", PERSON, idempotency_key="one")

    with nothing_changes():
        answer = api.post("/patients", {**PERSON, "first_name": "Bob"}, idempotency_key="one")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")


def test_idempotency_key_on_another_route_is_another_key(api, opening):
    first = api.post("/holds", opening, idempotency_key="one").json()["data"]
    second = api.post("/holds", {**opening, "start_time": opening["start_time"].replace("T09", "T10")}).json()["data"]

    answers = [api.post(f"/holds/{hold['id']}/extend", idempotency_key="one") for hold in (first, second)]

    assert [answer.json()["data"]["extensions_left"] for answer in answers] == [9, 9]
    assert ["Idempotent-Replayed" in answer for answer in answers] == [False, False]


def test_idempotency_key_of_two_holders_is_two_keys(api, client, make_key):
    other = Caller(client, make_key(name="another server")[1])

    answers = [caller.post("/patients", TWICE, idempotency_key="one") for caller in (api, other)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Patient.objects.count() == 2


def test_idempotency_key_of_two_networks_is_two_keys(public_api, opening):
    elsewhere = Caller(Client(REMOTE_ADDR="192.0.2.8"), public_api.key, **public_api.headers)
    later = {**opening, "start_time": opening["start_time"].replace("T09", "T10")}

    first, other, again = (
        caller.post("/holds", wanted, idempotency_key="one")
        for caller, wanted in ((public_api, opening), (elsewhere, later), (public_api, opening))
    )

    assert [answer.status_code for answer in (first, other)] == [201, 201]
    assert first.json()["data"]["id"] != other.json()["data"]["id"]
    assert same(first, again)


def test_idempotency_key_survives_rotation_of_the_api_key(api, client, secret_key):
    first = api.post("/patients", PERSON, idempotency_key="one")
    _, new = rotate_key(find_key(secret_key), overlap=timedelta(hours=1))

    assert same(first, Caller(client, new).post("/patients", PERSON, idempotency_key="one"))


def test_request_without_idempotency_key_is_done_each_time(api):
    assert [api.post("/patients", TWICE).status_code for _ in range(2)] == [201, 201]
    assert not IdempotentAnswer.objects.exists()


def test_idempotency_key_on_get_is_ignored(api):
    answers = [api.get("/me", idempotency_key="one") for _ in range(2)]

    assert ["Idempotent-Replayed" in answer for answer in answers] == [False, False]
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("name", ["", "a" * 256, "grün", "tab\there", "\x7f"])
def test_malformed_idempotency_key_is_400(name, api):
    answer = api.post("/patients", PERSON, idempotency_key=name)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/Idempotency-Key"]
    assert not Patient.objects.exists()


@pytest.mark.parametrize("name", ["a", " ", "~!@#$%^&*() ", "a" * 255])
def test_printable_idempotency_key_is_accepted(name, api):
    assert api.post("/patients", PERSON, idempotency_key=name).status_code == 201


def test_refusal_for_missing_scope_or_key_is_not_stored(client, make_key):
    reader = Caller(client, make_key(scopes=["read_patients"])[1])

    assert reader.post("/patients", PERSON, idempotency_key="one").status_code == 403
    assert Caller(client, None).post("/patients", PERSON, idempotency_key="one").status_code == 401
    assert not IdempotentAnswer.objects.exists()


def test_missing_scope_found_while_reading_the_body_is_not_stored(client, make_key, opening):
    patient = Patient.objects.create(**PERSON)
    caller = Caller(client, make_key(scopes=["write_holds"])[1])
    hold = caller.post("/holds", opening).json()["data"]

    answer = caller.post(f"/holds/{hold['id']}/confirm", {"patient_id": str(patient.pk)}, idempotency_key="one")

    assert answer.status_code == 403
    assert not IdempotentAnswer.objects.exists()


def test_answer_too_many_holds_is_not_stored_and_can_be_retried(client, make_key, opening):
    caller = Caller(client, make_key(max_live_holds=1)[1])
    hold = caller.post("/holds", opening).json()["data"]
    later = {**opening, "start_time": opening["start_time"].replace("T09", "T10")}

    assert caller.post("/holds", later, idempotency_key="one").status_code == 429
    assert not IdempotentAnswer.objects.exists()
    caller.delete(f"/holds/{hold['id']}")
    assert caller.post("/holds", later, idempotency_key="one").status_code == 201


def test_throttled_request_is_not_stored(client, make_key):
    caller = Caller(client, make_key(requests_per_minute=1)[1])
    caller.get("/me")

    assert caller.post("/patients", PERSON, idempotency_key="one").status_code == 429
    assert not IdempotentAnswer.objects.exists()


def test_internal_error_is_not_stored_and_its_effect_is_undone(db, secret_key, opening):
    caller = Caller(Client(raise_request_exception=False), secret_key)
    connection.cursor().execute("ALTER TABLE booking_event ADD CONSTRAINT no_more CHECK (false) NOT VALID")

    with nothing_changes():
        answer = caller.post("/holds", opening, idempotency_key="one")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert not IdempotentAnswer.objects.exists()


def test_idempotency_key_is_free_again_after_a_day(api):
    api.post("/patients", PERSON, idempotency_key="one")
    IdempotentAnswer.objects.update(created_at="2026-01-01T00:00Z")

    again = api.post("/patients", {**PERSON, "first_name": "Bob"}, idempotency_key="one")

    assert again.status_code == 201
    assert IdempotentAnswer.objects.count() == 1


def test_hourly_task_deletes_only_old_answers(api):
    api.post("/patients", PERSON, idempotency_key="old")
    IdempotentAnswer.objects.update(created_at="2026-01-01T00:00Z")
    api.post("/patients", {**PERSON, "first_name": "Bob"}, idempotency_key="new")

    tasks.forget_old_answers()

    assert [answer.idempotency_key for answer in IdempotentAnswer.objects.all()] == ["new"]


# What is stored


def test_stored_answer_is_encrypted_with_its_headers(public_api, opening):
    response = public_api.post("/holds", opening, idempotency_key="one")

    stored = IdempotentAnswer.objects.get()
    token = response.json()["data"]["id"]
    assert token in response["Location"]
    assert token.encode() not in bytes(stored.body) and stored.headers == {}


def test_answer_stored_in_clear_by_the_release_before_is_replayed(api, opening):
    first = api.post("/holds", opening, idempotency_key="one")
    headers = {name: value for name, value in first.headers.items() if name not in ("X-Request-Id", "Content-Length")}
    IdempotentAnswer.objects.update(body=first.content, headers=headers)

    assert same(first, api.post("/holds", opening, idempotency_key="one"))


def test_stored_answer_outlives_a_change_of_secret_key_only_with_the_old_one_as_fallback(api, opening, settings):
    first = api.post("/holds", opening, idempotency_key="one")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"

    with nothing_changes():
        lost = api.post("/holds", opening, idempotency_key="one")
        settings.SECRET_KEY_FALLBACKS = [old]
        found = api.post("/holds", opening, idempotency_key="one")

    assert (lost.status_code, lost.json()["code"]) == (409, "idempotency-key-in-flight")
    assert same(first, found)


def test_stored_answer_of_another_request_cannot_be_put_in_its_place(api, opening):
    api.post("/patients", PERSON, idempotency_key="one")
    api.post("/holds", opening, idempotency_key="two")
    person, hold = IdempotentAnswer.objects.order_by("pk")
    IdempotentAnswer.objects.filter(pk=hold.pk).update(body=person.body)

    again = api.post("/holds", opening, idempotency_key="two")

    assert (again.status_code, again.json()["code"]) == (409, "idempotency-key-in-flight")


def test_replay_to_a_key_that_has_lost_the_scope_to_read_is_403(make_key, with_key, book, at):
    appointment = book(at(9))
    key, plain = make_key(scopes=["read_appointments", "write_appointments"])
    cancel = {"path": f"/appointments/{appointment.pk}/cancel", "json": {"reason": "other"}, "idempotency_key": "one"}
    assert with_key(plain).post(**cancel).json()["data"]["attendee_name"] == "Alice Archer"
    ApiKey.objects.filter(pk=key.pk).update(scopes=["write_appointments"])

    again = with_key(plain).post(**cancel)

    body = again.json()
    assert (again.status_code, body["code"], body["scope"]) == (403, "missing-scope", "read_appointments")


def test_refusal_of_a_publishable_key_is_not_stored(public_api, opening, hold_time, at):
    taken = {**opening, "start_time": hold_time(at(15)).starts_at.isoformat()}

    refused = [public_api.post("/holds", taken, idempotency_key="one") for _ in range(2)]

    assert [response.status_code for response in refused] == [409, 409]
    assert "Idempotent-Replayed" not in refused[1]
    assert IdempotentAnswer.objects.count() == 0
    assert public_api.post("/holds", opening, idempotency_key="one").status_code == 201
