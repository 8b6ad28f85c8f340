"""Duplicate requests at once, and processes that die in the middle of one."""

import hashlib
import json
import os
import signal

import pytest
from django.db import connection, transaction

from booking.access.api_keys import create_key
from booking.models import ApiKey, Appointment, Hold, IdempotentAnswer, OutboxMessage
from booking.ops import idempotency
from patients.models import Patient
from scheduling.slots import lock_clinician
from tests.races import client
from tests.races.crowd import MAX_WAIT, Crowd, ask, at_length, receive, tally
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_deadlock")
DUPLICATES = 50
PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}


@pytest.fixture
def key(transactional_db):
    return create_key(name="server", kind="secret", scopes=ApiKey.Scope.values, requests_per_minute=100_000)


@pytest.fixture
def send(key):
    """Return the act of sending a request with an Idempotency-Key: ``send("/holds", {…})``."""

    def send(path, body, name="once"):
        arguments = {"method": "POST", "path": path, "key": key[1], "body": json.dumps(body).encode()}
        return client.call, arguments | {"idempotency_key": name}

    return send


@pytest.fixture
def opening(consultation, dana, harbour, at):
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


def collect_responses(outcomes):
    """Return the distinct (status, body, headers) of all responses and the number of replayed ones."""
    counted = tally(outcomes)
    plain = {
        (answer.status, answer.body, tuple(header for header in answer.headers if header[0] != "Idempotent-Replayed"))
        for answer in counted
    }
    return plain, sum(number for answer, number in counted.items() if "Idempotent-Replayed" in dict(answer.headers))


@pytest.mark.parametrize("again", [0, *at_length(1, 2)])
def test_fifty_duplicates_place_one_hold_with_one_response(again, crowd, send, opening):
    answered, replayed = collect_responses(crowd.race([send("/holds", opening)] * DUPLICATES))

    [(status, body, headers)] = answered
    hold = Hold.objects.get()
    assert (status, json.loads(body)["data"]["id"]) == (201, str(hold.pk))
    assert dict(headers)["Location"].endswith(f"/api/v1/holds/{hold.pk}")
    assert IdempotentAnswer.objects.count() == 1
    assert replayed == DUPLICATES - 1


def test_fifty_duplicates_book_and_email_once(crowd, send, opening):
    answered, replayed = collect_responses(
        crowd.race([send("/appointments", {**opening, "patient": PERSON})] * DUPLICATES)
    )

    [(status, _, headers)] = answered
    assert (status, dict(headers)["Cache-Control"], replayed) == (201, "no-store", DUPLICATES - 1)
    assert Appointment.objects.count() == OutboxMessage.objects.count() == Patient.objects.count() == 1


def test_fifty_duplicates_create_one_patient(crowd, send):
    answered, replayed = collect_responses(
        crowd.race([send("/patients", {**PERSON, "allow_duplicate": True})] * DUPLICATES)
    )

    assert len(answered) == 1 and replayed == DUPLICATES - 1
    assert Patient.objects.count() == 1


def test_requests_without_idempotency_key_all_count(crowd, send):
    act, arguments = send("/patients", {**PERSON, "allow_duplicate": True})
    del arguments["idempotency_key"]

    crowd.race([(act, arguments)] * 10)

    assert Patient.objects.count() == 10


def test_duplicates_of_refused_request_get_same_refusal(crowd, send, opening, hold_time, at):
    hold_time(at(9))

    answered, replayed = collect_responses(crowd.race([send("/holds", opening)] * DUPLICATES))

    [(status, body, _)] = answered
    assert (status, json.loads(body)["code"], replayed) == (409, "slot-taken", DUPLICATES - 1)


def test_different_requests_with_one_key_have_one_winner(crowd, send, opening, at):
    other = {**opening, "start_time": at(10).isoformat()}

    outcomes = crowd.race([send("/holds", opening if n % 2 else other) for n in range(DUPLICATES)])

    statuses = [outcome.what.status for outcome in outcomes]
    assert (statuses.count(201), statuses.count(422)) == (DUPLICATES // 2, DUPLICATES // 2)
    assert Hold.objects.count() == 1


@pytest.fixture
def mortal_client(transactional_db):
    """A client that the test may kill; the fork server survives."""
    crowd = Crowd(connection.settings_dict["NAME"], size=1)
    yield crowd
    [(process, _)] = crowd.clients
    process.kill()
    process.join()


def start(mortal_client, act):
    """Start the act in the client without waiting for its result."""
    [(_, pipe)] = mortal_client.clients
    pipe.send(act)
    receive([pipe])
    mortal_client.go.set()


def kill(mortal_client):
    [(process, _)] = mortal_client.clients
    os.kill(process.pid, signal.SIGKILL)
    process.join()


WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_killed_process_leaves_neither_effect_nor_record(mortal_client, crowd, send, opening, dana):
    with transaction.atomic():
        lock_clinician(dana.pk)
        start(mortal_client, send("/holds", opening))
        wait_until(lambda: ask(WAITERS) == 1)  # the client has written its record and waits for Dana's lock
        kill(mortal_client)
    wait_until(lambda: ask(WAITERS) == 0)

    assert not Hold.objects.exists() and not IdempotentAnswer.objects.exists()
    [outcome] = crowd.race([send("/holds", opening)])
    assert (outcome.what.status, "Idempotent-Replayed" in dict(outcome.what.headers)) == (201, False)
    assert Hold.objects.count() == 1


def test_process_killed_after_commit_leaves_effect_and_record(mortal_client, crowd, send, opening):
    start(mortal_client, send("/holds", opening))
    wait_until(Hold.objects.exists)
    kill(mortal_client)

    [outcome] = crowd.race([send("/holds", opening)])

    assert (outcome.what.status, "Idempotent-Replayed" in dict(outcome.what.headers)) == (201, True)
    assert json.loads(outcome.what.body)["data"]["id"] == str(Hold.objects.get().pk)


def test_duplicate_of_slow_request_is_409_in_flight(crowd, key, send, opening):
    outcomes = []
    call, arguments = act = send("/holds", opening)

    def effect():
        outcomes.extend(crowd.race([(call, arguments | {"patient": False})] * 3))
        return (201, b"{}", {}), []

    idempotency.run_once(
        effect,
        holder=key[0].holder,
        route="POST /api/v1/holds",
        idempotency_key="once",
        request_hash=hashlib.sha256(arguments["body"]).digest(),
    )

    for what, seconds in outcomes:
        assert (what.status, json.loads(what.body)["code"]) == (409, "idempotency-key-in-flight")
        assert int(dict(what.headers)["Retry-After"]) > 0
        assert MAX_WAIT <= seconds < MAX_WAIT + 2
    [outcome] = crowd.race([act])
    assert (outcome.what.status, outcome.what.body) == (201, b"{}")


def test_expired_response_is_replaced_for_all_duplicates(crowd, send, opening, key):
    crowd.race([send("/holds", opening)])
    IdempotentAnswer.objects.update(created_at="2020-01-01T00:00Z")
    Hold.objects.all().delete()
    connection.cursor().execute("TRUNCATE scheduling_slot CASCADE")

    answered, replayed = collect_responses(crowd.race([send("/holds", opening)] * DUPLICATES))

    assert len(answered) == 1 and replayed == DUPLICATES - 1
    assert Hold.objects.count() == IdempotentAnswer.objects.count() == 1
