"""The API on the production server with two workers, beside bare views (floor.py) on the same server."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import connection
from django.utils import timezone

from booking.access.api_keys import create_key
from booking.models import ApiKey
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import open_times
from tests.bench.http_load import Client

API = "/api/v1"
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a name has no digits


def print_http(service, copy):
    """Print the HTTP figures for a service of make_clinic and its copy."""
    with ExitStack() as stack:
        bare_port = stack.enter_context(server("tests.bench.floor_wsgi"))
        port = stack.enter_context(server("booking.wsgi"))
        bare, ours = Client(bare_port, {"Host": "localhost"}), Client(port, create_bench_key())
        show_availability(service, copy, bare, ours)


def create_bench_key():
    """Return the headers of a request with a secret key."""
    _, key = create_key(name="bench", kind="secret", scopes=ApiKey.Scope.values, requests_per_minute=10_000_000)
    return {"Authorization": f"Bearer {key}", "Host": "localhost"}


def find_openings(service):
    """Return an iterator of the service's free times."""
    now = timezone.now()
    return iter(open_times(OpeningFilters(service), start_at=now, end_at=now + timedelta(days=60), now=now))


@contextmanager
def server(application):
    """Run gunicorn as in production and yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--config", "python:booking.gunicorn", "--bind", f"127.0.0.1:{port}"]
    environment = os.environ | {"DATABASE_URL": database_url(), "SECURE_SSL_REDIRECT": "False", "WEB_PROCESSES": "2"}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, application], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def database_url():
    """Return the URL of the benchmark's own database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def show_availability(service, copy, bare, ours):
    """Print the availability of all clinicians and of one."""
    now = timezone.now()
    first, last = now.date(), now.date() + timedelta(days=13)
    clinician = service.clinicians.first().pk
    query, of_copy = (f"appointment_type_id={one.pk}&start_date={first}&end_date={last}" for one in (service, copy))
    day = last - timedelta(days=last.weekday() if last.weekday() < 5 else last.weekday() - 4)
    paths = {
        "50 clinicians x 14 days": (ours, f"{API}/availability?{query}"),
        "the same, balanced": (ours, f"{API}/availability?{query}&assign=balanced"),
        "the same, 200 events of each": (ours, f"{API}/availability?{of_copy}"),
        "bare view, one statement": (bare, bare_path(service, now)),
        "one clinician's day": (
            ours,
            f"{API}/availability?appointment_type_id={service.pk}&clinician_id={clinician}"
            f"&start_date={day}&end_date={day}",
        ),
    }
    times = {name: [] for name in paths}
    for _ in range(31):
        for name, (client, path) in paths.items():
            started = time.perf_counter()
            status, body = client.ask("GET", path)
            times[name].append((time.perf_counter() - started) * 1000)
            assert status == 200, body[:500]
            times[name, "bytes"] = len(body)
    for name in paths:
        print(f"  {name:<28} {statistics.median(times[name]):8.2f} ms   {times[name, 'bytes']:>9,} bytes")


def bare_path(service, now):
    start, end = now.isoformat()[:19] + "Z", (now + timedelta(days=14)).isoformat()[:19] + "Z"
    return f"/availability?service={service.pk}&start={start}&end={end}"


def book(client, service, openings):
    for opening in openings:
        confirm(client, place(client, service, opening), {"patient": alice(opening)})


def place(client, service, opening):
    """Hold an opening, and return the hold's id."""
    status, body = client.ask("POST", f"{API}/holds", make_hold_body(service, opening))
    assert status == 201, body
    return json.loads(body)["data"]["id"]


def confirm(client, hold, body):
    status, answer = client.ask("POST", f"{API}/holds/{hold}/confirm", body)
    assert status == 201, answer


def make_hold_body(service, opening):
    return {
        "appointment_type_id": str(service.pk),
        "clinician_id": str(opening.clinician_id),
        "location_id": str(opening.location_id),
        "start_time": opening.starts_at.isoformat(),
    }


def alice(opening):
    """Return a person of the opening's own: nobody is booked at two places at once."""
    which = f"{opening.start}-{opening.clinician_id}".translate(LETTERS)
    return {
        "first_name": "Alice",
        "last_name": f"Archer {which}",
        "date_of_birth": "1985-04-12",
        "email": f"alice{which}@example.org",
        "phone": "+442079460123",
    }
