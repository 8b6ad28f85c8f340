"""A client of Junction finds a slot for an address, books an order with its key, moves it and cancels it."""

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking.access.signatures import make_secret
from booking.api.dialects.junction.slots import free_at_locations
from booking.domain.appointments import cancel, complete, confirm, mark_arrived, mark_no_show
from booking.domain.orders import create_order
from booking.integrations.webhooks.endpoints import send_test
from booking.integrations.webhooks.formats import FORMATS
from booking.models import Appointment, Event, Order, OutboxMessage, Provider, WebhookEndpoint
from scheduling.models import Location, Service
from tests.booking.api.conftest import SITE
from tests.booking.api.dialects.conftest import JUNCTION, System
from tests.conftest import make_clinician
from tests.ledger import begin, nothing_changes

NOWHERE = "7d1f6cf0-0000-4000-8000-000000000000"
NO_KEY = "The booking key is forged, stale or not for this."
PATIENT_REQUEST = "62ec7086-1b92-474a-9c93-b0cf8f0f999b"
HOME = {
    "first_line": "4 Mill Lane",
    "second_line": "Top floor",
    "city": "Leeds",
    "state": "West Yorkshire",
    "zip_code": "LS1 4AP",
    "unit": "2b",
}
CENTER = {
    "first_line": "12 Harbour Street",
    "second_line": "",
    "city": "London",
    "state": "",
    "zip_code": "E1 6AN",
    "unit": "",
}


def utc(moment):
    """A moment as Junction writes it."""
    return moment.astimezone(UTC).isoformat()


def data(response, status=200):
    assert response.status_code == status, response.content
    return response.json()


def refused(response, status, detail):
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    return True


@pytest.fixture
def visit(alice, consultation):
    """An order of Alice's that is to be done at her home."""
    return create_order(
        patient=alice,
        service=consultation,
        actor="erin",
        external_id="LAB-9",
        address_line_1="4 Mill Lane",
        address_line_2="Top floor",
        unit="2b",
        city="Leeds",
        state="West Yorkshire",
        postcode="LS1 4AP",
        latitude=53.799723,
        longitude=-1.549211,
    )


@pytest.fixture
def clinic_visit(visit, consultation):
    """Return another order of hers, for a visit to the clinic."""
    return create_order(patient=visit.patient, service=consultation, actor="erin")


@pytest.fixture
def get_booking_key(junction, dana, day):
    """Return the booking key of a time: ``get_booking_key(at(9))``."""

    def get_booking_key(start, kind="phlebotomy"):
        address = f"/order/{kind}/appointment/availability"
        days = data(junction("POST", address, HOME, query={"start_date": str(day)}))["slots"]
        [key] = [slot["booking_key"] for each in days for slot in each["slots"] if slot["start"] == utc(start)]
        return key

    return get_booking_key


@pytest.fixture
def ask(junction, visit):
    """Ask for something of the visit: ``ask("POST", "/book", {…})``."""
    address = f"/order/{visit.pk}/phlebotomy/appointment"
    return lambda method, path="", *json, **options: junction(method, address + path, *json, **options)


@pytest.fixture
def lab(settings, consultation):
    """A laboratory that must agree, and at whose address nobody is."""
    settings.PRIVATE_HOSTS = ["127.0.0.1:9"]
    lab = Provider.objects.create(
        name="The laboratory", slug="getlabs", kind="upstream", url="http://127.0.0.1:9/", secret=make_secret()
    )
    lab.services.add(consultation)
    return lab


# Availability


def test_junction_availability_lists_slots_near_the_address(junction, consultation, dana, hold_time, harbour, day, at):
    erin = make_clinician("Erin Stone", location=harbour, services=[consultation], hours=[(9, 10)])
    hold_time(at(9, 30), clinician=erin)

    found = data(junction("POST", "/order/phlebotomy/appointment/availability", HOME, query={"start_date": str(day)}))

    assert list(found) == ["timezone", "slots"]
    assert found["timezone"] == "Europe/London"
    assert [each["date"] for each in found["slots"]] == [str(day + timedelta(number)) for number in range(7)]
    first, second = found["slots"][0]["slots"][:2]
    assert found["slots"][0]["location"] is None
    assert (
        first.items()
        >= {
            "start": utc(at(9)),
            "end": utc(at(9, 30)),
            "price": 60.0,
            "is_priority": False,
            "num_appointments_available": 2,
        }.items()
    )
    assert sorted(first) == [
        "booking_key",
        "end",
        "expires_at",
        "is_priority",
        "num_appointments_available",
        "price",
        "start",
    ]
    assert second["num_appointments_available"] == 1


