"""Who may do what in the dialects: every method of every route with every kind of key. None is missing here."""

import re
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone

from booking.access.api_keys import revoke_key
from booking.access.booking_keys import Signer
from booking.api.dialects.junction.urls import urlpatterns as junction_patterns
from booking.api.dialects.onsched.oauth import Token
from booking.api.dialects.onsched.urls import urlpatterns as onsched_patterns
from booking.domain.client_users import create_client_user
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import create_order
from booking.domain.slot_selection import OpeningRequest
from booking.models import ApiKey, Appointment, Order, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from tests.booking.api.conftest import SITE, assert_reading_is_recorded
from tests.booking.api.dialects.conftest import System
from tests.ledger import nothing_changes

TYPES, TIMES, HOLDS = "read_appointment_types", "read_availability", "write_holds"
READ, WRITE, ORDERS = "read_appointments", "write_appointments", "write_orders"
PUBLIC = {None, TYPES, TIMES, HOLDS}
ID = "v3/appointment/<uuid:id>"
HEADERS = {"onsched": "X-Api-Key", "junction": "X-Vital-Api-Key"}


class Right(NamedTuple):
    """What a method needs, and a request that succeeds: its thing's name, body and status."""

    scope: str | None
    thing: str = ""
    body: str = ""
    status: int = 200


ONSCHED = {
    ("GET", "v3/locations"): Right(TYPES),
    ("GET", "v3/services"): Right(TYPES),
    ("GET", "v3/service/<uuid:id>"): Right(TYPES, "service"),
    ("GET", "v3/resources"): Right(TYPES),
    ("GET", "v3/resource/<uuid:id>"): Right(TYPES, "resource"),
    ("GET", "v3/resource/<uuid:id>/services"): Right(TYPES, "resource"),
    ("GET", "v3/customers"): Right("read_patients"),
    ("POST", "v3/customer"): Right("write_patients", body="person", status=201),
    ("GET", "v3/customer/<uuid:id>"): Right("read_patients", "patient"),
    ("PUT", "v3/customer/<uuid:id>"): Right("write_patients", "patient", "person"),
    ("GET", "v3/availability"): Right(TIMES, body="range"),
    ("GET", "v3/unavailability"): Right(READ, body="range"),
    ("GET", "v3/appointments"): Right(READ),
    ("GET", "v3/appointments/filter"): Right(READ),
    ("POST", "v3/appointment"): Right(WRITE, body="booking", status=201),
    ("POST", "v3/appointments"): Right(WRITE, body="booking", status=201),
    ("POST", "v3/appointment/hold"): Right(HOLDS, body="time", status=201),
    ("POST", "v3/appointments/hold"): Right(HOLDS, body="time", status=201),
    ("POST", "v3/appointment/reserve"): Right(WRITE, body="time", status=201),
    ("GET", ID): Right(READ, "appointment"),
    ("PUT", ID): Right(WRITE, "appointment", "notes"),
    ("GET", f"{ID}/audit"): Right(READ, "appointment"),
    ("PUT", f"{ID}/confirm"): Right(WRITE, "appointment"),
    ("PUT", "v3/appointment/<hold:id>/book"): Right(HOLDS, "hold", "customer"),
    ("PUT", f"{ID}/reschedule"): Right(WRITE, "appointment", "time"),
    ("PUT", f"{ID}/cancel"): Right(WRITE, "appointment"),
    ("GET", "v3/location/<uuid:id>"): Right(TYPES, "location"),
    ("PUT", "v3/location/<uuid:id>"): Right("write_locations", "location", "delay"),
}


def of_orders(kind):
    address = f"v3/order/<uuid:order_id>/{kind}/appointment"
    return {
        ("POST", f"v3/order/{kind}/appointment/availability"): Right(TIMES),
        ("GET", f"v3/order/{kind}/appointment/cancellation-reasons"): Right(None),
        ("GET", address): Right(ORDERS, "booked order"),
        ("POST", f"{address}/book"): Right(ORDERS, "order", "booking key"),
        ("PATCH", f"{address}/reschedule"): Right(WRITE, "booked order", "booking key"),
        ("PATCH", f"{address}/cancel"): Right(WRITE, "booked order", "reason"),
    }


