"""What a careless or hostile caller sends: it is refused with a status and a pointer, and nothing changes."""

import json
import re
from datetime import time
from itertools import product

import pytest
from django.test import Client

from booking.api.operation import get_operation
from booking.api.v1.urls import urlpatterns
from booking.integrations.webhooks.endpoints import create_endpoint, send_test
from scheduling.models import ExtraHours, TimeOff, WorkingHours
from tests.ledger import nothing_changes

BIG = [2**63, -(2**63) - 1, 2**64, 10**30]
TEXTS = {  # in any field
    "NUL": "a\x00b",
    "half a character": "a\ud800b",
    "turned around": "a\u202eb",
    "10 kB": "a" * 10_240,
}
PERSON = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}
OPENING_FIELDS = ["appointment_type_id", "clinician_id", "location_id", "date", "start_time", "booking_key"]


def refused(response, *pointers, status=400, code="validation"):
    """Check that it is refused, each pointer naming a field that is wrong; without any, that it says so."""
    body = response.json()
    asked = response.request["REQUEST_METHOD"], response.request["PATH_INFO"]
    assert (response.status_code, body["code"]) == (status, code), (asked, body)
    found = [error["pointer"] for error in body.get("errors", [])]
    for pointer in pointers:
        assert any(f"{each}/".startswith(f"#/{pointer}/") for each in found), (asked, body)
    return body


@pytest.fixture
def opening(consultation, dana, harbour, at):
    """What holds nine o'clock with Dana."""
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


@pytest.fixture
def get_path(api, opening, book, order, at, day, dana, harbour):
    """Return the address of a route, about things that exist: ``get_path("holds/<hold:id>")``."""
    evening = {"clinician": dana, "location": harbour, "start_time": time(18), "end_time": time(20)}
    hold = api.post("/holds", {**opening, "start_time": at(11).isoformat()}).json()["data"]["id"]
    appointment = book(at(10))
    endpoint = create_endpoint(url="https://8.8.8.8/")
    ids = {
        "appointment-types": opening["appointment_type_id"],
        "clinicians": opening["clinician_id"],
        "locations": opening["location_id"],
        "holds": hold,
        "appointments": appointment.pk,
        "patients": appointment.patient_id,
        "orders": order.pk,
        "webhook-endpoints": endpoint.pk,
        "deliveries": send_test(endpoint).pk,
        "working-hours": WorkingHours.objects.create(weekday=0, **evening).pk,
        "extra-hours": ExtraHours.objects.create(date=day, **evening).pk,
        "time-off": TimeOff.objects.create(clinician=dana, starts_at=at(18), ends_at=at(20)).pk,
    }
    return lambda route: "/" + re.sub("<(uuid|int|hold):id>", str(ids.get(route.partition("/")[0])), route)


# Bodies

FORMS = {
    (method, str(pattern.pattern)): get_operation(pattern.callback.cls, method).body
    for pattern in urlpatterns[:-1]
    for method in pattern.callback.cls.scopes
    if method in ("POST", "PATCH")
}


def by_resource(places):
    """Run a test for each resource, with all ``places`` of its: what they are about is made once."""
    resources = {}
    for method, route in places:
        resources.setdefault(route.partition("/")[0], []).append((method, route))
    return pytest.mark.parametrize("places", resources.values(), ids=resources)


@by_resource(FORMS)
def test_body_member_of_another_json_type_is_400_at_its_pointer(api, get_path, places):
    with nothing_changes():
        for method, route in places:
            for name, field in FORMS[method, route]().fields.items():
                refuse_other_types(api, method, get_path(route), name, field)


def refuse_other_types(api, method, path, name, field):
    """Check that a body with any wrong value of a field is refused at that field."""
    values = [1, 0, 1.5, *BIG, [], [1], {}, {"x": {}}, True, "", "x\x00"]
    values += [text for text in TEXTS.values() if "\ud800" not in text]
    kind = type(field).__name__
    if kind == "BooleanField":
        values = [value for value in values if value is not True] + ["true", "yes", "1", "null"]
    if kind == "IntegerField":
        values = [value for value in values if value in BIG or type(value) is not int]
    if kind in ("ListField", "ListSerializer"):
        values.remove([])
    if kind == "Metadata":
        values.remove({})
    if kind == "PersonInput":
        values = [value for value in values if not isinstance(value, dict)]
    if getattr(field, "allow_blank", False) or name in ("clinician_id", "location_id"):
        values.remove("")  # as good as leaving it out
    if name == "booking_key":  # its texts are refused elsewhere, with a code of their own
        values = [value for value in values if not isinstance(value, str)]
    if not field.allow_null:
        values.append(None)
    for value in values:
        refused(api(method, path, {name: value}), name)
    refused(api(method, path, {name: TEXTS["half a character"]}), code="malformed")
    refused(api(method, path, {name: 10**400}), code="malformed")