def test_junction_availability_without_start_date_begins_today(junction, dana):
    found = data(junction("POST", "/order/phlebotomy/appointment/availability", HOME))
    assert len(found["slots"]) >= 6


def test_junction_availability_without_start_date_begins_now_west_of_utc(consultation, day):
    new_york = Location.objects.create(
        name="Pier 4", address_line_1="4 South Street", city="New York", timezone="America/New_York"
    )
    make_clinician("Erin Stone", location=new_york, services=[consultation], hours=[(9, 21)])
    now = datetime.combine(day, time(19, 15), ZoneInfo("America/New_York"))
    [starts] = free_at_locations(consultation, start_date=None, now=now).values()
    assert min(starts) == (now + timedelta(minutes=15)).timestamp()
    assert now + timedelta(days=6) < datetime.fromtimestamp(max(starts), UTC) < now + timedelta(days=7)


@pytest.fixture
def leeds(consultation, dana):
    """A clinic near Alice's home."""
    leeds = Location.objects.create(
        name="Mill Lane",
        address_line_1="2 Mill Lane",
        city="Leeds",
        postcode="LS1 2AB",
        latitude="53.8",
        longitude="-1.55",
    )
    make_clinician("Erin Stone", location=leeds, services=[consultation], hours=[(9, 10)])
    return leeds


def test_junction_phlebotomy_availability_is_of_the_nearest_location(junction, leeds, visit, day):
    query = {"start_date": str(day)}
    for address, number in ((HOME, 2), ({"zip_code": "E1"}, 14), ({"city": "leeds"}, 2), (None, 14)):
        found = data(junction("POST", "/order/phlebotomy/appointment/availability", address, query=query))
        assert len(found["slots"][0]["slots"]) == number, address


def test_junction_psc_availability_lists_locations_nearest_first(junction, leeds, harbour, day):
    query = {"start_date": str(day), "zip_code": "LS1 4AP", "lab": "quest", "allow_stale": "true"}
    found = data(junction("POST", "/order/psc/appointment/availability", query=query))
    assert [(each["date"], each["location"]["name"]) for each in found["slots"][:3]] == [
        (str(day), "Mill Lane"),
        (str(day), "Harbour Street"),
        (str(day + timedelta(1)), "Mill Lane"),
    ]
    assert found["slots"][0]["location"] == {
        "location": {"lng": -1.55, "lat": 53.8},
        "distance": None,
        "code": str(leeds.pk),
        "name": "Mill Lane",
        "address": {
            "first_line": "2 Mill Lane",
            "second_line": "",
            "city": "Leeds",
            "state": "",
            "zip_code": "LS1 2AB",
            "unit": "",
        },
        "iana_timezone": "Europe/London",
    }


def test_junction_psc_availability_is_of_the_named_sites_only(junction, leeds, harbour, day):
    Location.objects.filter(pk=leeds.pk).update(external_id="LDS")
    for codes, names in (
        ([harbour.pk], {"Harbour Street"}),
        (["LDS"], {"Mill Lane"}),
        (["LDS", harbour.pk], {"Harbour Street", "Mill Lane"}),
        (["elsewhere"], set()),
    ):
        query = {"start_date": str(day), "site_codes": codes}
        found = data(junction("POST", "/order/psc/appointment/availability", query=query))
        assert {each["location"]["name"] for each in found["slots"]} == names, codes


def test_junction_availability_within_a_radius_is_refused_by_name(junction, dana):
    response = junction("POST", "/order/psc/appointment/availability", query={"zip_code": "LS1 4AP", "radius": "25"})
    [error] = data(response, 422)["detail"]
    assert error == {
        "type": "unsupported",
        "loc": ["query", "radius"],
        "msg": "That does not exist here; leave it out.",
    }