ORDER = "v3/order/<uuid:order_id>"
JUNCTION = (
    of_orders("phlebotomy")
    | of_orders("psc")
    | {
        ("POST", "v2/user"): Right("write_patients", body="new user"),
        ("GET", "v2/user/<uuid:user_id>"): Right("read_patients", "user"),
        ("PATCH", "v2/user/<uuid:user_id>"): Right("write_patients", "user", "changed user"),
        ("GET", "v2/user/resolve/<path:client_user_id>"): Right("read_patients", "user"),
        ("GET", "v3/lab_tests"): Right(TYPES),
        ("GET", "v3/lab_tests/<uuid:lab_test_id>"): Right(TYPES, "service"),
        ("GET", "v3/lab_test"): Right(TYPES),
        ("POST", "v3/order"): Right(ORDERS, body="new order"),
        ("GET", "v3/orders"): Right(ORDERS),
        ("GET", "v3/order/area/info"): Right(TIMES, body="zip code"),
        ("GET", "v3/order/psc/info"): Right(TIMES, body="zip code"),
        ("GET", ORDER): Right(ORDERS, "order"),
        ("POST", f"{ORDER}/cancel"): Right(ORDERS, "order"),
        ("POST", f"{ORDER}/test"): Right(ORDERS, "simulated order"),
        ("GET", f"{ORDER}/psc/info"): Right(ORDERS, "order"),
        ("POST", f"{ORDER}/phlebotomy/appointment/request"): Right(ORDERS, "order", "request"),
    }
)
RIGHTS = {("onsched", *place): right for place, right in ONSCHED.items()} | {
    ("junction", *place): right for place, right in JUNCTION.items()
}
each_method = pytest.mark.parametrize("system, method, route", RIGHTS, ids=lambda part: part)


@pytest.mark.parametrize("patterns, rights", [(onsched_patterns, ONSCHED), (junction_patterns, JUNCTION)])
def test_authorization_tests_cover_all_dialect_methods(patterns, rights):
    served = {}
    for pattern in patterns[:-1]:  # the last one is any other address
        view = pattern.callback.cls
        if view is Token:  # no key is shown there, but exchanged: test_onsched_oauth has its rights
            continue
        written = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"OPTIONS"}
        assert written - {"HEAD"} == set(view.scopes), pattern
        served |= {(method, str(pattern.pattern)): scope for method, scope in view.scopes.items()}
    assert served == {place: right.scope for place, right in rights.items()}


@pytest.fixture
def user(db):
    """A user whom nobody knows yet."""
    return create_client_user("alice-7")


@pytest.fixture
def make_request(client, hold_time, book, at, day, consultation, dana, harbour, alice, user):
    """Return what makes a method's request with a key; if it is about a hold, ``holder`` has placed it."""
    time = {
        "ServiceId": str(consultation.pk),
        "LocationId": str(harbour.pk),
        "resourceId": str(dana.pk),
        "Unavailability": {"startTime": at(15).isoformat()},
    }
    customer = {"Customer": {"firstName": "Bob", "lastName": "Brown", "email": "bob@example.org"}}
    signer = Signer(
        service_id=consultation.pk, clinician_id=dana.pk, location_id=harbour.pk, is_remote=False, now=database_now()
    )
    bodies = {
        "time": time,
        "customer": customer,
        "booking": time | customer,
        "delay": {"expirationDelay": 60},
        "notes": {"notes": "Needs a ramp"},
        "person": customer["Customer"],
        "booking key": {"booking_key": signer.sign(int(at(15).timestamp()))},
        "reason": {"cancellation_reason_id": "other"},
        "new user": {"client_user_id": "bob-8"},
        "changed user": {"client_user_id": "alice-8"},
        "new order": {
            "user_id": str(user.pk),
            "lab_test_id": str(consultation.pk),
            "patient_details": {
                "first_name": "Bob",
                "last_name": "Brown",
                "dob": "1990-01-31",
                "gender": "male",
                "email": "bob@example.org",
                "phone_number": "+442079460456",
            },
            "patient_address": {"first_line": "1 Hill Road", "city": "Leeds", "state": "", "zip": "", "country": "GB"},
        },
        "request": {
            "provider": "clinic",
            "address": {"first_line": "1 Hill Road", "city": "Leeds", "state": "Yorkshire", "zip_code": "LS1 4AP"},
        },
    }

    def order(holder):
        return create_order(patient=alice, service=consultation, actor="erin")

    def booked_order(holder):
        made = order(holder)
        book_directly(
            OpeningRequest(made.service, at(9), dana, harbour, is_remote=False),
            patient=made.patient,
            order=made,
            holder=Holder("erin"),
            actor="erin",
        )
        return made

    def simulated_order(holder):
        made = booked_order(holder)
        provider = Provider.objects.create(name="The stand-in", slug="stand-in", kind="stand_in")
        made.appointments.update(provider=provider)
        return made

    make = {
        "": lambda holder: None,
        "user": lambda holder: user,
        "service": lambda holder: consultation,
        "simulated order": simulated_order,
        "appointment": lambda holder: book(at(10)),
        "location": lambda holder: harbour,
        "resource": lambda holder: dana,
        "patient": lambda holder: alice.save() or alice,
        "hold": lambda holder: hold_time(at(9), holder=holder.actor, actor=holder.actor),
        "order": order,
        "booked order": booked_order,
    }
    queries = {
        "range": {"ServiceId": consultation.pk, "startDate": day, "endDate": day},
        "zip code": {"zip_code": "LS1 4AP"},
    }

    def make_request(system, method, route, holder):
        right = RIGHTS[system, method, route]
        thing = make[right.thing](holder)
        path = "/" + route.replace("<path:client_user_id>", user.client_user_id)
        id = thing.token if "<hold:id>" in route and holder.is_publishable else thing and thing.pk
        path = re.sub("<[a-z]+:[a-z_]+>", str(id), path)
        return lambda key, **headers: System(client, f"/{system}", **{HEADERS[system]: key}, **headers)(
            method, path, bodies.get(right.body), query=queries.get(right.body)
        )

    return make_request