UNKNOWN = ["nobody_knows", "first name", "a/b~c", "", "message", "é\u202e", "x" * 10_000]


@by_resource(FORMS)
def test_unknown_body_member_is_400_at_its_pointer(api, get_path, places):
    with nothing_changes():
        for (method, route), name in product(places, UNKNOWN):
            body = refused(api(method, get_path(route), {name: 1, "code": 2}))
            assert {error["code"] for error in body["errors"]} >= {"unknown"}, (method, route, name)
            pointers = [error["pointer"] for error in body["errors"]]
            assert "#/code" in pointers, (method, route, name)
            assert len(pointers) >= 2, (method, route, name)
            assert name != "a/b~c" or "#/a~1b~0c" in pointers, (method, route)


NO_OBJECTS = [
    b"[]",
    b"[{}]",
    b'"{}"',
    b"1",
    b"null",
    b"true",
    b"{",
    b"{}{}",
    b"\x00",
    b"\xff",
    b"{'a': 1}",
    b"{,}",
    b"NaN",
    b'{"x": NaN}',
    b'{"x": -Infinity}',
    b'{"x": "\\ud800"}',
    b'{"x": "\xed\xa0\x80"}',
    b'{"\\udfff": 1}',
    b'{"x":' + b"[" * 1000 + b"]" * 1000 + b"}",
    b"[" * 100_000,
    b'{"x":' * 999 + b"1" + b"}" * 999,
    b'{"x": ' + b"9" * 400 + b"}",
    b'{"x": 1e999, "y": 0x10}',
]


@by_resource(FORMS)
def test_body_other_than_json_object_is_400_malformed(api, get_path, places):
    with nothing_changes():
        for (method, route), body in product(places, NO_OBJECTS):
            refused(api(method, get_path(route), body=body), code="malformed")


def test_many_unknown_members_are_400_naming_the_first(api):
    with nothing_changes():
        some = refused(api.post("/patients", PERSON | {f"m{n}": 1 for n in range(100)}))
        many = refused(api.post("/patients", PERSON | {f"m{n}": 1 for n in range(200)}))
        nested = refused(api.post("/orders", {"patient": {f"m{n}": 1 for n in range(201)}, "appointment_type_id": "x"}))
        long = refused(api.post("/webhook-endpoints", {"url": "https://8.8.8.8/", "events": ["x"] * 201}))
    too_many = {"code": "too_many", "detail": "There may be 200 here at most."}
    assert [error["pointer"] for error in some["errors"]] == [f"#/m{n}" for n in range(20)]
    assert many["errors"] == [{"pointer": "#", **too_many}]
    assert {"pointer": "#/patient", **too_many} in nested["errors"]
    assert long["errors"] == [{"pointer": "#/events", **too_many}]


def test_body_of_seventy_thousand_members_is_400_with_one_error(api):
    body = json.dumps({f"m{n}": 1 for n in range(70_000)}).encode()
    with nothing_changes():
        response = api.post("/patients", body=body)
    refused(response)
    assert len(response.content) < 1000


def test_unknown_choice_is_400_listing_the_choices(api, book, at):
    appointment = book(at(9))
    with nothing_changes():
        response = api.post(f"/appointments/{appointment.pk}/cancel", {"reason": "cold feet"})
    assert refused(response)["errors"] == [
        {
            "pointer": "#/reason",
            "code": "invalid_choice",
            "detail": "Choose one of these: patient_request, patient_unwell, clinician_unavailable, clinic_closed, "
            "booked_by_mistake, other.",
        }
    ]


@pytest.mark.parametrize("born", ["1985-02-30", "2023-02-29", "1985-13-01"])
def test_date_missing_from_the_calendar_is_400(api, born):
    with nothing_changes():
        body = refused(api.post("/patients", PERSON | {"date_of_birth": born}))
    assert body["errors"] == [{"pointer": "#/date_of_birth", "code": "no_such_day", "detail": "There is no such day."}]