def test_junction_availability_is_of_the_named_service_or_the_one_with_that_slug(junction, dana, day):
    def priced(kind, **query):
        found = data(junction("POST", f"/order/{kind}/appointment/availability", HOME, query=query))
        return {slot["price"] for each in found["slots"] for slot in each["slots"]}

    Service.objects.create(name="A film", slug="film", mode="remote", price=1, position=0)
    dana.services.add(Service.objects.create(name="At home", slug="phlebotomy", price=40, position=9))
    dana.services.add(other := Service.objects.create(name="Another", slug="another", price=50, position=8))
    assert (priced("phlebotomy"), priced("psc"), priced("psc", service_id=other.pk)) == ({40.0}, {40.0}, {50.0})
    dana.services.add(Service.objects.create(name="Here", slug="psc", price=30, position=10))
    assert (priced("phlebotomy"), priced("psc")) == ({40.0}, {30.0})
    Service.objects.filter(slug__in=["phlebotomy", "psc"]).delete()
    assert (priced("phlebotomy"), priced("psc")) == ({60.0}, {60.0})


def test_junction_availability_without_a_service_is_empty(junction, db):
    assert data(junction("POST", "/order/psc/appointment/availability")) == {"timezone": None, "slots": []}


# Booking


def test_junction_order_is_booked_with_a_booking_key(ask, junction, visit, get_booking_key, at):
    booked = data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))

    appointment, event = Appointment.objects.get(), Event.objects.get(kind="appointment.created")
    assert booked == {
        "id": str(appointment.pk),
        "user_id": str(visit.patient_id),
        "order_id": str(visit.pk),
        "order_transaction_id": None,
        "address": HOME,
        "location": {"lng": -1.549211, "lat": 53.799723},
        "start_at": utc(at(9)),
        "end_at": utc(at(9, 30)),
        "iana_timezone": "Europe/London",
        "type": "phlebotomy",
        "provider": "clinic",
        "status": "confirmed",
        "provider_id": appointment.reference,
        "external_id": "LAB-9",
        "can_reschedule": True,
        "appointment_notes": None,
        "event_status": "scheduled",
        "event_data": None,
        "events": [{"created_at": utc(event.created_at), "status": "scheduled", "data": None}],
    }
    assert data(ask("GET")) == booked


def test_junction_psc_appointment_has_the_address_of_the_center(junction, clinic_visit, get_booking_key, harbour, at):
    address = f"/order/{clinic_visit.pk}/psc/appointment"
    Location.objects.update(latitude="51.518700", longitude="-0.073400")
    booked = data(junction("POST", f"{address}/book", {"booking_key": get_booking_key(at(9), "psc"), "site_code": "x"}))
    assert (booked["type"], booked["address"], booked["location"], booked["external_id"]) == (
        "patient_service_center",
        CENTER,
        {"lng": -0.0734, "lat": 51.5187},
        None,
    )
    assert data(junction("GET", address)) == booked


def test_junction_body_without_json_content_type_is_read(ask, get_booking_key, at):
    body = json.dumps({"booking_key": get_booking_key(at(9))}).encode()
    form = "application/x-www-form-urlencoded"
    assert data(ask("POST", "/book", body=b"\n" + body + b"\n", content_type=form))["status"] == "confirmed"


def test_junction_order_is_booked_once_until_its_appointment_is_cancelled(ask, get_booking_key, at):
    first = data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    with nothing_changes():
        response = ask("POST", "/book", {"booking_key": get_booking_key(at(10))})
        assert refused(response, 409, "That order has an appointment already.")
    data(ask("PATCH", "/cancel", {"cancellation_reason_id": PATIENT_REQUEST}))
    second = data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    assert second["id"] != first["id"]
    assert data(ask("GET"))["id"] == second["id"]


def test_junction_booking_of_a_taken_time_is_refused(ask, get_booking_key, hold_time, at):
    key = get_booking_key(at(9))
    hold_time(at(9))
    with nothing_changes():
        assert refused(ask("POST", "/book", {"booking_key": key}), 409, "That time has just been taken.")


@pytest.mark.parametrize("key", ["foo123", "a.1.b", "é", "x" * 300])
def test_junction_booking_with_a_foreign_booking_key_is_refused(ask, visit, key):
    with nothing_changes():
        assert refused(ask("POST", "/book", {"booking_key": key}), 400, NO_KEY)


def test_junction_booking_with_the_key_of_another_service_is_refused(ask, visit, get_booking_key, at):
    key = get_booking_key(at(9))
    Order.objects.filter(pk=visit.pk).update(service=Service.objects.create(name="Another", slug="another"))
    with nothing_changes():
        assert refused(ask("POST", "/book", {"booking_key": key}), 400, NO_KEY)


