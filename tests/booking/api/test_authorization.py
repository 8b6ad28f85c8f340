"""Who may do what: every method of every route with every kind of key. A route that is missing here fails."""

from datetime import timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone

from booking.api.urls import urlpatterns
from booking.keys import revoke_key
from booking.models import ApiKey
from tests.ledger import nothing_changes

from .conftest import SITE

TYPES, TIMES, HOLDS = "read_appointment_types", "read_availability", "write_holds"
PUBLIC = {None, TYPES, TIMES, HOLDS}
PATIENT = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
ID = "<uuid:id>"


class Right(NamedTuple):
    """What a method needs, and a request that succeeds: its thing's name, parameters, body and status."""

    scope: str | None
    thing: str = ""
    query: str = ""
    body: str = ""
    status: int = 200


RIGHTS = {
    ("GET", "me"): Right(None),
    ("GET", "cancellation-reasons"): Right(None),
    ("GET", "appointment-types"): Right(TYPES),
    ("GET", f"appointment-types/{ID}"): Right(TYPES, "service"),
    ("GET", "clinicians"): Right(TYPES),
    ("GET", f"clinicians/{ID}"): Right(TYPES, "clinician"),
    ("GET", "locations"): Right(TYPES),
    ("GET", f"locations/{ID}"): Right(TYPES, "location"),
    ("GET", "availability"): Right(TIMES, query="range"),
    ("GET", "availability/days"): Right(TIMES, query="range"),
    ("GET", "availability/next"): Right(TIMES, query="service"),
    ("GET", "availability/explain"): Right(TIMES, query="start"),
    ("POST", "holds"): Right(HOLDS, body="opening", status=201),
    ("GET", f"holds/{ID}"): Right(HOLDS, "hold"),
    ("DELETE", f"holds/{ID}"): Right(HOLDS, "hold"),
    ("POST", f"holds/{ID}/extend"): Right(HOLDS, "hold"),
    ("POST", f"holds/{ID}/move"): Right(HOLDS, "hold", body="opening"),
    ("POST", f"holds/{ID}/confirm"): Right(HOLDS, "hold", body="patient", status=201),
    ("GET", "patients"): Right("read_patients"),
    ("POST", "patients"): Right("write_patients", body="person", status=201),
    ("GET", f"patients/{ID}"): Right("read_patients", "patient"),
    ("PATCH", f"patients/{ID}"): Right("write_patients", "patient", body="change"),
    ("GET", "appointments"): Right("read_appointments"),
    ("POST", "appointments"): Right("write_appointments", body="booking", status=201),
    ("GET", f"appointments/{ID}"): Right("read_appointments", "appointment"),
    ("POST", f"appointments/{ID}/reschedule"): Right("write_appointments", "appointment", body="opening"),
    ("POST", f"appointments/{ID}/cancel"): Right("write_appointments", "appointment", body="reason"),
    ("POST", f"appointments/{ID}/arrive"): Right("write_appointments", "appointment"),
    ("POST", f"appointments/{ID}/complete"): Right("write_appointments", "appointment"),
    ("POST", f"appointments/{ID}/no-show"): Right("write_appointments", "appointment"),
}
each_method = pytest.mark.parametrize("method, route", RIGHTS, ids=lambda part: part)


def test_every_method_of_every_route_is_here():
    served = {}
    for pattern in urlpatterns[:-1]:  # the last one is any other address
        view = pattern.callback.cls
        written = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"OPTIONS"}
        assert written - {"HEAD"} == set(view.scopes), pattern
        served |= {(method, str(pattern.pattern)): scope for method, scope in view.scopes.items()}
    assert served == {place: right.scope for place, right in RIGHTS.items()}


@pytest.fixture
def ask(with_key, hold_time, book, at, day, consultation, dana, harbour):
    """Make the request of a method with a key: ``ask(method, route, key)``; a hold is placed by ``holder``."""
    appointment = book(at(10))
    opening = {"appointment_type_id": str(consultation.pk), "clinician_id": str(dana.pk),
               "location_id": str(harbour.pk), "start_time": at(15).isoformat()}  # fmt: skip
    service = {"appointment_type_id": str(consultation.pk)}
    queries = {
        "": {}, "service": service, "start": service | {"start_time": at(15).isoformat()},
        "range": service | {"start_date": str(day), "end_date": str(day)},
    }
    bodies = {
        "": None, "opening": opening, "patient": {"patient": PATIENT}, "booking": opening | {"patient": PATIENT},
        "person": PATIENT, "change": {"phone": "020 7946 0000"}, "reason": {"reason": "other"},
    }
    things = {
        "service": consultation, "clinician": dana, "location": harbour, "appointment": appointment,
        "patient": appointment.patient,
    }

    def ask(method, route, key, *, holder=None, **headers):
        right = RIGHTS[method, route]
        if right.thing == "hold":
            owner = holder.actor if holder else "somebody"
            things["hold"] = things.get("hold") or hold_time(at(9), holder=owner, by=owner)
        path = "/" + route.replace(ID, str(things[right.thing].pk) if right.thing else "")
        return with_key(key, **headers)(method, path, bodies[right.body], query=queries[right.query] or None)

    return ask


