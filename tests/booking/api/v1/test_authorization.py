"""Who may do what: every method of every route with every kind of key. A route that is missing here fails."""

from datetime import time, timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone

from booking.access.api_keys import revoke_key
from booking.api.v1.urls import urlpatterns
from booking.integrations.webhooks.endpoints import create_endpoint, send_test
from booking.models import ApiKey, Appointment, Hold, Order
from patients.models import Patient
from scheduling.models import ExtraHours, TimeOff, WorkingHours
from tests.booking.api.conftest import SITE, assert_reading_is_recorded
from tests.ledger import begin, nothing_changes

TYPES, TIMES, HOLDS = "read_appointment_types", "read_availability", "write_holds"
PUBLIC = {None, TYPES, TIMES, HOLDS}
PATIENT = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
ID, ROW, HOLD = "<uuid:id>", "<int:id>", "<hold:id>"
DRAFTS = "patients"  # where a publishable key writes drafts and finds nobody


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
    ("GET", f"appointment-types/{ID}/questions"): Right(TYPES, "service"),
    ("PATCH", f"appointment-types/{ID}"): Right("write_catalogue", "service", body="kept"),
    ("GET", "clinicians"): Right(TYPES),
    ("GET", f"clinicians/{ID}"): Right(TYPES, "clinician"),
    ("PATCH", f"clinicians/{ID}"): Right("write_catalogue", "clinician", body="kept"),
    ("GET", "locations"): Right(TYPES),
    ("GET", f"locations/{ID}"): Right(TYPES, "location"),
    ("PATCH", f"locations/{ID}"): Right("write_catalogue", "location", body="kept"),
    ("GET", "availability"): Right(TIMES, query="range"),
    ("GET", "availability/days"): Right(TIMES, query="range"),
    ("GET", "availability/next"): Right(TIMES, query="service"),
    ("GET", "availability/explain"): Right(TIMES, query="start"),
    ("GET", "holds"): Right(HOLDS),
    ("POST", "holds"): Right(HOLDS, body="opening", status=201),
    ("GET", f"holds/{HOLD}"): Right(HOLDS, "hold"),
    ("DELETE", f"holds/{HOLD}"): Right(HOLDS, "hold"),
    ("POST", f"holds/{HOLD}/extend"): Right(HOLDS, "hold"),
    ("POST", f"holds/{HOLD}/move"): Right(HOLDS, "hold", body="opening"),
    ("POST", f"holds/{HOLD}/confirm"): Right(HOLDS, "hold", body="patient", status=201),
    ("GET", "patients"): Right("read_patients"),
    ("POST", "patients"): Right("write_patients", body="person", status=201),
    ("GET", f"patients/{ID}"): Right("read_patients", "patient"),
    ("PATCH", f"patients/{ID}"): Right("write_patients", "patient", body="change"),
    ("GET", "appointments"): Right("read_appointments"),
    ("POST", "appointments"): Right("write_appointments", body="booking", status=201),
    ("GET", f"appointments/{ID}"): Right("read_appointments", "appointment"),
    ("PATCH", f"appointments/{ID}"): Right("write_appointments", "appointment", body="kept"),
    ("POST", f"appointments/{ID}/reschedule"): Right("write_appointments", "appointment", body="opening"),
    ("POST", f"appointments/{ID}/cancel"): Right("write_appointments", "appointment", body="reason"),
    ("POST", f"appointments/{ID}/arrive"): Right("write_appointments", "begun"),
    ("POST", f"appointments/{ID}/complete"): Right("write_appointments", "begun"),
    ("POST", f"appointments/{ID}/no-show"): Right("write_appointments", "begun"),
    ("GET", "orders"): Right("write_orders"),
    ("POST", "orders"): Right("write_orders", body="order", status=201),
    ("GET", f"orders/{ID}"): Right("write_orders", "order"),
    ("PATCH", f"orders/{ID}"): Right("write_orders", "order", body="kept"),
    ("POST", f"orders/{ID}/book"): Right("write_orders", "order", body="opening", status=201),
    ("POST", f"orders/{ID}/cancel"): Right("write_orders", "order"),
    ("POST", f"orders/{ID}/send-link"): Right("write_orders", "order"),
    ("GET", "working-hours"): Right("read_schedule"),
    ("POST", "working-hours"): Right("write_schedule", body="working_hours", status=201),
    ("GET", f"working-hours/{ROW}"): Right("read_schedule", "working_hours"),
    ("PATCH", f"working-hours/{ROW}"): Right("write_schedule", "working_hours", body="until"),
    ("DELETE", f"working-hours/{ROW}"): Right("write_schedule", "working_hours"),
    ("GET", "extra-hours"): Right("read_schedule"),
    ("POST", "extra-hours"): Right("write_schedule", body="extra_hours", status=201),
    ("GET", f"extra-hours/{ROW}"): Right("read_schedule", "extra_hours"),
    ("PATCH", f"extra-hours/{ROW}"): Right("write_schedule", "extra_hours", body="until"),
    ("DELETE", f"extra-hours/{ROW}"): Right("write_schedule", "extra_hours"),
    ("GET", "time-off"): Right("read_schedule"),
    ("POST", "time-off"): Right("write_schedule", body="time_off", status=201),
    ("GET", f"time-off/{ROW}"): Right("read_schedule", "time_off"),
    ("PATCH", f"time-off/{ROW}"): Right("write_schedule", "time_off", body="excuse"),
    ("DELETE", f"time-off/{ROW}"): Right("write_schedule", "time_off"),
    ("GET", "events"): Right("read_appointments"),
    ("GET", f"locations/{ID}/changes"): Right(TIMES, "location"),
    ("GET", "webhook-endpoints"): Right("manage_webhooks"),
    ("POST", "webhook-endpoints"): Right("manage_webhooks", body="endpoint", status=201),
    ("GET", f"webhook-endpoints/{ID}"): Right("manage_webhooks", "endpoint"),
    ("PATCH", f"webhook-endpoints/{ID}"): Right("manage_webhooks", "endpoint", body="events"),
    ("DELETE", f"webhook-endpoints/{ID}"): Right("manage_webhooks", "endpoint"),
    ("POST", f"webhook-endpoints/{ID}/rotate-secret"): Right("manage_webhooks", "endpoint"),
    ("POST", f"webhook-endpoints/{ID}/test"): Right("manage_webhooks", "endpoint", status=202),
    ("POST", f"webhook-endpoints/{ID}/enable"): Right("manage_webhooks", "endpoint"),
    ("POST", f"webhook-endpoints/{ID}/disable"): Right("manage_webhooks", "endpoint"),
    ("POST", f"webhook-endpoints/{ID}/redeliver"): Right("manage_webhooks", "endpoint", body="since", status=202),
    ("GET", f"webhook-endpoints/{ID}/deliveries"): Right("manage_webhooks", "endpoint"),
    ("GET", f"deliveries/{ID}"): Right("manage_webhooks", "delivery"),
    ("POST", f"deliveries/{ID}/redeliver"): Right("manage_webhooks", "delivery", status=202),
}
each_method = pytest.mark.parametrize("method, route", RIGHTS, ids=lambda part: part)


