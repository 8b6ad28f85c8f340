from datetime import timedelta

import pytest
from django.core import signing

from booking.access.email_addresses import get_email_id
from booking.access.patient_links import (
    PROOF_LIFETIME,
    AppointmentNotFound,
    appointment_token,
    find_appointment,
    find_appointment_to_verify,
    proof_token,
    read_proof,
    verification_token,
)

ALICE = get_email_id("alice@example.org")


@pytest.fixture
def appointment(book, at):
    return book(at(9))


def test_verification_token_finds_its_appointment(appointment):
    assert find_appointment_to_verify(verification_token(appointment)) == appointment


def test_verification_token_ends_with_its_address(appointment):
    token = verification_token(appointment)
    appointment.attendee_email = "mallory@example.org"
    appointment.save()

    with pytest.raises(AppointmentNotFound):
        find_appointment_to_verify(token)


def test_token_of_one_purpose_is_none_of_another(appointment):
    with pytest.raises(AppointmentNotFound):
        find_appointment_to_verify(appointment_token(appointment))
    with pytest.raises(AppointmentNotFound):
        find_appointment(verification_token(appointment))


@pytest.mark.parametrize("token", ["", "A", "AAAA", "A" * 64, "é"])
def test_garbage_finds_nothing(db, token):
    with pytest.raises(AppointmentNotFound):
        find_appointment_to_verify(token)


def test_proof_names_the_address_by_its_pseudonym():
    token = proof_token(ALICE)

    assert read_proof(token) == ALICE
    assert "alice" not in token


@pytest.mark.parametrize("token", ["", "x", "é", ALICE, proof_token(ALICE) + "x", f"{ALICE}.1uabcd.forged"])
def test_forged_proof_is_none(token):
    assert read_proof(token) is None


def test_proof_runs_out(monkeypatch):
    token = proof_token(ALICE)
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + (PROOF_LIFETIME + timedelta(seconds=2)).total_seconds())

    assert read_proof(token) is None


def test_proof_outlives_a_new_secret_key(settings):
    token = proof_token(ALICE)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10

    assert read_proof(token) == ALICE
