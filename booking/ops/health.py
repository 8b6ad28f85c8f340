"""Whether this process lives, and whether it can do its work: /healthz/live and /healthz/ready.

Load balancers probe by IP address and without https, so this answers ahead of everything
else: before the Host header is checked, before the redirect to https and before the access log.
"""

from threading import Lock
from time import monotonic

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.utils import timezone
from redis import RedisError

from booking.access.optional_redis import connect
from booking.ops import deadlines, replicas

# Anybody may ask, and a frozen Redis makes each look take a second.
CACHE_SECONDS = 2


def answer_probes(get_response):
    """Middleware that answers the two health addresses by itself."""
    answers = {"/healthz/live": live, "/healthz/ready": ready}

    def middleware(request):
        answer = answers.get(request.path_info.rstrip("/"))
        return answer(request) if answer else get_response(request)

    return middleware


def live(request):
    """This process answers."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


def ready(request):
    """Whether bookings can be made here: 503 when the database or its migrations say no.

    Without Redis, the beat, workers, deadlines or replicas, bookings go on and what is done by the clock waits: that is
    ``degraded``, still 200, so that no load balancer takes the booking pages away for it.
    """
    status, checks = lately.look()  # pyright: ignore[reportGeneralTypeIssues]
    return JsonResponse(
        {"status": status, "checks": checks},
        status=503 if status == "failing" else 200,
        headers={"Cache-Control": "no-store"},
    )


class Lately:
    """What check_all has said in this process, CACHE_SECONDS ago at most.

    One thread at a time looks again; the others are told what it found before.
    """

    def __init__(self):
        self.looking = Lock()
        self.forget()

    def forget(self):
        self.found, self.found_at = None, 0

    def look(self):
        """Return the status and the checks."""
        is_old = self.found is None or monotonic() - self.found_at > CACHE_SECONDS
        if is_old and self.looking.acquire(blocking=self.found is None):
            try:
                if self.found is None or monotonic() - self.found_at > CACHE_SECONDS:
                    self.found, self.found_at = check_all(), monotonic()
            finally:
                self.looking.release()
        return self.found


lately = Lately()


def check_all():
    """Return ``failing``, ``degraded`` or ``ok``, and what each check says."""
    database, unknown = check_database(), {"status": "unknown"}
    migrations = check_migrations() if database["status"] == "ok" else unknown
    beat = check_beat() if migrations["status"] == "ok" else unknown
    outbox = check_outbox() if migrations["status"] == "ok" else unknown
    workers = check_workers() if beat["status"] == "ok" else unknown
    limits = check_deadlines() if database["status"] == "ok" else unknown
    checks = {
        "database": database,
        "migrations": migrations,
        "redis": check_redis(),
        "beat": beat,
        "workers": workers,
        "outbox": outbox,
        "deadlines": limits,
    }
    if settings.REPLICAS:
        checks["replicas"] = check_replicas() if database["status"] == "ok" else unknown
    if migrations["status"] != "ok":
        status = "failing"
    elif all(check["status"] == "ok" for check in checks.values()):
        status = "ok"
    else:
        status = "degraded"
    return status, checks


def check_database():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return {"status": "failing"}
    return {"status": "ok"}


def check_deadlines():
    """Whether the database ends what waits too long, by this process's role or connection."""
    return {"status": "ok"} if deadlines.are_in_force() else {"status": "failing", "detail": deadlines.MISSING}


def check_replicas():
    """How each replica is. Without them the primary is read."""
    try:
        states = replicas.get_states()
    except Error:  # of the primary, which is asked first
        return {"status": "unknown"}
    return {
        "status": "ok" if all(state.status == "ok" for state in states) else "failing",
        "replicas": [{"name": name, "status": status, "lag_seconds": lag} for name, status, lag in states],
    }


def check_migrations():
    """Names the migrations this code expects and the database has not had."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    unapplied = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    return {"status": "failing", "unapplied": unapplied} if unapplied else {"status": "ok"}


def check_redis():
    """A second is all it gets."""
    try:
        with connect(settings.REDIS_URL, timeout=1) as client:
            client.ping()
    except RedisError:
        return {"status": "failing"}
    return {"status": "ok"}


def check_beat():
    """How long ago the beat was last carried out by a worker."""
    from booking.outbox import heartbeats  # this module is loaded as middleware too early for models

    seen_at = heartbeats.list_seen()["default"]
    if seen_at is None:
        return {"status": "failing", "age_seconds": None}
    age = timezone.now() - seen_at
    is_late = age > heartbeats.STALE_AFTER
    return {"status": "failing" if is_late else "ok", "age_seconds": round(age.total_seconds())}


def check_workers():
    """Which of Celery's queues no worker listens to."""
    from booking.outbox import heartbeats

    stopped = heartbeats.list_stopped()
    return {"status": "failing", "queues": stopped} if stopped else {"status": "ok"}


def check_outbox():
    """Return since when mail and webhooks have been waiting, if they are: for the broker or for a worker."""
    from booking.outbox import queue

    since = queue.get_waiting_since()
    if since is None:
        return {"status": "ok"}
    return {"status": "failing", "detail": describe_waiting(since), "waiting_since": since.isoformat()}


def describe_waiting(since):
    """Return the sentence that says since when mail and webhooks have been waiting, in the clinic's time."""
    local = timezone.localtime(since)
    is_today = local.date() == timezone.localdate()
    return f"Mail and webhooks have been waiting since {local:%H:%M}{'' if is_today else f' on {local:%-d %B %Y}'}."