def test_authorization_tests_cover_all_v1_methods():
    served = {}
    for pattern in urlpatterns[:-1]:  # the last one is any other address
        view = pattern.callback.cls
        written = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"OPTIONS"}
        assert written - {"HEAD"} == set(view.scopes), pattern
        served |= {(method, str(pattern.pattern)): scope for method, scope in view.scopes.items()}
    assert served == {place: right.scope for place, right in RIGHTS.items()}


@pytest.fixture
def make_request(with_key, hold_time, book, order, at, day, consultation, dana, harbour):
    """Return what makes a method's request with a key; if it is about a hold, ``holder`` has placed it."""
    opening = {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(15).isoformat(),
    }
    service = {"appointment_type_id": str(consultation.pk)}
    hours = {name: opening[name] for name in ("clinician_id", "location_id")}
    hours |= {"start_time": "18:00", "end_time": "20:00"}
    late = {"clinician": dana, "location": harbour, "start_time": time(18), "end_time": time(20)}
    queries = {
        "": {},
        "service": service,
        "start": service | {"start_time": at(15).isoformat()},
        "range": service | {"start_date": str(day), "end_date": str(day)},
    }
    bodies = {
        "": None,
        "opening": opening,
        "patient": {"patient": PATIENT},
        "booking": opening | {"patient": PATIENT},
        "person": PATIENT,
        "kept": {"external_id": "X-1", "metadata": {"color": "green"}},
        "change": {"phone": "020 7946 0000"},
        "reason": {"reason": "other"},
        "order": service | {"patient": PATIENT},
        "endpoint": {"url": "https://8.8.8.8/"},
        "events": {"events": ["hold.placed"]},
        "working_hours": hours | {"weekday": "monday"},
        "extra_hours": hours | {"date": str(day)},
        "time_off": {"clinician_id": str(dana.pk), "start_time": str(day), "end_time": str(day)},
        "until": {"end_time": "20:30"},
        "excuse": {"reason": "Training"},
        "since": {"since": at(9).isoformat()},
    }
    make = {
        "": lambda holder: None,
        "service": lambda holder: consultation,
        "clinician": lambda holder: dana,
        "location": lambda holder: harbour,
        "appointment": lambda holder: book(at(10)),
        "begun": lambda holder: begin(book(at(10))),
        "patient": lambda holder: book(at(10)).patient,
        "order": lambda holder: order,
        "working_hours": lambda holder: WorkingHours.objects.create(weekday=0, **late),
        "extra_hours": lambda holder: ExtraHours.objects.create(date=day, **late),
        "time_off": lambda holder: TimeOff.objects.create(clinician=dana, starts_at=at(18), ends_at=at(20)),
        "endpoint": lambda holder: create_endpoint(url="https://8.8.8.8/"),
        "delivery": lambda holder: send_test(create_endpoint(url="https://8.8.8.8/")),
        "hold": lambda holder: hold_time(at(9), holder=holder.actor, actor=holder.actor),
    }

    def make_request(method, route, holder):
        right = RIGHTS[method, route]
        thing = make[right.thing](holder)
        id = thing.token if HOLD in route and holder.is_publishable else thing and thing.pk
        path = "/" + route.replace(ID, str(id)).replace(ROW, str(id)).replace(HOLD, str(id))
        return lambda key, **headers: with_key(key, **headers)(
            method, path, bodies[right.body], query=queries[right.query] or None
        )

    return make_request


