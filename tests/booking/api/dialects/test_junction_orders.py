"""A client of Junction knows its users, orders what they need and sees what is near, before anything is booked."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from booking.access.signatures import make_secret
from booking.domain.client_users import create_client_user
from booking.domain.holds import release_hold
from booking.integrations.webhooks.formats import FORMATS
from booking.models import ApiKey, Appointment, ClientUser, Event, Order, OutboxMessage, Provider, WebhookEndpoint
from patients.models import Patient
from scheduling.models import Location, Service
from tests.booking.api.conftest import SITE
from tests.booking.api.dialects.conftest import JUNCTION, System
from tests.booking.api.dialects.test_junction import NOWHERE, PATIENT_REQUEST, data, refused, utc
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "dob": "1985-04-12",
    "gender": "female",
    "email": "alice@example.org",
    "phone_number": "+442079460123",
}
HOME = {
    "first_line": "4 Mill Lane",
    "second_line": "Top floor",
    "city": "Leeds",
    "state": "West Yorkshire",
    "zip": "LS1 4AP",
    "country": "gb",
}
REFUSED = "That does not exist here; leave it out."


@pytest.fixture
def junction_v2(client, secret_key):
    """The same server, at the version that has users."""
    return System(client, "/junction/v2", x_vital_api_key=secret_key)


@pytest.fixture
def user(db):
    """A user whom nobody knows yet."""
    return create_client_user("alice-7")


@pytest.fixture
def wanted(user, consultation):
    """What an order for the user is made with."""
    return {
        "user_id": str(user.pk),
        "lab_test_id": str(consultation.pk),
        "collection_method": "at_home_phlebotomy",
        "patient_details": PERSON,
        "patient_address": HOME,
    }


def write_user(user, client_user_id):
    return {
        "user_id": str(user.pk),
        "team_id": str(ApiKey.objects.get().holder),
        "client_user_id": client_user_id,
        "created_on": utc(user.created_at),
        "connected_sources": [],
        "fallback_time_zone": None,
        "fallback_birth_date": None,
        "ingestion_start": None,
        "ingestion_end": None,
    }


def write_lab_test(service, **changes):
    return {
        "id": str(service.pk),
        "slug": "consultation",
        "name": "Consultation",
        "sample_type": "unspecified",
        "method": "walk_in_test",
        "price": 60.0,
        "is_active": True,
        "status": "active",
        "fasting": None,
        "lab": None,
        "markers": None,
        "is_delegated": False,
        "auto_generated": False,
        "has_collection_instructions": False,
        "common_tat_days": None,
        "worst_case_tat_days": None,
        **changes,
    }


# Users


def test_junction_user_is_created_and_found_by_both_ids(junction_v2):
    created = data(junction_v2("POST", "/user", {"client_user_id": "team/alice 7"}))
    assert created == write_user(ClientUser.objects.get(), "team/alice 7")
    assert data(junction_v2("GET", f"/user/{created['user_id']}")) == created
    assert data(junction_v2("GET", "/user/resolve/team%2Falice%207")) == created
    assert not Patient.objects.exists()


def test_junction_user_with_a_known_client_user_id_is_400_and_names_the_user_only(junction_v2, user):
    response = junction_v2("POST", "/user", {"client_user_id": "alice-7"})
    assert refused(
        response,
        400,
        {
            "error_type": "INVALID_REQUEST",
            "error_message": "A user with that client_user_id exists.",
            "user_id": str(user.pk),
            "created_on": user.created_at.isoformat(),
        },
    )
    assert ClientUser.objects.get() == user


def test_junction_user_gets_another_client_user_id(junction_v2, user):
    assert data(junction_v2("PATCH", f"/user/{user.pk}", {})) == write_user(user, "alice-7")
    changed = data(junction_v2("PATCH", f"/user/{user.pk}", {"client_user_id": "alice-8"}))
    assert changed == write_user(user, "alice-8") == data(junction_v2("GET", "/user/resolve/alice-8"))
    create_client_user("bob-9")
    assert junction_v2("PATCH", f"/user/{user.pk}", {"client_user_id": "bob-9"}).status_code == 400
    assert refused(junction_v2("GET", "/user/resolve/alice-7"), 404, "There is no such thing.")


def test_junction_patient_is_a_user_by_their_own_id(junction_v2, alice):
    alice.save()
    id = str(alice.pk)
    assert data(junction_v2("GET", f"/user/{id}")) == write_user(alice, id)
    assert refused(junction_v2("PATCH", f"/user/{id}", {"client_user_id": "x"}), 404, "There is no such thing.")


@pytest.mark.parametrize(
    "body, place, code",
    [
        ({}, "client_user_id", "required"),
        ({"client_user_id": "x" * 101}, "client_user_id", "max_length"),
        ({"client_user_id": "a\u202eb"}, "client_user_id", "unprintable"),
        ({"client_user_id": "bob-8", "fallback_time_zone": "Europe/London"}, "fallback_time_zone", "unsupported"),
        ({"client_user_id": "bob-8", "ingestionStart": "2026-01-01"}, "ingestion_start", "unsupported"),
    ],
)
def test_junction_user_with_invalid_member_is_422(junction_v2, body, place, code):
    [error] = data(junction_v2("POST", "/user", body), 422)["detail"]
    assert (error["type"], error["loc"]) == (code, ["body", place])
    assert not ClientUser.objects.exists()


def test_junction_unknown_user_is_404(junction_v2, db):
    for address in (f"/user/{NOWHERE}", "/user/resolve/nobody", f"/user/resolve/{'x' * 500}", "/user/resolve/a\0b"):
        assert refused(junction_v2("GET", address), 404, "There is no such thing.")


# Orders


def test_junction_order_at_home_is_created_for_a_user(junction, user, wanted, consultation):
    created = data(junction("POST", "/order", wanted | {"passthrough": "7"}))

    order, event = Order.objects.get(), Event.objects.get(kind="order.created")
    ordered = {
        "id": event.pk,
        "created_at": utc(event.created_at),
        "status": "received.at_home_phlebotomy.ordered",
        "status_detail": None,
    }
    moments = {"created_at": utc(order.created_at), "updated_at": utc(order.updated_at)}
    written = {
        "user_id": str(user.pk),
        "id": str(order.pk),
        "team_id": str(ApiKey.objects.get().holder),
        "patient_details": {
            "first_name": "Alice",
            "last_name": "Archer",
            "dob": "1985-04-12T00:00:00+00:00",
            "gender": "unknown",
            "phone_number": "+442079460123",
            "email": "alice@example.org",
            "medical_proxy": None,
            "race": None,
            "ethnicity": None,
            "sexual_orientation": None,
            "gender_identity": None,
        },
        "patient_address": {
            **HOME,
            "country": "GB",
            "receiver_name": None,
            "access_notes": None,
            "phone_number": None,
        },
        "lab_test": write_lab_test(consultation, method="at_home_phlebotomy"),
        "details": {"type": "at_home_phlebotomy", "data": {"id": str(order.pk), "appointment_id": None, **moments}},
        "sample_id": None,
        "notes": None,
        "clinical_notes": None,
        **moments,
        "events": [ordered],
        "status": "received",
        "last_event": ordered,
        "physician": None,
        "health_insurance_id": None,
        "requisition_form_url": None,
        "priority": False,
        "shipping_details": None,
        "activate_by": None,
        "passthrough": "7",
        "billing_type": None,
        "icd_codes": None,
        "has_abn": False,
        "interpretation": None,
        "has_missing_results": None,
        "expected_result_by_date": None,
        "worst_case_result_by_date": None,
        "origin": None,
        "order_transaction": None,
    }
    assert created == {"order": written, "status": "success", "message": "The order is created."}
    assert data(junction("GET", f"/order/{order.pk}")) == written
    assert (order.patient, order.client_user) == (Patient.objects.get(), user)
    assert ClientUser.objects.get().patient == order.patient


def test_junction_order_is_for_a_patient_with_one_name(junction, wanted):
    details = {**PERSON, "first_name": "Suharto", "last_name": ""}
    order = data(junction("POST", "/order", wanted | {"patient_details": details}))["order"]
    assert (order["patient_details"]["first_name"], order["patient_details"]["last_name"]) == ("Suharto", "")


def test_junction_order_at_the_clinic_keeps_no_address(junction, wanted, consultation):
    del wanted["collection_method"], wanted["lab_test_id"]
    made = data(junction("POST", "/order", wanted | {"order_set": {"lab_test_ids": [str(consultation.pk)]}}))["order"]
    assert (made["patient_address"], made["details"]["type"]) == (None, "walk_in_test")
    assert made["last_event"]["status"] == "received.walk_in_test.ordered"
    assert Order.objects.get().address == []


def test_junction_order_is_done_as_the_service_says(junction, wanted, consultation):
    del wanted["collection_method"]
    Service.objects.update(metadata={"collection_method": "at_home_phlebotomy", "sample_type": "serum"})
    made = data(junction("POST", "/order", wanted))["order"]
    assert (made["details"]["type"], made["lab_test"]["sample_type"]) == ("at_home_phlebotomy", "serum")


def test_junction_patient_details_are_for_keys_that_may_read_patients(client, make_key, wanted):
    caller = System(client, JUNCTION, x_vital_api_key=make_key(scopes=["write_orders"])[1])
    made = data(caller("POST", "/order", wanted))["order"]
    assert (made["patient_details"], made["patient_address"]["city"]) == (None, "Leeds")


def test_junction_order_for_a_patient_by_id(junction, alice, wanted):
    alice.save()
    made = data(junction("POST", "/order", wanted | {"user_id": str(alice.pk)}))["order"]
    order = Order.objects.get()
    assert (made["user_id"], order.patient, order.client_user) == (str(alice.pk), alice, None)


def test_junction_patient_by_id_needs_a_scope_whether_or_not_there_is_one(client, make_key, alice, wanted):
    alice.save()
    caller = System(client, JUNCTION, x_vital_api_key=make_key(scopes=["write_orders"])[1])
    with nothing_changes():
        for id in (str(alice.pk), NOWHERE):
            response = caller("POST", "/order", wanted | {"user_id": id})
            assert refused(response, 403, "The API key does not have the scope this needs.")


@pytest.mark.parametrize("changes", [{"first_name": "Bob"}, {"dob": "1990-01-31"}])
def test_junction_order_with_details_of_somebody_else_is_409(junction, wanted, alice, changes):
    data(junction("POST", "/order", wanted))
    other = {**wanted, "patient_details": PERSON | changes}
    with nothing_changes():
        for id in (wanted["user_id"], str(Patient.objects.get().pk)):
            response = junction("POST", "/order", {**other, "user_id": id})
            assert refused(response, 409, "That user is somebody with another name or birth date.")


@pytest.mark.parametrize(
    "changes, place, code",
    [
        ({"user_id": NOWHERE}, ["user_id"], "does_not_exist"),
        ({"user_id": "alice"}, ["user_id"], "invalid"),
        ({"lab_test_id": NOWHERE}, ["lab_test_id"], "does_not_exist"),
        ({"lab_test_id": None}, ["lab_test_id"], "required"),
        ({"order_set": {"lab_test_ids": []}}, ["order_set", "lab_test_ids"], "min_length"),
        ({"order_set": {"add_on": {"marker_ids": [1]}}}, ["order_set", "add_on"], "unsupported"),
        ({"collection_method": "testkit"}, ["collection_method"], "invalid_choice"),
        (
            {"patient_details": PERSON | {"first_name": "", "last_name": ""}},
            ["patient_details", "first_name"],
            "no_name",
        ),
        ({"patient_details": PERSON | {"dob": "soon"}}, ["patient_details", "dob"], "invalid"),
        ({"patient_details": PERSON | {"dob": "1800-01-01"}}, ["patient_details", "dob"], "out_of_range"),
        (
            {"patient_details": PERSON | {"medical_proxy": {"a": 1}}},
            ["patient_details", "medical_proxy"],
            "unsupported",
        ),
        ({"patient_address": HOME | {"country": "GBR"}}, ["patient_address", "country"], "invalid"),
        ({"patient_address": HOME | {"access_notes": "x"}}, ["patient_address", "access_notes"], "unsupported"),
        ({"icd_codes": ["J45"]}, ["icd_codes"], "unsupported"),
        ({"priority": True}, ["priority"], "unsupported"),
        ({"physician": {"npi": "1"}}, ["physician"], "unsupported"),
        ({"clinicalNotes": "x"}, ["clinical_notes"], "unsupported"),
    ],
)
def test_junction_order_with_invalid_or_unsupported_member_is_422_with_its_location(
    junction, wanted, changes, place, code
):
    with nothing_changes():
        [error] = data(junction("POST", "/order", wanted | changes), 422)["detail"]
    assert (error["type"], error["loc"]) == (code, ["body", *place])


def test_junction_order_that_leaves_out_what_is_unsupported_by_its_default_is_created(junction, wanted):
    data(junction("POST", "/order", wanted | {"priority": False, "icd_codes": [], "consents": None}))


def test_junction_orders_are_listed_in_pages_and_by_filters(junction, wanted, user, alice, consultation):
    first = data(junction("POST", "/order", wanted))["order"]
    second = data(junction("POST", "/order", wanted | {"collection_method": "walk_in_test"}))["order"]
    data(junction("POST", f"/order/{second['id']}/cancel"))
    second = data(junction("GET", f"/order/{second['id']}"))

    def listed(**query):
        return data(junction("GET", "/orders", query=query))

    assert listed() == {"orders": [second, first], "total": 2, "page": 1, "size": 50}
    assert listed(page=2, size=1) == {"orders": [first], "total": 2, "page": 2, "size": 1}
    today, tomorrow = datetime.now(UTC).date(), datetime.now(UTC) + timedelta(days=1)
    for query, expected in (
        ({"user_id": str(user.pk)}, 2),
        ({"user_id": str(Patient.objects.get().pk)}, 2),
        ({"user_id": NOWHERE}, 0),
        ({"order_ids": [first["id"], NOWHERE]}, 1),
        ({"order_type": "walk_in_test"}, 1),
        ({"order_type": ["walk_in_test", "at_home_phlebotomy"]}, 2),
        ({"start_date": str(today - timedelta(days=1)), "end_date": str(today + timedelta(days=1))}, 2),
        ({"start_date": tomorrow.isoformat()}, 0),
        ({"updated_start_date": second["updated_at"]}, 1),
        ({"updated_end_date": first["updated_at"]}, 1),
    ):
        assert listed(**query)["total"] == expected, query
    [error] = data(junction("GET", "/orders", query={"status": "ordered"}), 422)["detail"]
    assert error == {"type": "unsupported", "loc": ["query", "status"], "msg": REFUSED}


def test_junction_order_is_cancelled_and_says_so(junction, wanted):
    made = data(junction("POST", "/order", wanted))["order"]
    cancelled = data(junction("POST", f"/order/{made['id']}/cancel"))
    order, event = Order.objects.get(), Event.objects.get(kind="order.cancelled")
    told = {
        "id": event.pk,
        "created_at": utc(event.created_at),
        "status": "cancelled.at_home_phlebotomy.cancelled",
        "status_detail": None,
    }
    changes = {"updated_at": utc(order.updated_at)}
    assert cancelled["order"] == made | changes | {
        "details": {**made["details"], "data": made["details"]["data"] | changes},
        "events": [*made["events"], told],
        "last_event": told,
        "status": "cancelled",
    }
    assert (cancelled["status"], cancelled["message"]) == ("success", "The order is cancelled.")
    assert data(junction("POST", f"/order/{made['id']}/cancel")) == cancelled  # again


@pytest.fixture
def get_booking_key(junction, dana, day):
    """Return the booking key of a time: ``get_booking_key(at(9))``."""

    def get_booking_key(start):
        address = {name: value for name, value in HOME.items() if name != "zip"}
        found = data(
            junction("POST", "/order/phlebotomy/appointment/availability", address, query={"start_date": str(day)})
        )
        [key] = [
            slot["booking_key"] for each in found["slots"] for slot in each["slots"] if slot["start"] == utc(start)
        ]
        return key

    return get_booking_key


def test_junction_order_has_the_status_of_its_appointments(junction, wanted, get_booking_key, at):
    made = data(junction("POST", "/order", wanted))["order"]
    address = f"/order/{made['id']}/phlebotomy/appointment"
    booked = data(junction("POST", f"{address}/book", {"booking_key": get_booking_key(at(9))}))
    assert booked["user_id"] == made["user_id"]
    order = data(junction("GET", f"/order/{made['id']}"))
    assert (order["status"], order["details"]["data"]["appointment_id"]) == ("collecting_sample", booked["id"])
    data(junction("PATCH", f"{address}/cancel", {"cancellation_reason_id": PATIENT_REQUEST}))
    order = data(junction("GET", f"/order/{made['id']}"))
    assert [event["status"] for event in order["events"]] == [
        "received.at_home_phlebotomy.ordered",
        "collecting_sample.at_home_phlebotomy.appointment_scheduled",
        "collecting_sample.at_home_phlebotomy.appointment_cancelled",
    ]


def test_junction_appointment_notes_are_kept_and_changed(junction, wanted, get_booking_key, at):
    made = data(junction("POST", "/order", wanted))["order"]
    address = f"/order/{made['id']}/phlebotomy/appointment"
    booking = {"booking_key": get_booking_key(at(9)), "appointment_notes": "Ring twice"}
    assert data(junction("POST", f"{address}/book", booking))["appointment_notes"] == "Ring twice"
    moved = data(junction("PATCH", f"{address}/reschedule", {"booking_key": get_booking_key(at(10))}))
    assert moved["appointment_notes"] == "Ring twice"
    again = {"booking_key": get_booking_key(at(11)), "appointment_notes": "Knock"}
    assert data(junction("PATCH", f"{address}/reschedule", again))["appointment_notes"] == "Knock"
    assert Appointment.objects.get().notes == "Knock"


def test_junction_unknown_order_is_404(junction, db):
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/test"), ("GET", "/psc/info")):
        assert refused(junction(method, f"/order/{NOWHERE}{path}"), 404, "There is no such thing.")


# Once


def test_junction_idempotency_key_creates_one_order(junction, wanted):
    first, again = (junction("POST", "/order", wanted, x_idempotency_key="one") for _ in range(2))
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert Order.objects.count() == 1
    other = {**wanted, "passthrough": "7"}
    [error] = data(junction("POST", "/order", other, x_idempotency_key="one"), 422)["detail"]
    assert error["msg"] == "That Idempotency-Key was used for a different request."


def test_junction_idempotency_error_no_cache_keeps_successes_only(junction, wanted, get_booking_key, hold_time, at):
    made = data(junction("POST", "/order", wanted))["order"]
    address, body = f"/order/{made['id']}/phlebotomy/appointment/book", {"booking_key": get_booking_key(at(9))}
    hold = hold_time(at(9))

    def book(**headers):
        return junction("POST", address, body, **headers)

    no_cache = {"x_idempotency_key": "one", "x_idempotency_error": "no-cache"}
    assert refused(book(**no_cache), 409, "That time has just been taken.")
    assert refused(book(x_idempotency_key="two"), 409, "That time has just been taken.")
    release_hold(hold, actor="patient")
    assert refused(book(x_idempotency_key="two"), 409, "That time has just been taken.")  # kept
    booked = book(**no_cache)
    assert (data(booked)["status"], book(**no_cache).content) == ("confirmed", booked.content)


@pytest.mark.parametrize("headers", [{"x_idempotency_error": "cache"}, {"x_idempotency_key": "é"}])
def test_junction_invalid_idempotency_header_is_422(junction, wanted, headers):
    with nothing_changes():
        [error] = data(junction("POST", "/order", wanted, **headers), 422)["detail"]
    assert error["loc"] == ["header", next(iter(headers)).replace("_", "-").title()]


# Simulation


@pytest.fixture
def make_booking(junction, wanted, get_booking_key, at):
    """Book an order at nine and return its address."""

    def make_booking():
        made = data(junction("POST", "/order", wanted))["order"]
        body = {"booking_key": get_booking_key(at(9))}
        data(junction("POST", f"/order/{made['id']}/phlebotomy/appointment/book", body))
        return f"/order/{made['id']}"

    return make_booking


@pytest.mark.parametrize(
    "final_status, status",
    [
        ("collecting_sample.at_home_phlebotomy.appointment_pending", "reserved"),
        ("collecting_sample.at_home_phlebotomy.appointment_scheduled", "confirmed"),
        ("collecting_sample.at_home_phlebotomy.appointment_cancelled", "cancelled"),
        ("completed.at_home_phlebotomy.completed", "completed"),
        (None, "completed"),
        ("cancelled.at_home_phlebotomy.cancelled", "cancelled"),
    ],
)
def test_junction_order_of_a_stand_in_is_simulated(junction, desk, make_booking, final_status, status):
    address = make_booking()
    Provider.objects.update(kind="stand_in")
    query = {"final_status": final_status} if final_status else None
    assert data(junction("POST", f"{address}/test", query=query)) == {"success": True}
    assert Appointment.objects.get().status == status
    assert bool(Order.objects.get().cancelled_at) == (final_status or "").startswith("cancelled")


def test_junction_order_of_a_real_approver_is_not_simulated(junction, desk, make_booking, wanted):
    address = make_booking()
    unbooked = data(junction("POST", "/order", wanted))["order"]["id"]
    with nothing_changes():
        for path in (address, f"/order/{unbooked}"):
            response = junction("POST", f"{path}/test", query={"final_status": "cancelled"})
            assert refused(response, 404, "There is no such thing.")


@pytest.mark.parametrize(
    "query, body, place, code",
    [
        ({"final_status": "failed.testkit.lost"}, None, ["query", "final_status"], "invalid_choice"),
        ({"delay": 5}, None, ["query", "delay"], "unsupported"),
        (None, {"interpretation": "normal"}, ["body", "interpretation"], "unsupported"),
    ],
)
def test_junction_unknown_simulation_is_422(junction, desk, make_booking, query, body, place, code):
    address = make_booking()
    Provider.objects.update(kind="stand_in")
    with nothing_changes():
        [error] = data(junction("POST", f"{address}/test", body, query=query), 422)["detail"]
    assert (error["type"], error["loc"]) == (code, place)


# Requests


@pytest.fixture
def request_body():
    return {
        "provider": "clinic",
        "appointment_notes": "Ring twice",
        "address": {"first_line": "1 Hill Road", "city": "York", "state": "Yorkshire", "zip_code": "YO1 7HH"},
    }


def test_junction_request_books_the_soonest_opening_and_moves_the_order(junction, wanted, dana, request_body):
    made = data(junction("POST", "/order", wanted))["order"]
    booked = data(junction("POST", f"/order/{made['id']}/phlebotomy/appointment/request", request_body))
    appointment = Appointment.objects.get()
    assert booked == data(junction("GET", f"/order/{made['id']}/phlebotomy/appointment"))
    assert (booked["status"], booked["appointment_notes"]) == ("confirmed", "Ring twice")
    assert booked["address"] == request_body["address"] | {"second_line": "", "unit": ""}
    assert appointment.starts_at < datetime.now(UTC) + timedelta(days=1)


def test_junction_request_to_the_address_that_is_known_keeps_its_coordinates(junction, wanted, dana, request_body):
    made = data(junction("POST", "/order", wanted))["order"]
    Order.objects.update(latitude=53.799723, longitude=-1.549211)
    address = {name: value for name, value in HOME.items() if name not in ("zip", "country")} | {
        "zip_code": HOME["zip"]
    }
    path = f"/order/{made['id']}/phlebotomy/appointment/request"
    booked = data(junction("POST", path, request_body | {"address": address}))
    assert booked["location"] == {"lng": -1.549211, "lat": 53.799723}
    assert not Event.objects.filter(kind="order.updated").exists()


def test_junction_request_of_an_order_that_cannot_be_booked_is_409_and_leaves_its_address(
    junction, wanted, dana, request_body
):
    booked, cancelled = (data(junction("POST", "/order", wanted))["order"]["id"] for _ in range(2))
    data(junction("POST", f"/order/{booked}/phlebotomy/appointment/request", request_body))
    data(junction("POST", f"/order/{cancelled}/cancel"))
    request_body["address"]["first_line"] = "2 Hill Road"
    for order, said in (
        (booked, "That order has an appointment already."),
        (cancelled, "That order is cancelled."),
    ):
        with nothing_changes():
            response = junction("POST", f"/order/{order}/phlebotomy/appointment/request", request_body)
            assert refused(response, 409, said)


def test_junction_request_of_an_unknown_provider_is_422_and_changes_nothing(junction, wanted, dana, request_body):
    made = data(junction("POST", "/order", wanted))["order"]
    address = f"/order/{made['id']}/phlebotomy/appointment/request"
    with nothing_changes():
        [error] = data(junction("POST", address, request_body | {"provider": "getlabs"}), 422)["detail"]
        assert (error["type"], error["loc"]) == ("does_not_exist", ["body", "provider"])
        request_body["address"]["access_notes"] = "The dog bites"
        [error] = data(junction("POST", address, request_body), 422)["detail"]
        assert (error["type"], error["loc"]) == ("unsupported", ["body", "address", "access_notes"])


# Lab tests and areas


def test_junction_lab_tests_are_the_services(junction, consultation):
    film = Service.objects.create(
        name="At home", slug="phlebotomy", price=40, position=1, is_active=False, metadata={"sample_type": "serum"}
    )
    here = write_lab_test(consultation)
    there = write_lab_test(
        film,
        slug="phlebotomy",
        name="At home",
        sample_type="serum",
        method="at_home_phlebotomy",
        price=40.0,
        is_active=False,
        status="inactive",
    )
    assert data(junction("GET", "/lab_tests")) == [here, there]
    assert data(junction("GET", f"/lab_tests/{film.pk}")) == there
    for query, expected in (
        ({"name": "HOME"}, [there]),
        ({"collection_method": "walk_in_test"}, [here]),
        ({"status": "inactive"}, [there]),
        ({"status": "pending_approval"}, []),
    ):
        assert data(junction("GET", "/lab_tests", query=query)) == expected, query
    page = data(junction("GET", "/lab_test", query={"lab_test_limit": 1}))
    assert page == {"data": [here], "next_cursor": "1", "pricing": None}
    page = data(junction("GET", "/lab_test", query={"lab_test_limit": 1, "next_cursor": page["next_cursor"]}))
    assert page == {"data": [there], "next_cursor": None, "pricing": None}
    assert refused(junction("GET", f"/lab_tests/{NOWHERE}"), 404, "There is no such thing.")
    [error] = data(junction("GET", "/lab_tests", query={"marker_ids": 7}), 422)["detail"]
    assert error == {"type": "unsupported", "loc": ["query", "marker_ids"], "msg": REFUSED}


def test_junction_lab_tests_of_a_publishable_key_are_those_it_can_hold(client, publishable_key, consultation):
    hidden = Service.objects.create(name="For staff", slug="staff", is_online_bookable=False)
    page = System(client, JUNCTION, x_vital_api_key=publishable_key, origin=SITE)
    assert [each["id"] for each in data(page("GET", "/lab_tests"))] == [str(consultation.pk)]
    assert refused(page("GET", f"/lab_tests/{hidden.pk}"), 404, "There is no such thing.")


def write_lab_location(location, **changes):
    return {
        "metadata": {
            "name": location.name,
            "state": "",
            "city": location.city,
            "zip_code": location.postcode,
            "first_line": location.address_line_1,
            "second_line": None,
            "phone_number": location.phone or None,
            "fax_number": None,
            "hours": None,
            "website": None,
        },
        "distance": -1,
        "site_code": str(location.pk),
        "supported_bill_types": [],
        "location": {"lng": float(location.longitude or 0), "lat": float(location.latitude or 0)},
        "capabilities": ["appointment_scheduling_via_junction"],
        **changes,
    }


@pytest.fixture
def leeds(consultation, dana):
    """A clinic near Alice's home."""
    leeds = Location.objects.create(
        name="Mill Lane", address_line_1="2 Mill Lane", city="Leeds", postcode="LS1 2AB", latitude=53.8, longitude=-1.55
    )
    make_clinician("Erin Stone", location=leeds, services=[consultation], hours=[(9, 10)])
    return leeds