@pytest.mark.parametrize(
    "value, place, code",
    [
        (None, "booking_key", "required"),
        (7, "booking_key", "type"),
        ("yes", "async_confirmation", "type"),
        (999, "sync_confirmation_timeout_millisecond", "min_value"),
        (10_001, "sync_confirmation_timeout_millisecond", "max_value"),
        (59_999, "async_confirmation_timeout_millisecond", "min_value"),
        (172_800_001, "async_confirmation_timeout_millisecond", "max_value"),
    ],
)
def test_junction_invalid_body_is_422_with_its_location(ask, visit, value, place, code):
    with nothing_changes():
        body = data(ask("POST", "/book", {"booking_key": "foo123", place: value}), 422)
    [error] = body.pop("detail")
    assert (body, error["type"], error["loc"], bool(error["msg"])) == ({}, code, ["body", place], True)


def test_junction_invalid_query_is_422_with_its_location(junction, db):
    response = junction("POST", "/order/psc/appointment/availability", query={"start_date": "soon"})
    assert data(response, 422)["detail"][0]["loc"] == ["query", "start_date"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"booking_key=foo123"])
def test_junction_body_that_is_no_json_is_422(ask, visit, body):
    assert data(ask("POST", "/book", body=body), 422)["detail"][0]["loc"] == ["body"]


def test_junction_unknown_order_or_path_is_404(junction, ask, visit, clinic_visit):
    for address in (f"/order/{NOWHERE}/phlebotomy/appointment/book", f"/order/{NOWHERE}/psc/appointment/book"):
        assert refused(junction("POST", address, {"booking_key": "foo123"}), 404, "There is no such thing.")
    for method, path in (("GET", ""), ("PATCH", "/reschedule"), ("PATCH", "/cancel")):
        assert refused(ask(method, path), 404, "There is no such thing.")
    for address in ("/order/x/psc/appointment", "/order/phlebotomy/appointment", "/"):
        assert refused(junction("GET", address), 404, "There is no such thing.")
    response = junction("PUT", "/order/psc/appointment/cancellation-reasons")
    assert refused(response, 405, "That method does not work here.")
    assert response.headers["Allow"] == "GET, HEAD"


# Approvers


def test_junction_booking_without_the_approvers_answer_is_500_and_books_nothing(ask, get_booking_key, lab, at):
    key = get_booking_key(at(9))
    response = ask("POST", "/book", {"booking_key": key, "sync_confirmation_timeout_millisecond": None})
    assert refused(response, 500, "The provider has not answered in time.")
    assert not Appointment.objects.exists()
    assert get_booking_key(at(9))  # and the time is free


@pytest.mark.parametrize(
    "changes, minutes",
    [
        ({}, 15),
        ({"async_confirmation_timeout_millisecond": None}, 15),
        ({"async_confirmation_timeout_millisecond": 172_800_000}, 2880),
    ],
)
def test_junction_async_booking_without_the_approvers_answer_is_pending(
    ask, get_booking_key, lab, at, changes, minutes
):
    body = {
        "booking_key": get_booking_key(at(9)),
        "async_confirmation": True,
        "sync_confirmation_timeout_millisecond": 1000,
    }
    pending = data(ask("POST", "/book", body | changes))
    appointment = Appointment.objects.get()
    assert [pending[name] for name in ("status", "event_status", "provider", "provider_id", "can_reschedule")] == [
        "pending",
        "pending",
        "getlabs",
        appointment.reference,
        True,
    ]
    waits = appointment.answer_by - appointment.created_at
    assert abs(waits - timedelta(minutes=minutes)) < timedelta(seconds=15)
    assert [event["status"] for event in pending["events"]] == ["pending"]


# Afterwards


def test_junction_appointment_is_rescheduled(ask, get_booking_key, at):
    booked = data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    moved = data(ask("PATCH", "/reschedule", {"booking_key": get_booking_key(at(14))}))
    event = Event.objects.get(kind="appointment.rescheduled")
    told = {"created_at": utc(event.created_at), "status": "scheduled", "data": event.data}
    assert moved == booked | {
        "start_at": utc(at(14)),
        "end_at": utc(at(14, 30)),
        "event_data": event.data,
        "events": [*booked["events"], told],
    }


def test_junction_reschedule_to_a_taken_time_is_refused(ask, get_booking_key, hold_time, at):
    data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    key = get_booking_key(at(14))
    hold_time(at(14))
    with nothing_changes():
        assert refused(ask("PATCH", "/reschedule", {"booking_key": key}), 409, "That time has just been taken.")


