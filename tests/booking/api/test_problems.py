"""Every answer below /api/ that is no success is a problem (RFC 9457), with a page that explains it."""

import importlib
import inspect
import pkgutil
from html import unescape

import pytest
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, resolve
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.exceptions import APIException

import booking
import patients
import scheduling
from booking.api.not_offered_reasons import REASONS
from booking.api.operation import operation
from booking.api.problems import PROBLEMS
from booking.api.views import ApiView
from booking.domain.slot_selection import NotOffered
from booking.models import ApiKey
from scheduling.availability.search import Reason
from scheduling.calendars.base import CannotRead
from scheduling.models import Clinician
from tests.booking.api.conftest import Caller
from tests.ledger import lapse, nothing_changes

# Appendix A of RFC 9457, and what ours add.
URI = {"type": "string", "format": "uri-reference", "minLength": 1}
SCHEMA = {
    "type": "object",
    "properties": {
        "type": URI,
        "title": {"type": "string", "minLength": 1},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1},
        "instance": URI,
        "code": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$"},
        "request_id": {"type": "string", "minLength": 8},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "format": "uri-reference"},
                    "code": {"type": "string", "minLength": 1},
                    "detail": {"type": "string", "minLength": 1},
                },
                "required": ["pointer", "code", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
}
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def fail(*args, **kwargs):
    raise ValueError("SELECT secret FROM patient")


class Broken(ApiView):
    """An endpoint with a bug, and one with a bug in what answers bugs."""

    scopes = {"GET": None, "POST": None}

    @operation()
    def get(self, request):
        fail()

    @operation()
    def post(self, request):
        raise NotOffered([{1}])


def plain(request, status):
    return HttpResponse("<h1>plain</h1>", status=status)


urlpatterns = [
    path("api/v1/broken", Broken.as_view()),
    path("api/v1/fails", fail),
    path("api/v1/plain/<int:status>", plain),
    path("", include("booking.urls")),
]


def problem(response, status, code):
    """Check that the response is that problem, and return its body."""
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    VALIDATOR.validate(body)
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert "no-store" in response.headers["Cache-Control"]
    if "retry_after" in body:
        assert response.headers["Retry-After"] == str(body["retry_after"])
    return body


# Answers of endpoints


def test_problem_says_what_happened_where_and_what_to_do(api):
    response = api.get("/availability", x_request_id="the-callers-own-id")
    body = problem(response, 400, "validation")
    missing = {"code": "required", "detail": "This field is required."}
    assert body == {
        "type": "http://testserver/problems/validation",
        "title": "Some of what was sent is not valid.",
        "status": 400,
        "detail": "The member errors says what is wrong and where; once that is mended, it may say more.",
        "instance": "/api/v1/availability",
        "code": "validation",
        "request_id": "the-callers-own-id",
        "errors": [{"pointer": f"#/{name}", **missing} for name in ("appointment_type_id", "start_date", "end_date")],
    }


def test_request_without_key_is_401_invalid_key(with_key):
    response = with_key(None).get("/me")
    problem(response, 401, "invalid-key")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Holdfast"'


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bearer,"])
def test_key_with_another_scheme_is_401_invalid_key(client, secret_key, scheme):
    problem(client.get("/api/v1/me", headers={"Authorization": f"{scheme} {secret_key}"}), 401, "invalid-key")


def test_bearer_scheme_is_accepted_in_any_case(client, secret_key):
    assert client.get("/api/v1/me", headers={"Authorization": f"BEARER  {secret_key} "}).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"nothing", b"\xef\xbb\xbf{}", b"[]", b'"x"', b"1", b"null", b"true"]
)
def test_body_that_is_no_json_object_is_400_malformed(api, body):
    with nothing_changes():
        problem(api.post("/patients", body=body), 400, "malformed")


@pytest.mark.parametrize("path", ["/nowhere", "/", "", "/me/", "/patients/1", "/holds/x/confirm", "/holds//confirm"])
def test_unknown_path_below_v1_is_404_problem(api, with_key, path):
    problem(api.get(path), 404, "not-found")
    problem(with_key(None).get(path), 404, "not-found")
    problem(api.post(path, {}), 404, "not-found")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/x", "/api/v1", "/api/../api/x", "/api/%00", "/api/%ff"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "options", "head"])