@pytest.mark.parametrize(
    "path, body, detail",
    [
        ("/holds", {}, "Send booking_key, or appointment_type_id and start_time."),
        ("/appointments", {"patient": PERSON}, "Send booking_key, or appointment_type_id and start_time."),
    ],
)
def test_hold_without_any_field_is_400_listing_the_ways(api, path, body, detail):
    with nothing_changes():
        body = refused(api.post(path, body))
    assert body["errors"] == [{"pointer": "#/booking_key", "code": "required", "detail": detail}]


def test_repeated_body_member_is_400(api, book, at):
    patient = book(at(10)).patient
    once = json.dumps(PERSON)[1:-1]
    with nothing_changes():
        refused(api.post("/patients", body=f'{{{once}, "last_name": "Black"}}'.encode()), "last_name")
        refused(api.patch(f"/patients/{patient.pk}", body=b'{"phone": "", "phone": "020 7946 0000"}'), "phone")
        twice = f'{{"patient": {{{once}, "email": "eve@example.org"}}}}'.encode()
        refused(api.post("/appointments", body=twice), "patient/email")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", ["first_name", "last_name", "email", "phone", "nhs_number"])
def test_person_with_unprintable_text_is_400(api, opening, name, text):
    person = {**PERSON, name: text + "@example.org" if name == "email" else text}
    code = "malformed" if "\ud800" in text else "validation"
    with nothing_changes():
        refused(api.post("/patients", person), *[name] * (code == "validation"), code=code)
        refused(
            api.post("/appointments", {**opening, "patient": person}),
            *[f"patient/{name}"] * (code == "validation"),
            code=code,
        )


@pytest.mark.parametrize(
    "email",
    [
        "bob@example.org\r\nBcc: eve@example.org",
        "bob@example.org\nx",
        "bob\r\n@example.org",
        "bob",
        "@",
        "bob@",
        "bob@exa mple.org",
        "bob@example.org,eve@example.org",
        f"{'b' * 250}@example.org",
    ],
)
def test_email_address_with_header_injection_is_400(api, opening, email):
    with nothing_changes():
        refused(api.post("/patients", PERSON | {"email": email}), "email")
        refused(api.post("/appointments", opening | {"patient": PERSON, "attendee_email": email}), "attendee_email")


@pytest.mark.parametrize(
    "born",
    [
        "2999-01-01",
        "1800-01-01",
        "0001-01-01",
        "9999-12-31",
        "2023-02-29",
        "1990-13-01",
        "0000-00-00",
        "1990",
        "1990-02-28T00:00:00Z",
        "-1990-02-28",
        "28/02/1990",
    ],
)
def test_impossible_birth_date_is_400(api, opening, born):
    with nothing_changes():
        refused(api.post("/patients", PERSON | {"date_of_birth": born}), "date_of_birth")
        refused(
            api.post("/appointments", opening | {"patient": PERSON | {"date_of_birth": born}}), "patient/date_of_birth"
        )