def refused(response, status, code, **members):
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert members.items() <= body.items()
    return True


@each_method
def test_v1_request_without_a_live_key_is_401(make_request, make_key, method, route):
    key, revoked = make_key()
    revoke_key(key)
    _, expired = make_key(expires_at=timezone.now() - timedelta(seconds=1))
    ask = make_request(method, route, key)
    with nothing_changes():
        for plain in (None, "hf_sec_" + "A" * 43, "é\x7f", "{}", revoked, expired):
            response = ask(plain)
            assert refused(response, 401, "invalid-key")
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="Holdfast"'


@each_method
def test_v1_request_with_every_other_scope_is_403(make_request, make_key, method, route):
    right = RIGHTS[method, route]
    key, plain = make_key(scopes=[scope for scope in ApiKey.Scope.values if scope != right.scope])
    ask = make_request(method, route, key)
    if right.scope is None:
        assert ask(plain).status_code == right.status
        return
    with nothing_changes():
        assert refused(ask(plain), 403, "missing-scope", scope=right.scope)


@each_method
def test_publishable_key_on_another_site_is_403(make_request, make_key, method, route):
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    ask = make_request(method, route, key)
    with nothing_changes():
        for headers in ({"origin": "https://www.elsewhere.example"}, {"origin": "null"}, {}):
            assert refused(ask(plain, **headers), 403, "foreign-origin")


@each_method
def test_publishable_key_may_do_what_visitors_may(make_request, make_key, method, route):
    right = RIGHTS[method, route]
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    ask = make_request(method, route, key)
    if (method, route) == ("GET", "holds"):
        assert refused(ask(plain, origin=SITE), 403, "secret-key-required")
        return
    if right.scope in PUBLIC or route == DRAFTS:
        assert ask(plain, origin=SITE).status_code == right.status
        return
    ApiKey.objects.filter(pk=key.pk).update(scopes=ApiKey.Scope.values)  # nor if it got the scope all the same
    with nothing_changes():
        assert refused(ask(plain, origin=SITE), 403, "missing-scope", scope=right.scope)


@pytest.mark.parametrize("method, route", [place for place, right in RIGHTS.items() if right.thing == "hold"])
def test_hold_of_another_key_is_404(make_request, make_key, method, route):
    (owner, _), (_, plain) = make_key(), make_key()
    ask = make_request(method, route, owner)
    with nothing_changes():
        assert refused(ask(plain), 404, "not-found")