def test_junction_area_says_whether_somebody_comes_and_how_many_locations_there_are(junction, leeds, desk):
    assert data(junction("GET", "/order/area/info", query={"zip_code": "LS1 4AP", "labs": ["quest"]})) == {
        "zip_code": "LS1 4AP",
        "phlebotomy": {
            "is_served": True,
            "providers": [{"name": "desk", "service_types": ["appointment-ready", "appointment-request"]}],
        },
        "central_labs": {
            "clinic": {
                "patient_service_centers": {
                    "appointment_with_vital": True,
                    "within_radius": 2,
                    "radius": "any",
                    "capabilities": ["appointment_scheduling_via_junction"],
                },
                "supported_bill_types": [],
                "lab_id": 1,
            }
        },
    }


def test_junction_area_without_a_service_is_not_served(junction, db):
    found = data(junction("GET", "/order/area/info", query={"zip_code": "LS1 4AP"}))
    assert found["phlebotomy"] == {"is_served": False, "providers": []}
    [error] = data(junction("GET", "/order/area/info", query={"zip_code": "LS1", "radius": "25"}), 422)["detail"]
    assert error == {"type": "unsupported", "loc": ["query", "radius"], "msg": REFUSED}
    assert data(junction("GET", "/order/area/info"), 422)["detail"][0]["loc"] == ["query", "zip_code"]


