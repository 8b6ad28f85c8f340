import base64
import hmac
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from booking.access.email_addresses import get_email_id
from booking.access.patient_links import (
    LINK_LIFETIME,
    PROOF_LIFETIME,
    AppointmentNotFound,
    LinkEnded,
    LinkRevoked,
    appointment_token,
    find_appointment,
    find_appointment_to_verify,
    proof_token,
    read_proof,
    verification_token,
)
from booking.domain.appointments import revoke_links
from booking.models import Appointment

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


def test_verification_token_is_revoked_with_the_other_links(appointment):
    token = verification_token(appointment)
    appointment.link_version = 1
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


# Of an appointment: they have a version, and end


def test_link_without_a_version_is_as_it_was_before_there_were_versions(appointment, settings):
    key = settings.SECRET_KEY.encode()
    signature = hmac.digest(key, f"link to appointment {appointment.pk.hex}".encode(), "sha256")
    token = base64.urlsafe_b64encode(appointment.pk.bytes + signature).rstrip(b"=").decode()

    assert token == appointment_token(appointment)
    assert find_appointment(token) == appointment


def test_revoked_links_end_and_the_next_one_works(appointment):
    tokens = []
    for _ in range(3):
        tokens.append(appointment_token(appointment))
        revoke_links(appointment, actor="erin")

    for token in tokens:
        with pytest.raises(LinkRevoked):
            find_appointment(token)
    assert find_appointment(appointment_token(appointment)) == appointment


def test_link_cannot_be_given_another_version(appointment):
    token = appointment_token(appointment)
    revoke_links(appointment, actor="erin")
    read = signing.b64_decode(token.encode())
    forged = base64.urlsafe_b64encode(read[:16] + b"\0\1" + read[16:]).rstrip(b"=").decode()

    with pytest.raises(AppointmentNotFound) as raised:
        find_appointment(forged)
    assert not isinstance(raised.value, LinkRevoked)


def test_verification_token_ends_with_the_links(appointment):
    token = verification_token(appointment)
    revoke_links(appointment, actor="erin")

    with pytest.raises(AppointmentNotFound):
        find_appointment_to_verify(token)


@pytest.mark.parametrize("late, works", [(-timedelta(minutes=1), True), (timedelta(minutes=1), False)])
def test_link_ends_thirty_days_after_the_visit(appointment, late, works):
    end = timezone.now() - LINK_LIFETIME - late
    Appointment.objects.update(starts_at=end - timedelta(hours=1), ends_at=end)

    if works:
        assert find_appointment(appointment_token(appointment)) == appointment
    else:
        with pytest.raises(LinkEnded):
            find_appointment(appointment_token(appointment))