MOMENTS = [
    "2026-03-30T09:00:00",
    "2026-03-30",
    "2026-02-30T09:00:00Z",
    "2026-03-30T25:00:00Z",
    "2026-03-30T09:00:00+25:00",
    "2026-03-30T09:00:60Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "1999-12-31T23:59:59Z",
    "2100-01-01T00:00:01Z",
    "now",
    "1774857600",
    "2026-03-30T09:00:00Z\x00",
    "9" * 400,
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_malformed_start_time_is_400(api, get_path, opening, moment):
    routes = [("POST", "holds"), ("POST", "holds/<hold:id>/move"), ("POST", "appointments/<uuid:id>/reschedule")]
    paths = [(method, get_path(route)) for method, route in routes]
    with nothing_changes():
        for method, path in paths:
            refused(api(method, path, opening | {"start_time": moment}), "start_time")
        refused(api.post("/appointments", opening | {"patient": PERSON, "start_time": moment}), "start_time")
        query = {"appointment_type_id": opening["appointment_type_id"], "start_time": moment}
        refused(api.get("/availability/explain", query=query), "start_time")
        for name in ("start_from", "start_to"):
            refused(api.get("/appointments", query={name: moment}), name)


@pytest.mark.parametrize("wall", ["24:00", "9", "09:60", "-1:00", "25:00:00", "09:00Z", "", "\x00"])
def test_malformed_local_time_is_400(api, opening, day, wall):
    with nothing_changes():
        refused(api.post("/holds", opening | {"date": day.isoformat(), "start_time": wall}), "start_time")


@pytest.mark.parametrize("key", ["", "x", "a.b.c", "..", "é.é.é", "\x00", "A" * 64 + ".1." + "0" * 32, "." * 300])
def test_malformed_booking_key_is_400(api, key):
    with nothing_changes():
        response = api.post("/holds", {"booking_key": key})
    assert response.status_code == 400
    assert response.json()["code"] in ("validation", "invalid-booking-key")


@pytest.mark.parametrize("name", ["attendee_name", "attendee_phone", "notes"])
def test_attendee_with_unprintable_text_is_400(api, opening, name):
    with nothing_changes():
        for text in ("a\u202eb", "a\u202db", "a\x00b", "a" * 10_240):
            refused(api.post("/appointments", opening | {"patient": PERSON, name: text}), name)


# Addresses

READS = [str(pattern.pattern) for pattern in urlpatterns[:-1] if "GET" in pattern.callback.cls.scopes]
ALL = [(method, str(pattern.pattern)) for pattern in urlpatterns[:-1] for method in pattern.callback.cls.scopes]


@by_resource(ALL)
def test_unknown_query_parameter_is_400(api, get_path, places):
    with nothing_changes():
        for method, route in places:
            path = get_path(route)
            for name in ("nobody_knows", "Limit", "", "limit[]", "\x00", "é\u202e", "n" * 5000):
                body = refused(api(method, path, query={name: "1"}))
                assert "unknown" in {error["code"] for error in body["errors"]}, (method, route, name)
            refused(api(method, f"{path}?nobody_knows"), "nobody_knows")
            refused(api(method, f"{path}?%ff=%ff&%00=%00"))


@by_resource(ALL)
def test_query_with_too_many_parameters_is_400(api, get_path, places):
    with nothing_changes():
        for method, route in places:
            refuse_many_parameters(api, method, get_path(route))


def refuse_many_parameters(api, method, path):
    """Check that an address with too many parameters is refused."""
    refused(api(method, f"{path}?{'&'.join(f'p{n}=1' for n in range(5000))}"), code="too-many-parameters")
    refused(api(method, f"{path}?{'&'.join(['limit=1'] * 400)}"), "limit")
    refused(api(method, f"{path}?{'&' * 5000}"), code="too-many-parameters")


def queries(consultation, day):
    """{route: (parameters that work, which of them are what)}"""
    dates = {"appointment_type_id": str(consultation.pk), "start_date": str(day), "end_date": str(day)}
    ids = {"appointment_type_id", "clinician_id", "location_id"}
    return {
        "/availability": (dates, ids, {"is_remote"}, {"start_date", "end_date"}),
        "/availability/days": (dates, ids, {"is_remote"}, {"start_date", "end_date"}),
        "/availability/next": ({"appointment_type_id": str(consultation.pk)}, ids, {"is_remote"}, set()),
        "/appointments": ({}, {"patient_id", "clinician_id", "location_id"}, {"limit", "status", "cursor"}, set()),
        "/patients": ({}, set(), {"limit", "cursor"}, set()),
    }


STRANGE = ["", "x", "-1", str(2**63), str(2**64), "1e3", "NaN", "\x00", "\udcff", "é\u202e", "null", "[]", "x" * 10_000]


@pytest.mark.parametrize(
    "path", ["/availability", "/availability/days", "/availability/next", "/appointments", "/patients"]
)
def test_malformed_query_parameter_is_400(api, consultation, day, path):
    good, ids, others, dates = queries(consultation, day)[path]
    assert api.get(path, query=good).status_code == 200
    for name in ids | others | dates:
        for value in STRANGE:
            if value == "null" and name == "is_remote":
                continue  # as good as leaving it out
            text = value.encode("utf-8", "surrogateescape")
            if name == "is_remote" and value == "":
                continue
            refused(api.get(path, query={**good, name: text}), name)
        if name not in ("clinician_id", "status") or (path == "/appointments" and name == "clinician_id"):
            refused(api.get(path, query={**good, name: [good.get(name, "1")] * 400}), name)


@pytest.mark.parametrize("path", ["/availability", "/availability/days"])
def test_availability_range_too_long_or_reversed_is_400(api, consultation, path):
    service = {"appointment_type_id": str(consultation.pk)}
    for start, end, name in [
        ("2026-01-01", "2036-01-01", "end_date"),
        ("2026-01-01", "2026-02-01", "end_date"),
        ("2026-01-02", "2026-01-01", "end_date"),
        ("0001-01-01", "0001-01-02", "start_date"),
        ("9999-12-30", "9999-12-31", "end_date"),
        ("2026-02-30", "2026-03-01", "start_date"),
        ("2026-01-01T00:00:00", "2026-01-02", "start_date"),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:01Z", "end_date"),
        ("0001-01-01T00:00:00+23:59", "2026-01-01", "start_date"),
        ("2026-01-01", "9999-12-31T23:59:59-23:59", "end_date"),
    ]:
        refused(api.get(path, query=service | {"start_date": start, "end_date": end}), name)
    for start, end in [("2026-01-01", "2026-01-31"), ("2099-12-31", "2100-01-01"), ("2000-01-01", "2000-01-01")]:
        assert api.get(path, query=service | {"start_date": start, "end_date": end}).status_code == 200


def test_list_parameter_with_too_many_values_is_400(api, consultation, dana, day):
    query = {"appointment_type_id": str(consultation.pk), "start_date": str(day), "end_date": str(day)}
    assert api.get("/availability", query=query | {"clinician_id": [str(dana.pk)] * 50}).status_code == 200
    refused(api.get("/availability", query=query | {"clinician_id": [str(dana.pk)] * 400}), "clinician_id")
    refused(api.get("/availability", query=query | {"clinician_id": [str(dana.pk), "x"]}), "clinician_id/1")
    refused(api.get("/appointments", query={"status": ["confirmed"] * 400}), "status")


@pytest.mark.parametrize(
    "search", ["\x00", "\udcff", "%", "_", "\\", "'; --", "a" * 200, "é" * 200, "()[]*+?", "☃ ☃", " "]
)
def test_patient_search_for_odd_text_is_never_500(api, book, at, search):
    book(at(10))
    response = api.get("/patients", query={"search": search.encode("utf-8", "surrogateescape")})
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert response.json()["data"] == [] or not search.strip()


ODD_IDS = [
    "x",
    "1",
    str(2**63),
    "%00",
    "%ff",
    "%ed%a0%80",
    "..",
    "null",
    "0" * 32,
    "A" * 10_000,
    "%0d%0aSet-Cookie:%20x=1",
    "7D1F6CF0-0000-4000-8000-000000000000",
]


@by_resource([place for place in ALL if ":id>" in place[1]])
def test_malformed_id_in_path_is_404(api, db, places):
    with nothing_changes():
        for (method, route), id in product(places, ODD_IDS):
            path = re.sub("<(uuid|int|hold):id>", id, route)
            refused(api(method, f"/{path}"), status=404, code="not-found")


# Headers


@pytest.mark.parametrize(
    "key", ["", "é", "\x7f", "\t", "a\x00b", "☃".encode().decode("latin-1"), "k" * 256, "k" * 60_000]
)
def test_idempotency_key_with_odd_characters_is_400(api, opening, key):
    with nothing_changes():
        refused(api.post("/holds", opening, idempotency_key=key), "Idempotency-Key")


def test_idempotency_key_of_255_odd_characters_is_accepted(api, opening):
    key = ("".join(map(chr, range(33, 127))) * 3)[:255]
    first = api.post("/holds", opening, idempotency_key=key)
    again = api.post("/holds", opening, idempotency_key=key)
    assert (first.status_code, again.content) == (201, first.content)


HEADERS = [
    "Authorization",
    "Origin",
    "Accept",
    "If-Match",
    "X-Request-Id",
    "X-Forwarded-For",
    "User-Agent",
    "Accept-Encoding",
    "Accept-Language",
    "Cookie",
    "Host",
    "HX-Request",
    "Content-Type",
    "Sec-Fetch-Site",
    "Access-Control-Request-Method",
]
ODD_HEADERS = ["x" * 60_000, "\x00", "é\xff", ",;=\"'\\", "*/*;q=x", "x" + "," * 5000]


@pytest.mark.parametrize("name", HEADERS)
def test_malformed_headers_never_cause_500(api, get_path, name):
    path = get_path("appointments/<uuid:id>/arrive")
    for value, (method, target) in product(ODD_HEADERS, [("GET", "/me"), ("POST", path)]):
        headers = {"authorization": f"Bearer {api.key}", name.lower(): value}
        response = Client(raise_request_exception=False).generic(method, f"/api/v1{target}", b"", headers=headers)
        assert response.status_code < 500, value
        if response.status_code >= 400:
            assert response.headers["Content-Type"] == "application/problem+json", value
