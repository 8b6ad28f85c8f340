import socket
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from booking.models import Heartbeat, OutboxMessage
from booking.ops import health
from booking.outbox import heartbeats
from tests.waiting import assert_time_limit

OK = {"status": "ok"}
FAILING = {"status": "failing"}


@pytest.fixture(autouse=True)
def looked_long_ago(monkeypatch):
    """What one test has seen is not what the next one sees; within one it does not grow old by itself."""
    health.lately.forget()
    monkeypatch.setattr(health, "CACHE_SECONDS", 3600)


@pytest.fixture
def limits(db):
    """Deadlines, as the connections of the web server have them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SET LOCAL statement_timeout = '5s'")


@pytest.fixture
def beat(limits):
    """The beat came just now, through each of Celery's queues."""
    now = timezone.now()
    Heartbeat.objects.bulk_create(Heartbeat(id=id, seen_at=now) for id in heartbeats.IDS.values())


def test_liveness_is_200(client):
    response = client.get("/healthz/live")
    assert (response.status_code, response.json()) == (200, OK)


def test_readiness_with_everything_up_is_200(client, beat):
    response = client.get("/healthz/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {
            "database": OK,
            "migrations": OK,
            "redis": OK,
            "beat": {"status": "ok", "age_seconds": 0},
            "workers": OK,
            "outbox": OK,
            "deadlines": OK,
        },
    }


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready", "/healthz/live/", "/healthz/ready/"])
def test_health_answers_any_host_without_https(client, beat, settings, path):
    settings.ALLOWED_HOSTS = ["booking.clinic.example"]
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_other_pages_check_host(client, settings):
    settings.ALLOWED_HOSTS = ["booking.clinic.example"]
    assert client.get("/", headers={"Host": "10.1.2.3:8000"}).status_code == 400


def test_health_is_not_cached(client, beat):
    assert client.get("/healthz/live").headers["Cache-Control"] == "no-store"
    assert client.get("/healthz/ready").headers["Cache-Control"] == "no-store"


def test_readiness_with_late_beat_is_degraded_but_200(client, db):
    Heartbeat.objects.create(seen_at=timezone.now() - timedelta(seconds=61))
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["beat"] == {"status": "failing", "age_seconds": 61}
    assert response.json()["checks"]["workers"] == {"status": "unknown"}


def test_readiness_with_a_queue_that_has_no_worker_is_degraded_but_200(client, beat):
    Heartbeat.objects.filter(id=heartbeats.IDS["email"]).update(seen_at=timezone.now() - timedelta(seconds=61))
    Heartbeat.objects.filter(id=heartbeats.IDS["approvers"]).delete()

    response = client.get("/healthz/ready")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["workers"] == {"status": "failing", "queues": ["email", "approvers"]}


@pytest.mark.parametrize("missing", ["lock_timeout", "statement_timeout"])
def test_readiness_without_a_deadline_is_degraded_but_200(client, beat, missing):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {missing} = 0")
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["deadlines"] == {
        "status": "failing",
        "detail": "Statements may wait for ever: the role in DATABASE_URL lacks lock_timeout or statement_timeout.",
    }


def test_readiness_without_any_beat_reports_it_late(client, db):
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["beat"] == {"status": "failing", "age_seconds": None}


def test_readiness_without_redis_is_200(client, beat, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens there
        settings.REDIS_URL = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["redis"] == FAILING


def test_readiness_with_frozen_redis_answers_within_a_second(client, beat, settings):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        with assert_time_limit(1):
            response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["checks"]["redis"]) == (200, FAILING)


def test_concurrent_readiness_checks_wait_for_frozen_redis_once(rf, beat, settings):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        first = health.ready(rf.get("/")).content
        health.lately.found_at -= health.CACHE_SECONDS  # so that somebody looks again
        with health.lately.looking:  # and is at it
            assert health.ready(rf.get("/")).content == first
        mute.settimeout(0)
        for _ in range(12):
            assert health.ready(rf.get("/")).status_code == 200
        mute.accept()
        mute.accept()
        with pytest.raises(BlockingIOError):
            mute.accept()


def test_readiness_result_is_cached_for_two_seconds(client, beat):
    assert client.get("/healthz/ready").json()["status"] == "ok"
    Heartbeat.objects.all().delete()
    assert client.get("/healthz/ready").json()["status"] == "ok"
    health.lately.found_at -= health.CACHE_SECONDS
    assert client.get("/healthz/ready").json()["status"] == "degraded"


def test_readiness_with_unapplied_migration_is_503(client, beat):
    ((app, latest),) = MigrationLoader(connection).graph.leaf_nodes("booking")
    MigrationRecorder(connection).record_unapplied(app, latest)
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["status"]) == (503, "failing")
    checks = response.json()["checks"]
    assert checks["migrations"] == {"status": "failing", "unapplied": [f"booking.{latest}"]}
    assert checks["beat"] == {"status": "unknown"}


def test_readiness_without_database_is_503(run_python):
    answered = run_python(
        """
        import django
        django.setup()
        from django.test import Client
        response = Client().get("/healthz/ready")
        print(response.status_code, response.json())
        """,
        DATABASE_URL="postgres://holdfast:password@127.0.0.1:1/holdfast",
    )
    assert answered.stdout.startswith("503 ")
    assert "'database': {'status': 'failing'}, 'migrations': {'status': 'unknown'}" in answered.stdout
    assert "password" not in answered.stdout + answered.stderr


def test_overdue_mail_is_reported_but_keeps_service_ready(client, beat):
    since = timezone.now() - timedelta(minutes=2)
    OutboxMessage.objects.create(kind="email.appointment_confirmed", due_at=since)

    response = client.get("/healthz/ready")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["outbox"] == {
        "status": "failing",
        "detail": health.describe_waiting(since),
        "waiting_since": since.isoformat(),
    }


def test_waiting_is_described_in_the_clinics_time():
    at = datetime(2026, 3, 30, 13, 2, tzinfo=UTC)

    with timezone.override("Europe/London"):
        assert health.describe_waiting(at) == "Mail and webhooks have been waiting since 14:02 on 30 March 2026."
        today = timezone.localtime().replace(hour=14, minute=2)
        assert health.describe_waiting(today) == "Mail and webhooks have been waiting since 14:02."