def test_junction_centers_are_the_locations_nearest_first(junction, leeds, harbour):
    query = {"zip_code": "LS1 4AP", "lab_id": 27}
    lab = {"lab_id": 1, "slug": "clinic"}
    centers = [write_lab_location(leeds), write_lab_location(harbour)]
    assert data(junction("GET", "/order/psc/info", query=query)) == lab | {"patient_service_centers": centers}
    known = query | {"capabilities": ["appointment_scheduling_via_junction"]}
    assert data(junction("GET", "/order/psc/info", query=known))["patient_service_centers"] == centers
    stat = query | {"capabilities": ["stat", "appointment_scheduling_via_junction"]}
    assert data(junction("GET", "/order/psc/info", query=stat)) == lab | {"patient_service_centers": []}


def test_junction_centers_of_an_order_have_distances_where_both_ends_are_known(junction, leeds, harbour, wanted):
    made = data(junction("POST", "/order", wanted))["order"]
    address = f"/order/{made['id']}/psc/info"
    near = [write_lab_location(leeds), write_lab_location(harbour)]
    assert data(junction("GET", address))["patient_service_centers"] == near
    [error] = data(junction("GET", address, query={"radius": "50"}), 422)["detail"]
    assert (error["type"], error["loc"]) == ("unsupported", ["query", "radius"])

    Order.objects.update(latitude=53.799723, longitude=-1.549211)
    Location.objects.filter(pk=harbour.pk).update(latitude=51.5187, longitude=-0.0734)
    harbour.refresh_from_db()
    near = [write_lab_location(leeds, distance=0), write_lab_location(harbour, distance=169)]
    assert data(junction("GET", address))["patient_service_centers"] == near
    assert data(junction("GET", address, query={"radius": "50"}))["patient_service_centers"] == near[:1]


# Webhooks


def test_junction_webhook_tells_of_orders_without_the_patient(junction, user, wanted):
    endpoint = WebhookEndpoint.objects.create(url="https://lab.example/", format="junction", secret=make_secret())
    made = data(junction("POST", "/order", wanted | {"passthrough": "7"}))["order"]
    data(junction("POST", f"/order/{made['id']}/cancel"))
    cancelled = data(junction("GET", f"/order/{made['id']}"))

    messages = OutboxMessage.objects.filter(kind="webhook.event", payload__type__startswith="order.")
    bodies = [json.loads(FORMATS["junction"](message)) for message in messages.order_by("created_at")]

    hidden = {"patient_details": None, "patient_address": None, "passthrough": None, "team_id": str(endpoint.pk)}
    about = {"user_id": str(user.pk), "client_user_id": "alice-7", "team_id": str(endpoint.pk)}
    assert bodies[1] == {"event_type": "labtest.order.updated", **about, "data": cancelled | hidden}
    # As it was then, but for when it was last changed.
    as_created = {name: cancelled[name] for name in ("updated_at", "details")}
    assert bodies[0] == {"event_type": "labtest.order.created", **about, "data": made | hidden | as_created}
    assert len(bodies) == 2
