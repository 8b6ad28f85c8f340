"""Web servers with a primary and a hot standby, and PgBouncer between them; the standby falls behind, and dies."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client as Browser

from booking.access import recent_writes
from booking.access.api_keys import create_key
from booking.access.optional_redis import OptionalRedis
from booking.dev.pgbouncer import find_pgbouncer, pgbouncer
from booking.dev.standby import ReplicatedServer
from booking.models import ApiKey, Appointment
from booking.ops import replicas
from scheduling.lib.reading import get_read_alias, get_read_connection
from tests.bench.http_load import Client
from tests.failures.visitor import answers
from tests.waiting import assert_time_limit, wait_until

PATIENT = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth": "1985-04-12",
    "email": "alice@example.org",
    "phone": "+442079460123",
}
NINE = "T09:00:00"
IS_READ_BY_US = """
    EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%scheduling_slot%' AND pid <> pg_backend_pid())
"""
WAITS_FOR_LOCK = "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"


class Standby(ReplicatedServer):
    """A hot standby of the tests' PostgreSQL that waits for no reader."""

    def __init__(self, folder):
        super().__init__(folder, max_connections=300, max_standby_streaming_delay=0)  # no fewer than the primary

    def select(self, expression):
        """Return the value of an expression there."""
        [[value]] = self.ask(f"SELECT {expression}", database=connection.settings_dict["NAME"])
        return value


@pytest.fixture
def standby(transactional_db, tmp_path):
    """A Standby that has started; what is committed until the test is over is written at once."""
    name, standby = connection.settings_dict["NAME"], Standby(tmp_path / "standby")
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
        yield standby.copy(host=connection.get_connection_params()["host"], port=5432)
    finally:
        standby.remove()
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


class Caller:
    """Somebody with a key or a browser, in a network of their own, at any of several web servers."""

    def __init__(self, network, **headers):
        self.headers = {"Host": "localhost", "X-Forwarded-For": network} | headers

    def ask(self, address, method, path, body=None, **headers):
        """Return the status and the content of an answer."""
        client = Client(int(address.rpartition(":")[2]), self.headers | headers)
        return client.ask(method, path, body)


@pytest.fixture
def make_practice():
    """Return a Caller with a secret key of its own."""

    def make_practice(name, network):
        scopes = ApiKey.Scope.values
        _, key = create_key(name=name, kind=ApiKey.Kind.SECRET, scopes=scopes, requests_per_minute=9999)
        return Caller(network, Authorization=f"Bearer {key}")

    return make_practice


@pytest.fixture
def offers_nine(consultation, day):
    """Return whether the API, or the page of times, offers nine o'clock to somebody."""
    searches = {
        "api": f"/api/v1/availability?appointment_type_id={consultation.pk}&start_date={day}&end_date={day}",
        "page": f"/book/consultation/?day={day}",
    }
    shown = {"api": f"{day}{NINE}", "page": ">09:00<"}

    def offers_nine(caller, address, what="api", query=""):
        status, content = caller.ask(address, "GET", searches[what] + query)
        assert status == 200, content
        return shown[what] in re.sub(r"\s+", "", content.decode())

    return offers_nine


@pytest.fixture
def nine(consultation, dana, harbour, at):
    """The body that holds nine o'clock."""
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


def open_page(caller, address, day):
    """Return where an open page of times asks for changes, and the ETag of what it shows."""
    _, page = caller.ask(address, "GET", f"/book/consultation/?day={day}")
    return re.search(r'data-watch="([^"]*)" data-etag="&quot;([^"]*)&quot;"', page.decode()).groups()


def poll(caller, address, watch, etag):
    """Return the status that tells an open page whether it has changed."""
    return caller.ask(address, "GET", watch, **{"If-None-Match": f'"{etag}"'})[0]


def get_replica(address):
    """Return the status of readiness, and how it says that the replica is."""
    status, content = Caller("192.0.2.9").ask(address, "GET", "/healthz/ready")
    assert status == 200, content
    return json.loads(content)["checks"]["replicas"]["replicas"][0]["status"]


