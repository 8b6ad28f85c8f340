"""The clinic runs behind PgBouncer in transaction mode, with the roles of the web server and the workers."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client as Browser

from booking.access.api_keys import create_key
from booking.dev.pgbouncer import find_pgbouncer, pgbouncer
from booking.models import ApiKey, Appointment, OutboxMessage
from scheduling.models import Clinician
from tests.bench.http_load import Client
from tests.failures.visitor import answers
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not find_pgbouncer(), reason="there is no PgBouncer")

CLIENTS = 9  # more than the pool has connections
SHOW_DEADLINES = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
PAGES = ["", "booking/appointment/", "booking/hold/", "patients/patient/", "scheduling/clinician/"]


@pytest.fixture
def pooled(clinic, roles, tmp_path):
    """The clinic behind PgBouncer; ``pooled.urls`` are the addresses of its database, by role."""
    server = connection.get_connection_params()
    with pgbouncer(tmp_path, host=server["host"], users=[*roles, "postgres"]) as port:
        clinic.urls = [f"postgres://{role}@127.0.0.1:{port}/{server['dbname']}" for role in (*roles, "postgres")]
        clinic.environment |= {"DATABASE_POOLER": "transaction", "DATABASE_URL": clinic.urls[0]}
        yield clinic
        for program in clinic.programs:
            program.kill()


@pytest.fixture
def api_client():
    """Return a client of the API with a secret key."""
    scopes = ApiKey.Scope.values
    _, key = create_key(name="the practice", kind=ApiKey.Kind.SECRET, scopes=scopes, requests_per_minute=9999)

    def api_client(address):
        return Client(int(address.rpartition(":")[2]), {"Authorization": f"Bearer {key}", "Host": "localhost"})

    return api_client


def make_patient(number):
    return {
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": f"1985-04-{number + 1:02}",
        "email": f"alice{number}@example.org",
        "phone": f"+4420794601{number:02}",
    }


def test_clinic_behind_pgbouncer_answers_races_and_pages_without_an_error(
    pooled, api_client, consultation, dana, harbour, at, day
):
    admin = Browser()
    admin.force_login(User.objects.create_superuser("admin"))
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in admin.cookies.items())
    _, address = pooled.serve()
    wait_until(lambda: answers(f"{address}/healthz/live"))
    kind = f"appointment_type_id={consultation.pk}"
    times = [at(hour, minute) for hour in (9, 10, 11) for minute in (0, 30)]

    def hold(client, starts_at):
        return client.ask(
            "POST",
            "/api/v1/holds",
            {
                "appointment_type_id": str(consultation.pk),
                "clinician_id": str(dana.pk),
                "location_id": str(harbour.pk),
                "start_time": starts_at.isoformat(),
            },
        )

    def use(number):
        """Take each time with the others in a race, confirm what was won, and look at pages in between."""
        client, found = api_client(address), Counter()
        for place, starts_at in enumerate(times):
            status, body = hold(client, starts_at)
            found[f"hold {status}"] += 1
            if status == 201:
                confirm = f"/api/v1/holds/{json.loads(body)['data']['id']}/confirm"
                status, _ = client.ask("POST", confirm, {"patient": make_patient(place)})
                found[f"confirm {status}"] += 1
            reads = [
                f"/api/v1/availability?{kind}&start_date={day}&end_date={day + timedelta(days=6)}",
                "/api/v1/appointments",
                "/api/v1/events",
                f"/book/consultation/?day={day}",
                "/",
            ]
            status, _ = client.ask("GET", reads[(number + place) % len(reads)])
            found[f"read {status}"] += 1
        client.headers = {"Cookie": cookies, "Host": "localhost"}
        status, _ = client.ask("GET", f"/admin/{PAGES[number % len(PAGES)]}")
        found[f"admin {status}"] += 1
        return found

    with ThreadPoolExecutor(CLIENTS) as threads:
        found = sum(threads.map(use, range(CLIENTS)), Counter())

    assert found == {
        "hold 201": len(times),
        "hold 409": len(times) * (CLIENTS - 1),
        "confirm 201": len(times),
        "read 200": len(times) * CLIENTS,
        "admin 200": CLIENTS,
    }
    assert Appointment.objects.filter(status="confirmed").count() == len(times)

    # Its deadlines are the role's: a rival's lock is waited for as long as that says, and no longer.
    with transaction.atomic():
        Clinician.objects.select_for_update().get(pk=dana.pk)
        status, body = hold(api_client(address), at(16))
    assert (status, json.loads(body)["code"]) == (503, "busy")

    # The workers claim, send and settle what is due.
    assert OutboxMessage.objects.filter(status="waiting").count() >= len(times)
    pooled.environment["DATABASE_URL"] = pooled.urls[1]
    assert pooled.manage("run_outbox", "--once").process.wait(60) == 0
    assert len(pooled.mailbox.accepted) == len(times)
    assert set(OutboxMessage.objects.values_list("status", flat=True)) == {"done"}


def test_deadlines_of_roles_are_in_force_behind_pgbouncer(pooled):
    found = []
    for url in pooled.urls:
        with psycopg.connect(url, prepare_threshold=None) as database:
            found.append(database.execute(SHOW_DEADLINES).fetchone())
    assert found == [("2s", "5s"), ("10s", "30s"), ("0", "0")]