def test_unknown_api_path_outside_v1_is_404_problem(client, db, path, method):
    response = getattr(client, method)(path)
    assert response.status_code == 404
    if method != "head":
        problem(response, 404, "not-found")


def test_instance_of_an_odd_path_is_a_uri(client, db):
    body = problem(client.get("/api/v1/%E2%80%AE%22%3C%20%25%00"), 404, "not-found")
    assert body["instance"] == "/api/v1/%E2%80%AE%22%3C%20%25%00"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_unsupported_method_is_405_with_allow_header(api, method):
    response = api(method, "/patients")
    problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, POST, HEAD"


def test_head_answers_headers_without_content(api):
    response = api("HEAD", "/me")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["RateLimit"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_body_of_another_content_type_is_415(api, content_type):
    response = api.post("/patients", body=b"{}", content_type=content_type)
    problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*;q=0.5", "application/json;q=0", "x"])
def test_accept_without_json_is_406_and_changes_nothing(api, accept):
    with nothing_changes():
        problem(api.post("/patients", {}, accept=accept), 406, "not-acceptable")


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "application/json; charset=utf-8", "text/html, */*;q=0.1"]
)
def test_accept_with_json_is_200(api, accept):
    assert api.get("/me", accept=accept).status_code == 200


def test_body_of_more_than_a_megabyte_is_413(api):
    fitting = b'{"x": "' + b"x" * (1_000_000 - 9) + b'"}'
    assert len(fitting) == 1_000_000
    problem(api.post("/patients", body=fitting), 400, "validation")
    with nothing_changes():
        problem(api.post("/patients", body=fitting + b" "), 413, "too-large")


def test_body_without_content_length_is_411(api, book, at):
    patient = book(at(9)).patient
    response = api.client.patch(
        f"/api/v1/patients/{patient.pk}",
        CONTENT_LENGTH="",
        headers={"Authorization": f"Bearer {api.key}", "Transfer-Encoding": "chunked"},
    )
    problem(response, 411, "length-required")


def test_more_than_a_thousand_parameters_are_400(api):
    assert problem(api.get("/me", query={f"p{number}": "" for number in range(1000)}), 400, "validation")
    problem(api.get("/me", query={f"p{number}": "" for number in range(1001)}), 400, "too-many-parameters")


def test_request_beyond_the_keys_limit_is_429_throttled(make_key, with_key):
    api = with_key(make_key(requests_per_minute=2)[1])
    assert [api.get("/me").status_code for _ in range(2)] == [200, 200]
    response = api.get("/me")
    body = problem(response, 429, "throttled")
    assert 1 <= body["retry_after"] <= 60
    assert response["RateLimit-Policy"] == '"key";q=2;w=60'
    assert response["RateLimit"] == f'"key";r=0;t={body["retry_after"]}'


@pytest.mark.django_db(transaction=True)
def test_lock_timeout_is_503_busy_and_not_stored(api, consultation, dana, harbour, at):
    opening = {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {Clinician._meta.db_table} WHERE id = %s FOR UPDATE", [dana.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '30ms'")
        with nothing_changes():
            response = api.post("/holds", opening)
            body = problem(response, 503, "busy")
            assert body["retry_after"] == 2
            keyed = api.post("/holds", opening, idempotency_key="once")
            problem(keyed, 503, "busy")
        other.rollback()
        assert api.post("/holds", opening, idempotency_key="once").status_code == 201
    finally:
        other.close()
        connection.close()


# What nobody expected


@pytest.fixture
def breaking(settings, secret_key):
    settings.ROOT_URLCONF = __name__
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    return Caller(Client(raise_request_exception=False), secret_key)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("method, path", [("GET", "/broken"), ("POST", "/broken"), ("GET", "/fails")])
def test_unexpected_exception_is_500_without_internals(breaking, settings, caplog, debug, method, path):
    settings.DEBUG = debug
    response = breaking(method, path)
    body = problem(response, 500, "internal-error")
    assert set(body) == {"type", "title", "status", "detail", "instance", "code", "request_id"}
    for secret in ("SELECT", "ValueError", "Traceback", "TypeError", "test_problems"):
        assert secret not in response.text
    assert any(record.levelname == "ERROR" and record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    "status, answered, code",
    [
        (301, 404, "not-found"),
        (400, 400, "unreadable"),
        (404, 404, "not-found"),
        (403, 500, "internal-error"),
        (413, 413, "too-large"),
        (500, 500, "internal-error"),
        (503, 503, "busy"),
    ],
)
def test_plain_error_below_the_api_becomes_a_problem(breaking, status, answered, code):
    problem(breaking.get(f"/plain/{status}"), answered, code)