def test_junction_cancellation_reasons_are_listed(junction, db):
    for kind in ("phlebotomy", "psc"):
        reasons = data(junction("GET", f"/order/{kind}/appointment/cancellation-reasons"))
        assert reasons[0] == {"id": PATIENT_REQUEST, "name": "the patient asked", "is_refundable": True}
        assert [sorted(reason) for reason in reasons] == [["id", "is_refundable", "name"]] * 6


@pytest.mark.parametrize(
    "body",
    [
        {"cancellation_reason_id": PATIENT_REQUEST, "notes": "No car"},
        {"cancellationReasonId": PATIENT_REQUEST, "note": "No car"},
        {"cancellation_reason_id": "patient_request", "note": "No car", "source": "phone"},
    ],
)
def test_junction_appointment_is_cancelled(ask, get_booking_key, at, body):
    booked = data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    cancelled = data(ask("PATCH", "/cancel", body))
    appointment = Appointment.objects.get()
    assert (appointment.cancellation_reason, appointment.cancellation_note) == ("patient_request", "No car")
    event = Event.objects.get(kind="appointment.cancelled")
    told = {"created_at": utc(event.created_at), "status": "cancelled", "data": {"reason": "patient_request"}}
    assert cancelled == booked | {
        "status": "cancelled",
        "event_status": "cancelled",
        "can_reschedule": False,
        "event_data": told["data"],
        "events": [*booked["events"], told],
    }
    assert data(ask("PATCH", "/cancel", body)) == cancelled
    assert get_booking_key(at(9))


@pytest.mark.parametrize("reason", [None, "sunshine", NOWHERE, "declined"])
def test_junction_cancellation_with_unknown_reason_is_refused(ask, get_booking_key, at, reason):
    data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    with nothing_changes():
        response = ask("PATCH", "/cancel", {"cancellation_reason_id": reason})
    assert data(response, 422)["detail"][0]["loc"] == ["body", "cancellation_reason_id"]


def test_junction_appointment_has_the_status_of_what_became_of_it(ask, get_booking_key, at):
    data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    appointment = begin(Appointment.objects.get())
    for verb, status in ((mark_arrived, "in_progress"), (complete, "completed")):
        verb(appointment, actor="erin")
        told = data(ask("GET"))
        assert (told["status"], told["event_status"], told["can_reschedule"]) == (status, status, False)
    assert [event["status"] for event in told["events"]] == ["scheduled", "in_progress", "completed"]


def test_junction_order_can_be_booked_again_after_no_show(ask, get_booking_key, at):
    data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    mark_no_show(begin(Appointment.objects.get()), actor="erin")
    told = data(ask("GET"))
    assert (told["status"], told["event_status"]) == ("cancelled", "cancelled")
    assert data(ask("POST", "/book", {"booking_key": get_booking_key(at(10))}))["status"] == "confirmed"


# Webhooks


@pytest.fixture
def told(db):
    """Return the bodies of what a listener of Junction has been told."""
    WebhookEndpoint.objects.create(url="https://lab.example/", format="junction", secret=make_secret())

    def told():
        bodies = [FORMATS["junction"](message) for message in OutboxMessage.objects.filter(kind="webhook.event")]
        bodies = [json.loads(body) for body in bodies if body]
        about_appointments = [body for body in bodies if body["event_type"].startswith("labtest.appointment")]
        return sorted(about_appointments, key=lambda body: len(body["data"]["events"]))

    return told


def test_junction_webhook_is_sent_for_every_status(told, ask, get_booking_key, lab, visit, harbour, at):
    body = {"booking_key": get_booking_key(at(9)), "async_confirmation": True}
    pending = data(ask("POST", "/book", body))
    confirm(Appointment.objects.get(), actor="erin")
    cancel(Appointment.objects.get(), reason="other", actor="erin")

    created, confirmed, cancelled = told()
    assert created == {
        "event_type": "labtest.appointment.created",
        "user_id": pending["user_id"],
        "client_user_id": pending["user_id"],
        "team_id": str(WebhookEndpoint.objects.get().pk),
        "data": pending
        | {
            # Where she lives is not told to listeners.
            "address": HOME | {"first_line": "", "second_line": "", "unit": ""},
            "location": {"lng": 0.0, "lat": 0.0},
        },
    }
    for body, status, event_status in (
        (confirmed, "confirmed", "scheduled"),
        (cancelled, "cancelled", "cancelled"),
    ):
        assert body["event_type"] == "labtest.appointment.updated"
        assert (body["data"]["status"], body["data"]["event_status"]) == (status, event_status)
    assert cancelled["data"]["event_data"] == {"reason": "other"}


