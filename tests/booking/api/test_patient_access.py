"""Every answer that tells a key who a patient is leaves a row; what the caller has just sent is no reading."""

import pytest

from booking.api.shown_patients import find_ids, find_shown_patients
from booking.models import ApiKey, PatientAccess

BOB = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
READINGS = [
    ("/api/v1/patients", "api/v1/patients"),
    ("/api/v1/patients?search=archer", "api/v1/patients"),
    ("/api/v1/appointments", "api/v1/appointments"),
    ("/api/v1/appointments?expand=patient", "api/v1/appointments"),
    ("/api/v1/orders?expand=patient", "api/v1/orders"),
    ("/onsched/v3/customers", "onsched/v3/customers"),
    ("/onsched/v3/customers?search=archer", "onsched/v3/customers"),
    ("/onsched/v3/appointments", "onsched/v3/appointments"),
    ("/junction/v3/orders", "junction/v3/orders"),
]


@pytest.fixture
def visit(book, order, at):
    """A visit of Alice, who has an order too."""
    return book(at(9), patient=order.patient)


@pytest.mark.parametrize("address, route", READINGS, ids=lambda text: text)
def test_list_of_patients_is_recorded_with_the_route_and_without_the_words(client, secret_key, visit, address, route):
    headers = {"authorization": f"Bearer {secret_key}", "x-vital-api-key": secret_key, "x-api-key": secret_key}
    response = client.get(address, headers=headers)

    assert response.status_code == 200, response.text
    [row] = PatientAccess.objects.values("action", "actor", "patient_ids", "page", "address")
    assert row == {
        "action": "api_read",
        "actor": ApiKey.objects.get().actor,
        "patient_ids": [visit.patient_id],
        "page": route,
        "address": client.defaults["REMOTE_ADDR"],
    }


def test_confirm_with_a_persons_own_details_is_no_reading(api, hold_time, at):
    hold = hold_time(at(9), holder=ApiKey.objects.get().actor)

    assert api.post(f"/holds/{hold.pk}/confirm", {"patient": BOB}).status_code == 201
    assert api.post(f"/holds/{hold.pk}/confirm", {"patient": BOB}).status_code == 200
    assert not PatientAccess.objects.exists()

    assert api.post(f"/holds/{hold.pk}/confirm", {"patient": BOB | {"first_name": "Eve"}}).status_code == 200
    assert PatientAccess.objects.get().page == "api/v1/holds/<hold:id>/confirm"


def test_confirm_with_a_patients_id_is_a_reading(api, hold_time, visit, at):
    hold = hold_time(at(10), holder=ApiKey.objects.get().actor)

    assert api.post(f"/holds/{hold.pk}/confirm", {"patient_id": str(visit.patient_id)}).status_code == 201

    assert PatientAccess.objects.get().patient_ids == [visit.patient_id]


def test_confirm_with_a_publishable_key_reads_nobody(public_api, hold_time, visit, at):
    hold = hold_time(at(10), holder=ApiKey.objects.get().actor)

    assert public_api.post(f"/holds/{hold.token}/confirm", {"patient": BOB}).status_code == 201

    assert not PatientAccess.objects.exists()


def test_answer_that_hides_who_comes_is_no_reading(with_key, make_key, visit):
    _, plain = make_key(scopes=["write_appointments"])

    assert with_key(plain).patch(f"/appointments/{visit.pk}", {"external_id": "X-1"}).status_code == 200

    assert not PatientAccess.objects.exists()


def test_answer_that_is_undone_leaves_no_row(api, visit, at):
    request = {"patient_id": str(visit.patient_id), "booking_key": "forged"}

    assert api.post("/appointments", request, idempotency_key="once").status_code == 400

    assert not PatientAccess.objects.exists()


def test_shown_patients_are_found_at_any_depth():
    anna, bob = "0b2b7c5e-0000-4000-8000-000000000001", "0b2b7c5e-0000-4000-8000-000000000002"
    data = {
        "data": [
            {"patient_id": anna, "attendee_name": "", "notes": "", "address": None},
            {"id": "of an order", "appointments": [{"patient_id": bob, "attendee_email": "bob@example.org"}]},
        ]
    }

    assert find_shown_patients(data, {}) == {bob}
    assert set(find_ids(data)) == {anna, bob}