def wait_for_replica(address, status):
    wait_until(lambda: answers(f"{address}/healthz/live"))
    wait_until(lambda: get_replica(address) == status)


@pytest.mark.skipif(not find_pgbouncer(), reason="there is no PgBouncer")
def test_two_web_servers_read_from_standby_but_nobody_reads_their_own_writes_stale(
    clinic, roles, standby, tmp_path, make_practice, offers_nine, nine, day
):
    server = connection.get_connection_params()
    elsewhere = f"replica = host={standby.sockets} dbname={server['dbname']}"
    with pgbouncer(tmp_path, host=server["host"], users=[*roles, "postgres"], databases=elsewhere) as port:
        clinic.environment |= {
            "DATABASE_POOLER": "transaction",
            "DATABASE_URL": f"postgres://{roles[0]}@127.0.0.1:{port}/{server['dbname']}",
            "REPLICA_URLS": f"postgres://{roles[0]}@127.0.0.1:{port}/replica",
            "REPLICA_MAX_LAG": "600",
            "TRUSTED_PROXIES": "1",
        }
        (_, one), (_, other) = clinic.serve(), clinic.serve()
        for address in (one, other):
            wait_for_replica(address, "ok")
        practice, lab = make_practice("the practice", "192.0.2.1"), make_practice("the lab", "192.0.2.2")
        visitor, neighbour = Caller("192.0.2.3"), Caller("192.0.2.4")
        wait_until(lambda: offers_nine(lab, other))
        watch, with_nine = open_page(visitor, one, day)

        standby.select("pg_wal_replay_pause()")
        wait_until(lambda: standby.select("pg_get_wal_replay_pause_state()") == "paused")
        status, held = practice.ask(one, "POST", "/api/v1/holds", nine)
        assert status == 201, held
        assert not offers_nine(practice, other)
        for what in ("api", "page"):
            assert offers_nine(lab, other, what), "the standby was not asked"
        assert offers_nine(visitor, one, "page")
        assert poll(visitor, one, watch, with_nine) == 304
        # Who has just pressed a button, who shows a token, and staff.
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert neighbour.ask(one, "POST", "/book/consultation/hold", {"opening": "none"}, **form)[0] == 400
        assert not offers_nine(neighbour, other, "page")
        _, without_nine = open_page(neighbour, one, day)
        assert poll(neighbour, one, watch, without_nine) == 304
        assert not offers_nine(visitor, other, "page", query="&hold=unknown")
        admin = Browser()
        admin.force_login(User.objects.create_superuser("erin"))
        staff = Caller("192.0.2.5", Cookie=f"sessionid={admin.cookies['sessionid'].value}")
        assert not offers_nine(staff, other, "page")
        assert poll(visitor, one, watch, with_nine) == 304, (
            "what the primary has told was kept for the standby's version"
        )

        standby.select("pg_wal_replay_resume()")
        wait_until(lambda: not offers_nine(lab, other))
        wait_until(lambda: poll(visitor, one, watch, with_nine) == 204, timeout=15)

        confirm = f"/api/v1/holds/{json.loads(held)['data']['id']}/confirm"
        status, content = practice.ask(other, "POST", confirm, {"patient": PATIENT})
        assert status == 201, content
        assert [each.status for each in Appointment.objects.all()] == ["confirmed"]


