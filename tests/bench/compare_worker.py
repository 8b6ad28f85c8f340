"""Answer requests with the code of the working directory: read a case's name per line, write its figures per line.

It runs with the code of older checkouts too, so it imports little of it.
"""

import contextlib
import io
import itertools
import json
import logging
import sys
import time
from datetime import timedelta

import django

django.setup()
logging.disable()

from django.core.handlers.base import BaseHandler  # noqa: E402 (after django.setup)
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

REQUESTS = 20
PEOPLE = 300
SITE = "https://www.clinic.example"


class Caller:
    """Call the API through all middleware and measure the processor time of each request."""

    def __init__(self, scopes):
        output = io.StringIO()
        call_command("create_api_key", "bench", scopes=scopes, stdout=output)
        [self.key] = [word for word in output.getvalue().split() if word.startswith("hf_sec_")]
        self.handler = BaseHandler()
        self.handler.load_middleware()
        self.milliseconds = []

    def __call__(self, method, path, body=None, *, status=200, query=None, key=None, **environ):
        """Return the response's data, and assert its status."""
        request = RequestFactory().generic(
            method,
            f"/api/v1{path}",
            json.dumps(body) if body is not None else "",
            "application/json",
            secure=True,
            query_params=query,
            headers={"Authorization": f"Bearer {key or self.key}", "Host": "localhost"},
            **environ,
        )
        started = time.process_time()
        response = self.handler.get_response(request)
        self.milliseconds.append((time.process_time() - started) * 1000)
        assert response.status_code == status, (method, path, response.status_code, response.content)
        return json.loads(response.content).get("data")


def main():
    with contextlib.redirect_stdout(sys.stderr):  # Django tells of its cache's table there
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        cases = make_cases()
        for case in cases.values():
            case()
        print(json.dumps(list(cases)), flush=True)
        for line in sys.stdin:
            print(json.dumps(measure(cases[line.strip()])), flush=True)
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def measure(case):
    """Return the milliseconds of a case's requests and the number of statements of one."""
    case()
    with CaptureQueriesContext(connection) as captured:
        case()
    return {"milliseconds": [case() for _ in range(REQUESTS)], "statements": len(captured)}


def spell(number):
    """Return a number in letters: names have no digits."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def make_cases():
    """Fill a clinic; return {name: function that makes a request and returns its milliseconds}."""
    from booking.access.api_keys import create_key
    from booking.models import ApiKey
    from tests.bench.clinic import make_clinic

    service = make_clinic(clinicians=20, slots=5_000)
    call, reader = Caller("all"), Caller("read_availability")
    ApiKey.objects.update(requests_per_minute=100_000_000)
    today = timezone.now().date()
    offered = {"appointment_type_id": str(service.pk)}
    dates = {**offered, "start_date": str(today), "end_date": str(today + timedelta(days=14))}
    openings = call("GET", "/availability", query=dates)
    assert len(openings) > 2 * REQUESTS
    free = iter(openings * 1000)
    person = {"last_name": "Archer", "date_of_birth": "1985-04-12"}
    for number in range(PEOPLE):
        person |= {"first_name": f"Alice{spell(number)}", "email": f"alice{number}@example.org"}
        call("POST", "/patients", person, status=201)

    def ask(*args, caller=call, **options):
        def case():
            caller(*args, **options)
            return caller.milliseconds[-1]

        return case

    def hold():
        return call("POST", "/holds", {"booking_key": next(free)["booking_key"]}, status=201)["id"]

    def place():
        placed = hold()
        milliseconds = call.milliseconds[-1]
        call("DELETE", f"/holds/{placed}")
        return milliseconds

    def confirm():
        appointment = call("POST", f"/holds/{hold()}/confirm", {"patient": person}, status=201)["id"]
        milliseconds = call.milliseconds[-1]
        call("POST", f"/appointments/{appointment}/cancel", {"reason": "other"})
        return milliseconds

    _, public = create_key(
        name="page", kind="publishable", scopes=ApiKey.VISITOR_SCOPES, allowed_origins=[SITE], requests_per_minute=10**8
    )
    homes = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))

    def hold_on_page():
        page = {"key": public, "HTTP_ORIGIN": SITE, "REMOTE_ADDR": next(homes)}
        held = call("POST", "/holds", {"booking_key": next(free)["booking_key"]}, status=201, **page)["id"]
        return page, held, call.milliseconds[-1]

    def place_on_page():
        page, held, milliseconds = hold_on_page()
        call("DELETE", f"/holds/{held}", **page)
        return milliseconds

    def confirm_on_page():
        page, held, _ = hold_on_page()
        appointment = call("POST", f"/holds/{held}/confirm", {"patient": person}, status=201, **page)["id"]
        milliseconds = call.milliseconds[-1]
        call("POST", f"/appointments/{appointment}/cancel", {"reason": "other"})
        return milliseconds

    for number in range(60):  # each somebody else's: nobody is in two places at once
        other = person | {"first_name": f"Bob{spell(number)}", "email": f"bob{number}@example.org"}
        call("POST", f"/holds/{hold()}/confirm", {"patient": other}, status=201)
    openings = call("GET", "/availability", query=dates)
    free = iter(openings * 1000)
    held = hold()
    return {
        "GET /availability, 14 days": ask("GET", "/availability", query=dates),
        "GET /availability/days": ask("GET", "/availability/days", query=dates),
        "GET /availability/next": ask("GET", "/availability/next", query=offered),
        "POST /holds": place,
        "GET /holds/{id}": ask("GET", f"/holds/{held}"),
        "POST /holds/{id}/confirm": confirm,
        "POST /holds, of a page": place_on_page,
        "confirm, of a page": confirm_on_page,
        "GET /appointments": ask("GET", "/appointments", query={"limit": 50}),
        "GET /patients?search=": ask("GET", "/patients", query={"search": f"alice{spell(7)}"}),
        "GET /me": ask("GET", "/me"),
        "GET /me, 401": ask("GET", "/me", key="hf_sec_nobody", status=401),
        "GET /patients, 403": ask("GET", "/patients", caller=reader, status=403),
        "POST /holds, 400": ask("POST", "/holds", {"nothing": 1}, status=400),
        "GET /nowhere, 404": ask("GET", "/nowhere", status=404),
    }


main()