@pytest.mark.parametrize("method, route", [place for place, right in RIGHTS.items() if right.thing == "hold"])
def test_publishable_key_reaches_no_hold_by_its_internal_id(make_request, make_key, with_key, method, route):
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    ask = make_request(method, route, key)
    path = "/" + route.replace(HOLD, str(Hold.objects.get().pk))
    with nothing_changes():
        assert refused(with_key(plain, origin=SITE)(method, path, {}), 404, "not-found")
    assert ask(plain, origin=SITE).status_code == RIGHTS[method, route].status


@pytest.mark.parametrize("method, route", [place for place, right in RIGHTS.items() if right.thing == "hold"])
def test_secret_key_and_other_publishable_keys_reach_no_hold_by_its_token(
    make_key, hold_time, at, with_key, method, route
):
    owner, _ = make_key()
    hold = hold_time(at(9), holder=owner.actor)
    path = "/" + route.replace(HOLD, hold.token)
    strangers = [
        make_key()[1],
        make_key(kind="publishable", allowed_origins=[SITE])[1],
        make_key(holder=owner.holder)[1],
    ]
    for plain in strangers:
        with nothing_changes():
            assert refused(with_key(plain, origin=SITE)(method, path, {}), 404, "not-found")


@each_method
def test_v1_request_with_the_right_scope_alone_is_allowed(make_request, make_key, method, route):
    right = RIGHTS[method, route]
    key, plain = make_key(scopes=[right.scope or "read_availability"])
    response = make_request(method, route, key)(plain)
    assert response.status_code == right.status
    assert_reading_is_recorded(response)


WRITES_APPOINTMENTS = [place for place, right in RIGHTS.items() if right.scope == "write_appointments"]


@pytest.mark.parametrize("method, route", WRITES_APPOINTMENTS)
def test_v1_answer_to_write_appointments_alone_tells_no_person(make_request, make_key, method, route):
    key, plain = make_key(scopes=["write_appointments"])
    ask = make_request(method, route, key)
    Patient.objects.update(first_name="Zelda", last_name="Quill", email="zq@example.org", phone="+442079460177")
    Appointment.objects.update(
        attendee_name="Zelda Quill", attendee_email="zq@example.org", attendee_phone="+442079460177"
    )
    Appointment.objects.update(notes="Her left knee.", metadata={"ward": "Seven"}, meeting_url="https://v.example/zq")
    Order.objects.update(address_line_1="9 Quill Lane", address_line_2="Attic")

    answers = [ask(plain), ask(plain)]  # a verb that has been done already is the easiest way to ask

    assert answers[0].status_code == RIGHTS[method, route].status
    for answer in answers:
        for word in (b"Zelda", b"Quill", b"zq", b"946017", b"knee", b"Seven", b"Attic"):
            assert word not in answer.content


# By what else than its scopes a key could reach patients


def test_publishable_key_cannot_learn_whether_a_patient_exists(public_api, book, hold_time, at):
    patient = book(at(10)).patient
    hold = hold_time(at(9), holder=ApiKey.objects.get().actor)
    answers = []
    for patient_id in (patient.pk, "7d1f6cf0-0000-4000-8000-000000000000"):
        with nothing_changes():
            response = public_api.post(f"/holds/{hold.token}/confirm", {"patient_id": str(patient_id)})
        assert refused(response, 404, "draft-not-found")
        answers.append({**response.json(), "request_id": None})
    assert answers[0] == answers[1]


def test_confirmed_hold_does_not_reveal_whether_a_patient_exists(public_api, book, at, alice, hold_time):
    book(at(10), patient=alice)
    known = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}
    holder = ApiKey.objects.get().actor
    bodies = []
    for person, hour in ((known, 13), (PATIENT, 14)):
        hold = hold_time(at(hour), holder=holder)
        response = public_api.post(f"/holds/{hold.token}/confirm", {"patient": person})
        assert response.status_code == 201
        bodies.append(response.json()["data"])
    assert [body["patient_id"] for body in bodies] == [None, None]
    assert [sorted(body) for body in bodies[:1]] == [sorted(body) for body in bodies[1:]]
    assert bodies[0]["attendee_phone"] == ""  # what was sent, not what is stored