@pytest.mark.proof
def test_web_server_reads_from_primary_while_standby_is_behind_frozen_or_dead(
    clinic, standby, make_practice, offers_nine, nine
):
    clinic.environment |= {
        "REPLICA_URLS": standby.url(connection.settings_dict["NAME"]),
        "REPLICA_MAX_LAG": "1",
        "TRUSTED_PROXIES": "1",
    }
    _, address = clinic.serve()
    wait_for_replica(address, "ok")
    practice, lab = make_practice("the practice", "192.0.2.1"), make_practice("the lab", "192.0.2.2")
    wait_until(lambda: offers_nine(lab, address) and standby.select(IS_READ_BY_US))

    standby.select("pg_wal_replay_pause()")
    _, held = practice.ask(address, "POST", "/api/v1/holds", nine)
    wait_until(lambda: not offers_nine(lab, address))
    wait_for_replica(address, "behind")
    standby.select("pg_wal_replay_resume()")
    wait_for_replica(address, "ok")

    standby.freeze()
    with assert_time_limit(2):
        assert not offers_nine(lab, address)
    wait_for_replica(address, "away")
    standby.thaw()
    wait_for_replica(address, "ok")

    standby.kill()
    release = f"/api/v1/holds/{json.loads(held)['data']['id']}"
    assert practice.ask(address, "DELETE", release)[0] in (200, 204)
    assert offers_nine(lab, address)
    wait_for_replica(address, "away")
    standby.start()
    wait_for_replica(address, "ok")
    wait_until(lambda: offers_nine(lab, address) and standby.select(IS_READ_BY_US))

    standby.promote()
    wait_for_replica(address, "not a replica")
    assert practice.ask(address, "POST", "/api/v1/holds", nine)[0] == 201
    assert not offers_nine(lab, address)


@pytest.fixture
def replica(standby, settings):
    """The standby as a Replica of this process."""
    connections.databases["replica1"] = connections.databases["default"] | {"HOST": str(standby.sockets)}
    settings.REPLICAS, settings.REPLICA_MAX_LAG = ["replica1"], 600
    replicas.list_replicas.cache_clear()
    connections["replica1"].connect()  # Django's tests refuse every other way to open it
    yield replicas.list_replicas()[0]
    connections["replica1"].close()
    replicas.list_replicas.cache_clear()
    del connections.databases["replica1"]


def test_statement_that_standby_cancels_is_asked_again_at_primary(replica, standby, rf):
    asked = []

    def read():
        asked.append(get_read_alias())
        with get_read_connection().cursor() as cursor:
            cursor.execute("SELECT count(*) FROM scheduling_slot CROSS JOIN scheduling_calendar")
            return cursor.fetchone()

    def be_in_its_way(database):
        wait_until(lambda: standby.select(WAITS_FOR_LOCK))
        # What the standby replays takes a lock that the statement is in the way of.
        database.execute("LOCK TABLE scheduling_slot")
        push_to_standby(standby)
        wait_until(lambda: len(asked) == 2)
        database.rollback()

    with ThreadPoolExecutor() as threads, psycopg.connect(get_url()) as database:
        database.execute("LOCK TABLE scheduling_calendar")
        push_to_standby(standby)
        rival = threads.submit(be_in_its_way, database)
        assert replicas.read_from_replica(rf.get("/"), read) == (0,)
        rival.result()
    assert asked == ["replica1", "default"]
    assert replica.state.status == "ok"
    wait_until(lambda: standby.select("sum(confl_lock)::int FROM pg_stat_database_conflicts"))


def push_to_standby(standby):
    """Return once the standby has replayed all that the primary has written until now."""
    with psycopg.connect(get_url(), autocommit=True) as database:
        database.execute("SELECT pg_logical_emit_message(true, 'test', 'a commit')")  # writes what waits to be written
        [[position]] = database.execute("SELECT pg_current_wal_insert_lsn()").fetchall()
    wait_until(lambda: standby.select(f"pg_last_wal_replay_lsn() >= '{position}'"))


def get_url():
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def test_writer_reads_primary_while_redis_is_down(settings, rf, monkeypatch):
    settings.REPLICA_MAX_LAG, settings.REPLICAS = 2, ["replica1"]
    monkeypatch.setattr(recent_writes, "optional_redis", lambda: OptionalRedis("redis://localhost:1/0"))
    assert recent_writes.has_written(rf.get("/"))


def test_only_who_has_written_is_known_for_it(settings, rf):
    settings.REPLICA_MAX_LAG, settings.REPLICAS = 2, ["replica1"]
    recent_writes.note(rf.post("/", REMOTE_ADDR="198.51.100.7"))
    assert recent_writes.has_written(rf.get("/", REMOTE_ADDR="198.51.100.7"))
    assert not recent_writes.has_written(rf.get("/", REMOTE_ADDR="198.51.100.8"))
