"""Orders: written down by a server, booked with a booking key alone, once."""

import pytest

from booking.access.booking_keys import Signer
from booking.access.patient_links import order_token
from booking.domain import patients
from booking.domain.orders import find_order
from booking.models import Appointment, Order, OutboxMessage
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Service
from tests.ledger import nothing_changes

PERSON = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
HOME = {
    "line_1": "4 Mill Lane",
    "line_2": "",
    "unit": "2b",
    "city": "Leeds",
    "state": "",
    "postcode": "LS1 4AP",
    "country": "GB",
    "latitude": 53.7997231,
    "longitude": -1.5492115,
}


@pytest.fixture
def get_booking_key(consultation, dana, harbour):
    """Return the booking key of a time with Dana: ``get_booking_key(at(9))``."""

    def get_booking_key(starts_at, **changes):
        fields = {"service_id": consultation.pk, "clinician_id": dana.pk, "location_id": harbour.pk}
        signer = Signer(**fields | {"is_remote": False, "now": database_now()} | changes)
        return signer.sign(int(starts_at.timestamp()))

    return get_booking_key


def data(response, status=200):
    assert response.status_code == status, response.json()
    return response.json()["data"]


def test_order_of_a_new_patient_with_an_address_is_created(api, consultation):
    response = api.post(
        "/orders",
        {
            "patient": PERSON,
            "appointment_type_id": str(consultation.pk),
            "external_id": "LAB-9",
            "address": HOME | {"latitude": 53.79972312},
        },
    )

    order = Order.objects.get()
    assert data(response, 201) == {
        "id": str(order.pk),
        "external_id": "LAB-9",
        "metadata": {},
        "patient_id": str(Patient.objects.get().pk),
        "appointment_type_id": str(consultation.pk),
        "address": HOME,
        "link_ends_at": None,
        "cancelled_at": None,
        "appointments": [],
        "created_at": order.created_at.isoformat(),
        "updated_at": order.updated_at.isoformat(),
    }
    assert response["Location"] == f"http://testserver/api/v1/orders/{order.pk}"
    assert data(api.get(f"/orders/{order.pk}")) == data(response, 201)


def test_order_of_a_known_patient_without_an_address_is_created(api, alice, consultation):
    alice.save()

    written = data(api.post("/orders", {"patient_id": str(alice.pk), "appointment_type_id": str(consultation.pk)}), 201)

    assert (written["patient_id"], written["address"], written["external_id"]) == (str(alice.pk), None, "")


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"patient": None}, "#/patient"),
        ({"appointment_type_id": None}, "#/appointment_type_id"),
        ({"patient_id": "7d1f6cf0-0000-4000-8000-000000000000"}, "#/patient_id"),
        ({"notes": "x"}, "#/notes"),
        ({"external_id": "x" * 101}, "#/external_id"),
        ({"address": {"line_1": "4 Mill Lane"}}, "#/address/city"),
        ({"address": HOME | {"latitude": 91}}, "#/address/latitude"),
        ({"address": HOME | {"latitude": "53.8"}}, "#/address/latitude"),
        ({"address": HOME | {"longitude": True}}, "#/address/longitude"),
        ({"address": HOME | {"country": "gb"}}, "#/address/country"),
        ({"address": HOME | {"country": "United Kingdom"}}, "#/address/country"),
        ({"address": HOME | {"floor": "3"}}, "#/address/floor"),
        ({"address": HOME | {"city": "Le\u202eeds"}}, "#/address/city"),
    ],
)
def test_invalid_order_is_400_naming_the_fields(api, consultation, change, pointer):
    body = {"patient": PERSON, "appointment_type_id": str(consultation.pk)} | change
    with nothing_changes():
        response = api.post("/orders", body)
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_order_is_booked_with_a_booking_key_alone(api, order, get_booking_key, at):
    response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))})

    booked = data(response, 201)
    appointment = Appointment.objects.get()
    assert (appointment.order, appointment.patient, appointment.starts_at) == (order, order.patient, at(9))
    assert booked["id"] == str(appointment.pk)
    assert (booked["order_id"], booked["external_id"]) == (str(order.pk), "LAB-7")
    assert (booked["patient_id"], booked["attendee_name"]) == (str(order.patient_id), "Alice Archer")
    assert data(api.get(f"/orders/{order.pk}"))["appointments"] == [booked]


def test_order_booked_with_a_key_of_any_clinician_takes_a_free_one(
    api, order, get_booking_key, at, hold_time, harbour, consultation
):
    from tests.conftest import make_clinician

    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    hold_time(at(9))

    booked = data(api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9), clinician_id=None)}), 201)

    assert booked["clinician_id"] == str(otis.pk)


def test_order_of_an_archived_patient_is_not_booked(api, order, get_booking_key, at):
    patients.archive(order.patient, actor="erin")

    with nothing_changes():
        response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))})

    assert (response.status_code, response.json()["code"]) == (409, "patient-archived")


def test_booked_order_is_409_order_booked(api, order, get_booking_key, at):
    booked = data(api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))}), 201)

    with nothing_changes():
        response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(10))})

    problem = response.json()
    assert (response.status_code, problem["code"], problem["appointment_id"]) == (409, "order-booked", booked["id"])


def test_order_booked_again_with_the_same_key_is_409_naming_its_appointment(api, order, get_booking_key, at):
    """The answer to the first request was lost. Nobody else is free at that time by now."""
    key = {"booking_key": get_booking_key(at(9), clinician_id=None)}
    booked = data(api.post(f"/orders/{order.pk}/book", key), 201)

    with nothing_changes():
        problem = api.post(f"/orders/{order.pk}/book", key).json()

    assert (problem["status"], problem["code"], problem["appointment_id"]) == (409, "order-booked", booked["id"])


