"""A patient who is elsewhere then: servers are refused, pages learn nothing."""

from datetime import datetime

import pytest

from booking.models import Appointment, OutboxMessage
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}


@pytest.fixture
def visit(book, at):
    """Alice's appointment with Dana at nine."""
    return book(at(9))


@pytest.fixture
def opening(visit, harbour, consultation, at):
    """A body that asks for Otis at nine."""
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(otis.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


def assert_busy(response, visit, **members):
    body = response.json()
    assert (response.status_code, body["code"]) == (409, "patient-busy")
    assert {name: body[name] for name in ("conflict", "appointment_id") if name in body} == {
        "conflict": "overlap",
        "appointment_id": str(visit.pk),
    } | members


def test_direct_booking_of_patient_who_is_elsewhere_is_409_patient_busy(api, visit, opening):
    with nothing_changes():
        assert_busy(api.post("/appointments", {**opening, "patient": PERSON}), visit)


def test_confirm_for_patient_who_is_elsewhere_is_409_patient_busy_and_hold_stays(api, visit, opening):
    hold = api.post("/holds", opening).json()["data"]

    with nothing_changes():
        assert_busy(api.post(f"/holds/{hold['id']}/confirm", {"patient_id": str(visit.patient_id)}), visit)

    assert api.get(f"/holds/{hold['id']}").json()["data"]["status"] == "active"


def test_reschedule_to_where_patient_is_elsewhere_is_409_patient_busy(api, visit, opening, at):
    body = {**opening, "start_time": at(10).isoformat(), "patient_id": str(visit.patient_id)}
    second = api.post("/appointments", body).json()["data"]

    with nothing_changes():
        answer = api.post(f"/appointments/{second['id']}/reschedule", {"start_time": at(9).isoformat()})

    assert_busy(answer, visit)


def test_order_of_patient_who_is_elsewhere_is_409_patient_busy(api, visit, order, opening):
    del opening["appointment_type_id"]

    with nothing_changes():
        assert_busy(api.post(f"/orders/{order.pk}/book", opening), visit)


def test_key_that_may_not_read_appointments_is_not_told_which(with_key, make_key, visit, opening):
    caller = with_key(make_key(scopes=["write_appointments"])[1])

    with nothing_changes():
        body = caller.post("/appointments", {**opening, "patient": PERSON}).json()

    assert (body["code"], body["conflict"]) == ("patient-busy", "overlap")
    assert "appointment_id" not in body


def test_page_that_books_somebody_who_is_elsewhere_learns_nothing(public_api, visit, opening):
    answers = []
    for person in (PERSON, {**PERSON, "first_name": "Nobody", "email": "nobody@example.org"}):
        hold = public_api.post("/holds", opening).json()["data"]
        answer = public_api.post(f"/holds/{hold['id']}/confirm", {"patient": person})
        answers.append((answer.status_code, answer.json()["data"]["status"], sorted(answer.json()["data"])))
        Appointment.objects.exclude(pk=visit.pk).update(status="cancelled")
        opening["start_time"] = datetime.fromisoformat(opening["start_time"]).replace(hour=10).isoformat()

    assert answers[0] == answers[1]
    assert answers[0][:2] == (201, "confirmed")
    assert OutboxMessage.objects.filter(kind="email.also_booked").count() == 1


def test_onsched_hold_for_customer_who_is_elsewhere_is_409_in_its_own_words(client, secret_key, visit, opening, at):
    body = {
        "LocationId": opening["location_id"],
        "ServiceId": opening["appointment_type_id"],
        "ResourceIds": [opening["clinician_id"]],
        "Unavailability": {"startTime": at(9).isoformat(), "endTime": at(9, 30).isoformat()},
        "Customer": {"id": str(visit.patient_id)},
    }

    with nothing_changes():
        answer = client.post(
            "/onsched/v3/appointment/hold", body, content_type="application/json", headers={"x-api-key": secret_key}
        )

    said = answer.json()
    assert (answer.status_code, said["success"], said["code"]) == (409, False, "patient-busy")
    assert said["appointment_id"] == str(visit.pk)
    assert said["message"].startswith("That patient has another appointment then")


def test_junction_booking_for_patient_who_is_elsewhere_is_409_in_its_own_words(
    client, api, secret_key, visit, order, opening, at
):
    found = api.get(
        "/availability",
        query={
            "appointment_type_id": opening["appointment_type_id"],
            "clinician_id": opening["clinician_id"],
            "start_date": at(9).date(),
            "end_date": at(9).date(),
        },
    ).json()["data"]
    [key] = [each["booking_key"] for each in found if each["start_time"] == at(9).isoformat()]

    with nothing_changes():
        answer = client.post(
            f"/junction/v3/order/{order.pk}/psc/appointment/book",
            {"booking_key": key},
            content_type="application/json",
            headers={"x-vital-api-key": secret_key},
        )

    sentence = "That patient has another appointment then, or the same service on that day already."
    assert (answer.status_code, answer.json()) == (409, {"detail": sentence})