def refused(system, response, status, code):
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["X-Request-Id"]
    if system == "onsched":
        assert (body["success"], body["code"]) == (False, code)
    else:
        assert list(body) == ["detail"]
    return True


@each_method
def test_dialect_request_without_a_live_key_is_401(make_request, make_key, system, method, route):
    key, revoked = make_key()
    revoke_key(key)
    _, expired = make_key(expires_at=timezone.now() - timedelta(seconds=1))
    ask = make_request(system, method, route, key)
    with nothing_changes():
        for plain in (None, "hf_sec_" + "A" * 43, revoked, expired):
            response = ask(plain)
            assert refused(system, response, 401, "invalid-key")
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="Holdfast"'


@each_method
def test_dialect_request_with_every_other_scope_is_403(make_request, make_key, system, method, route):
    right = RIGHTS[system, method, route]
    key, plain = make_key(scopes=[scope for scope in ApiKey.Scope.values if scope != right.scope])
    ask = make_request(system, method, route, key)
    if right.scope is None:
        assert ask(plain).status_code == right.status
        return
    with nothing_changes():
        assert refused(system, ask(plain), 403, "missing-scope")


@each_method
def test_dialect_request_with_the_right_scope_alone_is_allowed(make_request, make_key, system, method, route):
    right = RIGHTS[system, method, route]
    key, plain = make_key(scopes=[right.scope or "read_availability"])
    response = make_request(system, method, route, key)(plain)
    assert response.status_code == right.status
    assert_reading_is_recorded(response)


@pytest.mark.parametrize("system, method, route", [place for place, right in RIGHTS.items() if right.scope == WRITE])
def test_dialect_answer_to_write_appointments_alone_tells_no_person(make_request, make_key, system, method, route):
    key, plain = make_key(scopes=["write_appointments"])
    ask = make_request(system, method, route, key)
    Patient.objects.update(first_name="Zelda", last_name="Quill", email="zq@example.org", phone="+442079460177")
    Appointment.objects.update(
        attendee_name="Zelda Quill", attendee_email="zq@example.org", attendee_phone="+442079460177"
    )
    Appointment.objects.update(notes="Her left knee.", metadata={"ward": "Seven"}, meeting_url="https://v.example/zq")
    Order.objects.update(address_line_1="9 Quill Lane", address_line_2="Attic")

    answers = [ask(plain), ask(plain)]  # a verb that has been done already is the easiest way to ask

    assert answers[0].status_code == RIGHTS[system, method, route].status
    for answer in answers:
        for word in (b"Zelda", b"Quill", b"zq", b"946017", b"knee", b"Seven", b"Attic"):
            assert word not in answer.content


@each_method
def test_publishable_key_of_a_dialect_may_do_what_visitors_may(make_request, make_key, system, method, route):
    right = RIGHTS[system, method, route]
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    ask = make_request(system, method, route, key)
    with nothing_changes():
        assert refused(system, ask(plain, origin="https://www.elsewhere.example"), 403, "foreign-origin")
        if right.scope not in PUBLIC:
            assert refused(system, ask(plain, origin=SITE), 403, "missing-scope")
    if right.scope in PUBLIC:
        response = ask(plain, origin=SITE)
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (right.status, SITE)


@pytest.mark.parametrize("system", HEADERS)
def test_dialect_preflight_from_site_of_a_key_is_allowed(client, publishable_key, system):
    headers = {
        "Origin": SITE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": HEADERS[system],
    }
    response = client.options(f"/{system}/v3/anything", headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    assert HEADERS[system].lower() in response.headers["Access-Control-Allow-Headers"]
    headers["Origin"] = "https://www.elsewhere.example"
    assert "Access-Control-Allow-Origin" not in client.options(f"/{system}/v3/anything", headers=headers).headers