def test_order_is_booked_again_after_its_appointment_is_cancelled(api, order, get_booking_key, at):
    first = data(api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))}), 201)
    data(api.post(f"/appointments/{first['id']}/cancel", {"reason": "other"}))
    second = data(api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(10))}), 201)

    appointments = data(api.get(f"/orders/{order.pk}"))["appointments"]

    assert [(one["id"], one["status"]) for one in appointments] == [
        (first["id"], "cancelled"),
        (second["id"], "confirmed"),
    ]


def test_order_booked_with_the_key_of_another_service_is_400(api, order, get_booking_key, at, dana):
    other = Service.objects.create(name="Massage", slug="massage", price=1)
    with nothing_changes():
        response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9), service_id=other.pk)})
        by_id = api.post(
            f"/orders/{order.pk}/book", {"appointment_type_id": str(other.pk), "start_time": at(9).isoformat()}
        )
    assert (response.status_code, response.json()["code"]) == (400, "invalid-booking-key")
    assert by_id.json()["errors"] == [
        {
            "pointer": "#/appointment_type_id",
            "code": "other_service",
            "detail": "This booking is for another service.",
        }
    ]


@pytest.mark.parametrize(
    "path, body, errors",
    [
        (
            "",
            {},
            {
                "#/patient_id": "Send patient_id and appointment_type_id, or patient and appointment_type_id.",
                "#/appointment_type_id": "This field is required.",
            },
        ),
        ("/{}/book", {"notes": "x"}, {"#/booking_key": "Send booking_key, or start_time."}),
    ],
)
def test_order_booked_without_any_field_is_400_listing_the_ways(api, order, path, body, errors):
    with nothing_changes():
        response = api.post("/orders" + path.format(order.pk), body)
    assert response.status_code == 400
    assert {error["pointer"]: error["detail"] for error in response.json()["errors"]} == errors
    assert {error["code"] for error in response.json()["errors"]} == {"required"}


def test_booked_order_answers_the_location_of_its_appointment(api, order, get_booking_key, at):
    response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))})
    assert response["Location"] == f"http://testserver/api/v1/appointments/{data(response, 201)['id']}"
    assert data(api.get(response["Location"].removeprefix("http://testserver/api/v1"))) == data(response, 201)


def test_order_booked_at_a_taken_time_is_409_with_alternatives(api, order, get_booking_key, at, hold_time):
    hold_time(at(9))
    with nothing_changes():
        response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "slot-taken")
    assert len(problem["alternatives"]) == 3


def test_order_link_is_mailed_and_not_in_the_answer(api, order):
    response = api.post(f"/orders/{order.pk}/send-link")

    order.refresh_from_db()
    assert data(response)["link_ends_at"] == order.link_ends_at.isoformat()
    assert find_order(order_token(order)) == order
    assert order_token(order) not in response.content.decode()
    assert OutboxMessage.objects.get().kind == "email.order_link"


def test_orders_are_listed_by_patient_and_external_id_in_pages(api, order, consultation):
    for number in range(4):
        api.post(
            "/orders",
            {
                "patient": PERSON,
                "appointment_type_id": str(consultation.pk),
                "external_id": f"X-{number}",
            },
        )
    bob = Patient.objects.get(first_name="Bob")

    def found(**query):
        response = api.get("/orders", query=query)
        return [one["external_id"] for one in data(response)], response.json()["meta"]

    assert found()[0] == ["LAB-7", "X-0", "X-1", "X-2", "X-3"]
    assert found(external_id="X-2")[0] == ["X-2"]
    first, meta = found(patient_id=str(bob.pk), limit=3)
    assert (first, meta["has_more"]) == (["X-0", "X-1", "X-2"], True)
    assert found(patient_id=str(bob.pk), limit=3, cursor=meta["next_cursor"])[0] == ["X-3"]


def test_order_is_cancelled_and_cannot_be_booked(api, order, get_booking_key, at):
    cancelled = data(api.post(f"/orders/{order.pk}/cancel"))
    order.refresh_from_db()
    assert cancelled == data(api.get(f"/orders/{order.pk}"))
    assert cancelled["cancelled_at"] == order.cancelled_at.isoformat()

    with nothing_changes():
        assert data(api.post(f"/orders/{order.pk}/cancel")) == cancelled
        response = api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))})
        assert (response.status_code, response.json()["code"]) == (409, "order-cancelled")


def test_order_that_has_changed_meanwhile_is_neither_cancelled_nor_sent_a_link(api, order):
    read = api.get(f"/orders/{order.pk}")
    changed = api.patch(f"/orders/{order.pk}", {"external_id": "LAB-2"})
    for action in ("send-link", "cancel"):
        with nothing_changes():
            response = api.post(f"/orders/{order.pk}/{action}", if_match=read["ETag"])
            assert (response.status_code, response.json()["code"]) == (412, "changed-meanwhile")
    sent = api.post(f"/orders/{order.pk}/send-link", if_match=changed["ETag"])
    cancelled = api.post(f"/orders/{order.pk}/cancel", if_match=sent["ETag"])
    assert (sent.status_code, cancelled.status_code) == (200, 200)


def test_booked_order_is_not_cancelled(api, order, get_booking_key, at):
    booked = data(api.post(f"/orders/{order.pk}/book", {"booking_key": get_booking_key(at(9))}), 201)
    with nothing_changes():
        response = api.post(f"/orders/{order.pk}/cancel")
        problem = response.json()
        assert (response.status_code, problem["code"], problem["appointment_id"]) == (409, "order-booked", booked["id"])