@pytest.mark.parametrize("status", [200, 204, 304])
def test_plain_success_below_the_api_stays(breaking, status):
    assert breaking.get(f"/plain/{status}").content in (b"<h1>plain</h1>", b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example\\@testserver", "a b", "[::1", ""])
def test_unknown_host_is_400_unreadable(api, host):
    response = api.client.get("/api/v1/me", headers={"Host": host, "Authorization": f"Bearer {api.key}"})
    if host:
        body = problem(response, 400, "unreadable")
        assert body["type"] == "/problems/unreadable"


def test_plain_http_is_403_https_required(api, settings, client):
    settings.SECURE_SSL_REDIRECT = True
    api = Caller(Client(), api.key)
    body = problem(api.get("/me"), 403, "https-required")
    assert body["type"].endswith("/problems/https-required")
    secure = api.client.get("/api/v1/me", headers={"Authorization": f"Bearer {api.key}"}, secure=True)
    assert secure.status_code == 200


# The table


def iterate_modules(*packages):
    skipped = ("booking.dev", "booking.admin", "booking.gunicorn", "booking.management")
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.startswith(skipped) and ".migrations" not in found.name:
                yield importlib.import_module(found.name)


# Met inside only, by the worker only, or by staff in admin only; BadPhone is told as one of a body's errors.
NOT_ANSWERED = {
    "BrokerAway",
    "BadPhone",
    "TooManyCodes",
    "WrongCode",
    "CodeNotFound",
    "NewPatientsOnly",
    "TooManyTimes",
    "TooManyWishes",
    "WaitlistClosed",
    "WishEnded",
    "CannotMerge",
    "CannotUndoMerge",
    "TooManyConfirmations",
    "NotStored",
    "RetryLater",
    "PermanentError",
    "Unreachable",
    "CalendarRefused",
    "OrderNotFound",
    "AppointmentNotFound",
    "NotAnswered",
    "LinkEnded",
    "LinkRevoked",
    "SignInDelayed",
    "AlreadyErased",
    "HasComingVisits",
    "MustBeKept",
    "_Known",
    "CannotMakeRoles",
    "UnreadableBytes",
    "AnswersClosed",
    "CannotCorrect",
    "TooManySearches",
    "BadPicture",
    "TooPale",
    "Unavailable",
    "Rejected",
    "RulesBroken",
    "TakenTwice",
    "ApproverTold",
    "WouldStrand",
    "AlreadySettled",
    "NothingToOffer",
    "NoContact",
    "NotChecked",
    "RowRefused",
    "_Checked",
    "UnreadableTable",
    "RequestAnswered",
}


def test_problems_cover_all_exceptions_of_verbs():
    raised = {
        member
        for module in iterate_modules(booking, scheduling, patients)
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Exception) and member.__module__ == module.__name__
    }
    assert len(raised) > 15
    raised -= {exception for exception in raised if issubclass(exception, CannotRead)}  # kept with the calendar
    assert {exception for exception in raised if exception.__name__ not in NOT_ANSWERED} <= set(PROBLEMS)
    assert {exception.__name__ for exception in raised} >= NOT_ANSWERED


def test_problems_have_public_sentences():
    for exception, row in PROBLEMS.items():
        for sentence in (row.get_title(exception), row.advice):
            assert sentence[0].isupper()
            assert sentence.rstrip("…")[-1] in ".;s_"
        assert issubclass(exception, APIException) == bool(row.title)
        assert 400 <= row.status <= 599


def test_problem_codes_have_one_status_each():
    statuses = {}
    for row in PROBLEMS.values():
        assert statuses.setdefault(row.code, row.status) == row.status


def test_problem_examples_have_the_members_of_real_answers(api, hold_time, at, dana, book):
    """Each kind of answer that has further members, made for real where that takes one line."""
    appointment = book(at(10))
    cases = {
        "slot-taken": api.post("/holds", opening(hold_time(at(9)))),
        "not-offered": api.post("/holds", opening(hold_time(at(9, 30)), start_time=at(3).isoformat())),
        "wrong-state": api.post(f"/appointments/{cancelled(api, appointment)}/arrive"),
        "patient-exists": api.post("/patients", person(appointment.patient)),
        "validation": api.post("/patients", {"first_name": 1}),
    }
    for code, response in cases.items():
        [example] = [row.example for row in PROBLEMS.values() if row.code == code]
        body = problem(response, response.status_code, code)
        assert set(example) == set(body) - {"type", "title", "status", "detail", "instance", "code", "request_id"}
        for name, value in example.items():
            assert type(value) is type(body[name])
            if value and isinstance(value, list) and isinstance(value[0], dict):
                assert set(value[0]) == set(body[name][0])


def opening(hold, **changes):
    return {
        "appointment_type_id": str(hold.service_id),
        "clinician_id": str(hold.clinician_id),
        "location_id": str(hold.location_id),
        "start_time": hold.starts_at.isoformat(),
        **changes,
    }


def cancelled(api, appointment):
    assert api.post(f"/appointments/{appointment.pk}/cancel", {"reason": "other"}).status_code == 200
    return appointment.pk


def person(patient):
    born = patient.date_of_birth.isoformat()
    return {"first_name": "alice", "last_name": "ARCHER", "date_of_birth": born, "email": patient.email}


def test_times_in_problems_are_iso_8601_with_an_offset(api, hold_time, at):
    hold = hold_time(at(9), holder=ApiKey.objects.get().actor)
    lapse(hold)
    body = problem(api.post(f"/holds/{hold.pk}/extend"), 404, "hold-expired")
    assert body["expired_at"] == hold.expires_at.isoformat()
    assert body["alternatives"][0]["start_time"] == at(9).isoformat()


@pytest.mark.parametrize("subject, state", [("hold", "confirmed"), ("appointment", "cancelled")])
def test_wrong_state_names_hold_or_appointment(api, book, at, subject, state):
    moved, used = book(at(9)), book(at(10), holder=ApiKey.objects.get().actor)
    if subject == "appointment":
        cancelled(api, moved)
    with nothing_changes():
        response = api.post(f"/appointments/{moved.pk}/reschedule", {"hold_id": str(used.pk)})
    body = problem(response, 409, "wrong-state")
    assert (body["subject"], body["state"], body["allowed"]) == (subject, state, [])


# The pages


@pytest.mark.parametrize("code", sorted({row.code for row in PROBLEMS.values()}))
def test_problem_codes_have_a_page_each(client, code):
    response = client.get(f"/problems/{code}")
    assert response.status_code == 200
    text = unescape(response.text)
    for exception, row in PROBLEMS.items():
        if row.code == code:
            assert row.get_title(exception) in text
            assert row.advice in text
            assert f'"code": "{code}"' in text
            assert all(f'"{name}"' in text for name in row.example)
    assert "<script" not in text
    assert "style=" not in text
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_problem_page_of_not_offered_explains_all_reasons(client):
    text = unescape(client.get("/problems/not-offered").text)
    assert set(REASONS) == set(Reason)
    assert all(f"<code>{reason}</code></dt><dd>{meaning}</dd>" in text for reason, meaning in REASONS.items())
    assert "<dl>" not in client.get("/problems/slot-taken").text


def test_problem_type_leads_to_its_page(client, api):
    address = api.get("/nowhere").json()["type"]
    assert client.get(address.removeprefix("http://testserver")).status_code == 200


def test_problem_index_links_to_every_problem(client):
    text = client.get("/problems/").text
    for row in PROBLEMS.values():
        assert f'href="/problems/{row.code}"' in text


@pytest.mark.parametrize("code", ["no-such-code", "NOT-FOUND", "not_found", "x" * 5000])
def test_page_of_unknown_problem_code_is_404(client, db, code):
    response = client.get(f"/problems/{code}")
    assert response.status_code == 404
    assert "Page not found" in response.text


def test_problem_pages_make_no_queries(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        client.get("/problems/")
        client.get("/problems/slot-taken")
    assert resolve("/problems/slot-taken").kwargs == {"code": "slot-taken"}
