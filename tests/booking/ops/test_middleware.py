import json
import logging
import re

import pytest
from celery import shared_task
from celery.app.trace import build_tracer
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import IntegrityError, connection, connections, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from gunicorn.http.errors import (
    InvalidHeader,
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidRequestLine,
    LimitRequestLine,
)

from booking.models import EmbeddingSite
from booking.models.embedding import list_embedding_sites, recent_sites
from booking.ops.logs import Line
from tests.waiting import somebody_waits_for_us, wait_until

TOKEN = "a-token-that-opens-the-hold"


def show(request, token):
    return HttpResponse("shown")


def fail(request, token):
    raise ValueError("a bug")


def wait_for_a_lock(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20ms'")
        cursor.execute("SELECT pg_advisory_xact_lock(1)")


def meet_somebody_halfway(request):
    """Wait for the lock of somebody who waits for ours, as two that change the same rows in another order do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '20ms'")
        cursor.execute("SELECT pg_advisory_xact_lock(2)")
        request.META["query_while_serving"]()
        cursor.execute("SELECT pg_advisory_xact_lock(1)")


def ask_nobody(request):
    away = connections.create_connection("default")
    away.settings_dict = {**away.settings_dict, "HOST": "/nowhere"}
    away.cursor()


def take_too_long(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '20ms'")
        cursor.execute("SELECT pg_sleep(10)")


def refuse_to_read(request):
    raise BadRequest


def refuse_to_show(request):
    raise PermissionDenied


def break_a_rule(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


urlpatterns = [
    path("hold/<str:token>/", show),
    path("hold/<str:token>/fail/", fail),
    path("lock/", wait_for_a_lock),
    path("halfway/", meet_somebody_halfway),
    path("away/", ask_nobody),
    path("slow/", take_too_long),
    path("bug/", csrf_exempt(break_a_rule)),
    path("bad/", csrf_exempt(refuse_to_read)),
    path("forbidden/", csrf_exempt(refuse_to_show)),
    path("", include("booking.urls")),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def client():
    """A browser: an error in a view is a page to it."""
    return Client(raise_request_exception=False)


@pytest.fixture
def lines(caplog):
    """The lines of the log so far, as they are written."""
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(Line())
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]


# The request id


def test_response_always_has_request_id(client):
    first, second = (client.get(f"/hold/{TOKEN}/").headers["X-Request-Id"] for _ in range(2))
    assert len(first) == len(second) == 32
    assert first != second


def test_request_id_of_proxy_is_kept(client):
    response = client.get(f"/hold/{TOKEN}/", headers={"X-Request-Id": "7f3a-from-the-proxy"})
    assert response.headers["X-Request-Id"] == "7f3a-from-the-proxy"


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with a space in it", 'quo"ted-and-more', "ünïcödé-id"])
def test_request_id_with_unsafe_characters_is_replaced(client, given):
    response = client.get(f"/hold/{TOKEN}/", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] != given
    assert len(response.headers["X-Request-Id"]) == 32


# The log


def test_access_log_has_one_line_with_route_and_request_id(client, lines):
    response = client.get(f"/hold/{TOKEN}/?email=alice@example.org")
    (line,) = lines()
    assert line.pop("at").endswith("+00:00")
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "logger": "booking.access",
        "message": "/hold/<str:token>/",
        "method": "GET",
        "status": 200,
        "request_id": response.headers["X-Request-Id"],
    }


@pytest.mark.parametrize("path", [f"/hold/{TOKEN}/", "/api/v1/services", "/admin/"])
def test_wrong_host_is_answered_400_and_one_warning_without_traceback(client, settings, caplog, lines, path):
    settings.ALLOWED_HOSTS = ["booking.clinic.example"]
    response = client.get(path, headers={"Host": "scanner.example"})
    assert response.status_code == 400
    assert len(response.content) < 1000
    assert TOKEN not in caplog.text
    [line] = [line for line in lines() if line["level"] != "info"]
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "django.security.DisallowedHost",
        "message": "Invalid HTTP_HOST header: 'scanner.example'. "
        "You may need to add 'scanner.example' to ALLOWED_HOSTS.",
        "request_id": response.headers["X-Request-Id"],
    }


def test_long_wrong_host_is_cut_in_the_log(client, settings, lines):
    settings.ALLOWED_HOSTS = ["booking.clinic.example"]
    client.get("/", headers={"Host": f"{'a' * 4000}.example"})
    assert [len(line["message"]) for line in lines() if line["level"] == "warning"] == [200]


def test_access_log_contains_no_token_or_patient(client, caplog, lines):
    client.get(f"/hold/{TOKEN}/?email=alice@example.org")
    client.get(f"/hold/{TOKEN}/fail/?email=alice@example.org")
    client.get(f"/nowhere/{TOKEN}/?email=alice@example.org")
    client.post("/admin/login/", {"username": "alice@example.org", "password": TOKEN})
    assert {line["status"] for line in lines() if "status" in line} >= {200, 500, 404}
    assert TOKEN not in caplog.text
    assert "alice" not in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestLine(f"GET /hold/{TOKEN}/"),
        InvalidHTTPVersion(f"{TOKEN} HTTP/1.1"),
        InvalidHeader(f"AUTHORIZATION: Bearer {TOKEN}"),
        InvalidHeaderName("X 'alice@example.org'"),
        LimitRequestLine(5000, 4094),
    ],
    ids=lambda error: type(error).__name__,
)
def test_request_that_cannot_be_read_is_logged_without_what_it_says_and_whence(caplog, lines, error):
    logging.getLogger("gunicorn.error").warning(f"Invalid request from ip=192.0.2.7: {error}")

    assert lines()[0]["message"] == f"Invalid request: {re.match('[A-Za-z ]+', str(error))[0].strip()}"
    assert not any(said in caplog.text for said in (TOKEN, "alice", "192.0.2.7"))


def test_nothing_is_logged_of_the_body_that_an_answer_to_head_has_not(lines):
    logging.getLogger("gunicorn.http.wsgi").warning("WSGI app sent body bytes on a no-body response.")

    assert lines() == []


def test_unhandled_exception_is_logged_as_one_line_with_traceback(client, lines):
    response = client.get(f"/hold/{TOKEN}/fail/")
    bug, access = lines()
    assert response.status_code == access["status"] == 500
    assert bug["message"] == "Internal Server Error: /hold/<str:token>/fail/"
    assert bug["exception"].endswith("ValueError: a bug\n")
    assert bug["request_id"] == access["request_id"] == response.headers["X-Request-Id"]


def test_health_probes_are_not_logged(client, lines):
    client.get("/healthz/live")
    assert lines() == []


def test_traceback_omits_rows_quoted_by_postgresql(db, caplog, lines):
    email = "al" + "ice@example.org"  # the traceback quotes this very code
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE visitor (email text PRIMARY KEY)")
            cursor.execute("INSERT INTO visitor VALUES (%s), (%s)", [email, email])
    except IntegrityError as error:
        assert email in str(error)
        logging.getLogger("booking").exception("it failed")
    (line,) = lines()
    assert email not in caplog.text
    assert 'duplicate key value violates unique constraint "visitor_pkey"' in line["exception"]


def test_failed_celery_task_is_logged_without_rows_quoted_by_postgresql(caplog, lines):
    email = "al" + "ice@example.org"

    @shared_task(name="tests.fail")
    def fail():
        raise IntegrityError(f"duplicate key value\nDETAIL:  Key (email)=({email}) already exists.")

    request = {"id": "1", "delivery_info": {"is_eager": False}}
    build_tracer("tests.fail", fail, propagate=False, app=fail.app)("1", [], {}, request)

    (line,) = lines()
    assert line["message"] == "Task tests.fail[1] raised unexpected: IntegrityError"
    assert email not in caplog.text


# Frames


def test_widget_may_be_framed_by_same_origin(client, db, settings):
    response = client.get(f"/hold/{TOKEN}/")
    assert "frame-ancestors 'self';" in response.headers["Content-Security-Policy"] + ";"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_configured_sites_may_frame_widget(client, settings):
    settings.WIDGET_FRAME_ANCESTORS = ["'self'", "https://www.clinic.example"]
    response = client.get(f"/hold/{TOKEN}/")
    assert "X-Frame-Options" not in response.headers


def test_widget_without_frame_ancestors_is_never_framed(client, settings):
    settings.WIDGET_FRAME_ANCESTORS = ["'none'"]
    assert client.get(f"/hold/{TOKEN}/").headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("ancestors", [["'self'"], ["'self'", "https://www.clinic.example"]])
def test_admin_is_never_framed(client, db, settings, ancestors):
    settings.WIDGET_FRAME_ANCESTORS = ancestors
    response = client.get("/admin/login/")
    assert "frame-ancestors 'none';" in response.headers["Content-Security-Policy"] + ";"
    assert response.headers["X-Frame-Options"] == "DENY"


def test_policy_allows_own_origin_only(client):
    policy = client.get(f"/hold/{TOKEN}/").headers["Content-Security-Policy"]
    assert dict(directive.split(" ", 1) for directive in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }


# A busy database


@pytest.mark.django_db(transaction=True)
def test_lock_timeout_is_503_with_retry_after(client):
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        response = client.get("/lock/?day=2026-03-30")
    other.close()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "Many people are booking at the moment" in response.text
    assert 'href="/lock/?day=2026-03-30"' in response.text


@pytest.mark.django_db(transaction=True)
def test_statement_timeout_is_503_with_retry_after(client):
    response = client.post("/slow/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "href" not in response.text.partition("<body>")[2]  # there is no way to send a form again by a link


def test_deadlock_is_503_with_retry_after(client, elsewhere):
    def lock_the_other_way_round():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # it is not the one to find out
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
            cursor.execute("SELECT pg_advisory_xact_lock(2)")

    def query_while_serving():
        elsewhere(lock_the_other_way_round)
        wait_until(somebody_waits_for_us)

    response = client.get("/halfway/", query_while_serving=query_while_serving)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


def test_database_down_is_503_with_retry_after(client, db):
    response = client.get("/away/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "Please try again in a few seconds." in response.text


def test_page_that_says_that_the_database_is_down_may_be_framed_by_listed_sites(client, db):
    EmbeddingSite.objects.create(origin="https://www.clinic.example")
    recent_sites.forget()
    list_embedding_sites()

    headers = client.get("/away/").headers

    assert "frame-ancestors 'self' https://www.clinic.example;" in f"{headers['Content-Security-Policy']};"
    assert "X-Frame-Options" not in headers


def test_other_database_error_is_500(client, db):
    response = client.get("/bug/")
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text


# The pages of problems


@pytest.mark.parametrize(
    "address, status, heading",
    [
        ("/nowhere/", 404, "Page not found"),
        ("/admin/login/", 403, "This form is no longer valid"),
        ("/bad/", 400, "We could not read that"),
        ("/forbidden/", 403, "You cannot open this page"),
        ("/bug/", 500, "Something went wrong on our side"),
    ],
)
def test_problem_page_complies_with_policy(db, address, status, heading):
    response = Client(raise_request_exception=False, enforce_csrf_checks=True).post(address)
    assert response.status_code == status
    assert f"<h1>{heading}</h1>" in response.text
    assert 'href="/static/problems.css"' in response.text
    assert "style>" not in response.text
    assert "style=" not in response.text
