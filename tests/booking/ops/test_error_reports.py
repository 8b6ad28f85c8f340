"""What Sentry is told of an error, as a local receiver gets it."""

import gzip
import json

import pytest

from tests.receivers import Receiver, answer

FAIL = """
    from booking.wsgi import application
    import logging
    import sentry_sdk
    from django.test import Client
    from django.urls import path
    from booking.ops import logs
    import booking.urls


    def find(request, token):
        patient = "Alice Archer, alice@example.org"
        raise LookupError(f"there is no {patient}")


    booking.urls.urlpatterns.insert(0, path("visit/<str:token>", find))
    Client(raise_request_exception=False).post(
        "/visit/a-secret-token?name=Archer",
        {"phone": "+442079460123"},
        "application/x-www-form-urlencoded",
        headers={"X-Request-Id": "0123456789abcdef", "Cookie": "sessionid=hunter2", "User-Agent": "Alice's phone"},
        secure=True,
        SERVER_NAME="booking.clinic.example",
    )
    sentry_sdk.flush()
"""
PERSONAL = ["Alice", "Archer", "alice@", "secret-token", "hunter2", "442079460123"]


@pytest.fixture
def sentry():
    with Receiver(answer(200)) as receiver:
        yield receiver


def read_events(sentry):
    """Return the events that have arrived, and the text of all that has."""
    bodies = [
        gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        for _, _, headers, body in sentry.requests
    ]
    lines = [json.loads(line) for body in bodies for line in body.splitlines() if line]
    return [line for line in lines if "level" in line], b"\n".join(bodies).decode()


def test_report_has_the_route_and_the_code_and_nothing_personal(sentry, run_python):
    result = run_python(FAIL, DEBUG="True", SENTRY_DSN=f"http://key@{sentry.netloc}/1")

    assert result.returncode == 0, result.stderr
    [event], text = read_events(sentry)
    assert event["transaction"] == "POST /visit/<str:token>"
    assert event["tags"] == {"request_id": "0123456789abcdef"}
    assert event["environment"] == "production"
    [error] = event["exception"]["values"]
    assert error["type"] == "LookupError"
    assert error["stacktrace"]["frames"][-1]["function"] == "find"
    assert all("vars" not in frame for frame in error["stacktrace"]["frames"])
    assert not {"request", "user", "extra", "breadcrumbs", "contexts", "modules"} & event.keys()
    assert [word for word in PERSONAL if word in text] == []


def test_without_a_dsn_nothing_is_loaded(run_python):
    result = run_python("from booking.wsgi import application; import sys; print('sentry_sdk' in sys.modules)")

    assert result.stdout == "False\n", result.stderr