def refused(response, status, code, **members):
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert members.items() <= body.items()
    return True


@each_method
def test_without_a_key_nothing(ask, method, route):
    ask(method, route, None)
    with nothing_changes():
        response = ask(method, route, None)
    assert refused(response, 401, "invalid-key")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Holdfast"'


@each_method
@pytest.mark.parametrize("garbage", ["hf_sec_" + "A" * 43, "é\x7f", "{}"])
def test_garbage_is_like_none(ask, method, route, garbage):
    ask(method, route, garbage)
    with nothing_changes():
        assert refused(ask(method, route, garbage), 401, "invalid-key")


@each_method
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_has_ended_is_like_none(ask, make_key, method, route, end):
    key, plain = make_key(expires_at=timezone.now() - timedelta(seconds=1) if end == "expired" else None)
    if end == "revoked":
        revoke_key(key)
    ask(method, route, plain, holder=key)
    with nothing_changes():
        assert refused(ask(method, route, plain, holder=key), 401, "invalid-key")


@each_method
def test_every_other_scope_is_not_enough(ask, make_key, method, route):
    needed = RIGHTS[method, route].scope
    key, plain = make_key(scopes=[scope for scope in ApiKey.Scope.values if scope != needed])
    response = ask(method, route, plain, holder=key)
    if needed is None:
        assert response.status_code == RIGHTS[method, route].status
        return
    with nothing_changes():
        response = ask(method, route, plain, holder=key)
    assert refused(response, 403, "missing-scope", scope=needed)


@each_method
@pytest.mark.parametrize("origin", ["https://www.elsewhere.example", "null", None])
def test_a_publishable_key_does_nothing_on_another_site(ask, make_key, method, route, origin):
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    headers = {"origin": origin} if origin else {}
    ask(method, route, plain, holder=key, **headers)
    with nothing_changes():
        assert refused(ask(method, route, plain, holder=key, **headers), 403, "foreign-origin")


@each_method
def test_a_publishable_key_does_on_its_own_site_what_any_visitor_may(ask, make_key, method, route):
    right = RIGHTS[method, route]
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    response = ask(method, route, plain, holder=key, origin=SITE)
    if right.scope in PUBLIC:
        assert response.status_code == right.status
    else:
        assert refused(response, 403, "missing-scope", scope=right.scope)


@pytest.mark.parametrize("method, route", [place for place, right in RIGHTS.items() if right.thing == "hold"])
def test_another_keys_hold_is_not_there(ask, make_key, method, route):
    (owner, _), (_, plain) = make_key(), make_key()
    ask(method, route, plain, holder=owner)
    with nothing_changes():
        assert refused(ask(method, route, plain, holder=owner), 404, "not-found")


@each_method
def test_the_right_scope_alone_is_enough(ask, make_key, method, route):
    right = RIGHTS[method, route]
    key, plain = make_key(scopes=[right.scope or "read_availability"])
    assert ask(method, route, plain, holder=key).status_code == right.status


@pytest.mark.parametrize("scope", sorted(set(ApiKey.Scope.values) - PUBLIC))
def test_a_publishable_key_that_got_a_servers_scope_all_the_same_may_not_use_it(ask, make_key, scope):
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    ApiKey.objects.filter(pk=key.pk).update(scopes=[*key.scopes, scope])
    for (method, route), right in RIGHTS.items():
        if right.scope == scope:
            assert refused(ask(method, route, plain, origin=SITE), 403, "missing-scope", scope=scope)


# By what else than its scopes a key could reach patients


def test_a_publishable_key_cannot_ask_whether_a_patient_exists(public_api, api, book, hold_time, at):
    patient = book(at(10)).patient
    hold = hold_time(at(9), holder=ApiKey.objects.get(kind="publishable").actor)
    answers = []
    for number in (patient.pk, "7d1f6cf0-0000-4000-8000-000000000000"):
        with nothing_changes():
            response = public_api.post(f"/holds/{hold.pk}/confirm", {"patient_id": str(number)})
        assert refused(response, 403, "missing-scope", scope="read_patients")
        answers.append({**response.json(), "request_id": None})
    assert answers[0] == answers[1]


def test_nor_does_a_confirmed_hold_tell(public_api, book, at, alice, hold_time):
    book(at(10), patient=alice)
    known = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}
    holder = ApiKey.objects.get().actor
    bodies = []
    for person, hour in ((known, 13), (PATIENT, 14)):
        hold = hold_time(at(hour), holder=holder)
        response = public_api.post(f"/holds/{hold.pk}/confirm", {"patient": person})
        assert response.status_code == 201
        bodies.append(response.json()["data"])
    assert [body["patient_id"] for body in bodies] == [None, None]
    assert [sorted(body) for body in bodies[:1]] == [sorted(body) for body in bodies[1:]]
    assert bodies[0]["attendee_phone"] == ""  # what was sent, not what is stored