def test_junction_webhook_has_the_appointment_as_it_was_at_the_event(told, ask, get_booking_key, at):
    data(ask("POST", "/book", {"booking_key": get_booking_key(at(9))}))
    data(ask("PATCH", "/reschedule", {"booking_key": get_booking_key(at(14))}))
    booked, moved = told()
    assert [body["data"]["start_at"] for body in (booked, moved)] == [utc(at(9)), utc(at(14))]
    assert moved["data"]["event_data"] == {"from": at(9).isoformat(), "to": at(14).isoformat()}


def test_junction_test_webhook_names_nobody(told):
    listener = WebhookEndpoint.objects.get()
    send_test(listener)
    message = OutboxMessage.objects.get()
    assert json.loads(FORMATS["junction"](message)) == {
        "event_type": "webhook.test",
        "user_id": "00000000-0000-0000-0000-000000000000",
        "client_user_id": "00000000-0000-0000-0000-000000000000",
        "team_id": str(listener.pk),
        "data": {"endpoint_id": str(listener.pk)},
    }


def test_junction_webhook_is_not_sent_for_appointments_without_order(told, book, at):
    book(at(9))
    assert OutboxMessage.objects.filter(kind="webhook.event").exists()
    assert told() == []


# Keys, limits, and once or again


def test_junction_key_is_read_from_its_own_header(client, secret_key):
    address = "/order/psc/appointment/cancellation-reasons"
    for headers in ({"x_vital_api_key": secret_key}, {"authorization": f"Bearer {secret_key}"}):
        assert data(System(client, JUNCTION, **headers)("GET", address))
    for headers in ({}, {"x_vital_api_key": "wrong"}, {"x_api_key": secret_key}):
        assert refused(
            System(client, JUNCTION, **headers)("GET", address),
            401,
            "The API key is missing, unknown, expired or revoked.",
        )


def test_junction_publishable_key_sees_slots_and_no_orders(client, publishable_key, visit, dana):
    page = System(client, JUNCTION, x_vital_api_key=publishable_key, origin=SITE)
    response = page("POST", "/order/phlebotomy/appointment/availability", HOME)
    assert data(response)["slots"]
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    with nothing_changes():
        response = page("POST", f"/order/{visit.pk}/phlebotomy/appointment/book", {"booking_key": "foo123"})
        assert refused(response, 403, "The API key does not have the scope this needs.")
    Service.objects.update(is_online_bookable=False)
    assert data(page("POST", "/order/phlebotomy/appointment/availability", HOME))["slots"] == []
    response = page("POST", "/order/psc/appointment/availability", query={"service_id": visit.service_id})
    assert data(response, 422)["detail"][0]["loc"] == ["query", "service_id"]


def test_junction_repeated_request_with_idempotency_key_gets_the_stored_answer(ask, get_booking_key, at):
    body = {"booking_key": get_booking_key(at(9))}
    first, again = (ask("POST", "/book", body, idempotency_key="one") for _ in range(2))
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert data(first)["status"] == "confirmed"
    body = {"booking_key": get_booking_key(at(14))}
    moved, again = (ask("PATCH", "/reschedule", body, idempotency_key="three") for _ in range(2))
    assert (again.content, again.headers["Idempotent-Replayed"]) == (moved.content, "true")
    ask("PATCH", "/cancel", {}, idempotency_key="two")  # not valid, so it may be mended
    mended = ask("PATCH", "/cancel", {"cancellation_reason_id": PATIENT_REQUEST}, idempotency_key="two")
    assert data(mended)["status"] == "cancelled"


def test_junction_request_beyond_the_limit_is_429(client, make_key):
    caller = System(client, JUNCTION, x_vital_api_key=make_key(requests_per_minute=1)[1])
    caller("GET", "/order/psc/appointment/cancellation-reasons")
    response = caller("GET", "/order/psc/appointment/cancellation-reasons")
    assert refused(response, 429, "Too many requests.")
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["X-Request-Id"]


def test_junction_personal_data_is_no_store(ask, get_booking_key, at):
    assert ask("POST", "/book", {"booking_key": get_booking_key(at(9))}).headers["Cache-Control"] == "no-store"
