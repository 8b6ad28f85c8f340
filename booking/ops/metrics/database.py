"""What the database says of the whole installation.

Events are counted in the order of their transactions, as booking.domain.event_feed reads them, so that none is missed:
whoever placed, confirmed or expired something, on whatever host, and without a word on their way.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from booking.models.enums import EventKind, Job
from booking.ops.replicas import get_states
from booking.outbox import heartbeats
from booking.outbox.queue import get_family
from scheduling.models import Calendar

MAX_EVENTS = 50_000  # in one reading; the next goes on from there
MAX_MESSAGES = 10_000  # that are looked at of a queue: more count as so many

EVENT_KINDS = [str(kind) for kind in EventKind]
FAMILIES = sorted({get_family(job) for job in Job})
WEBHOOKS = get_family(Job.WEBHOOK_EVENT)
READ_CALENDARS = [str(kind) for kind in Calendar.READ_KINDS]


class EventCounts(NamedTuple):
    """How many events of each kind there have been since the first reading, and the last one that is counted."""

    of_kinds: dict[str, int]
    transaction_id: str
    event_id: int


# What is settled by now; all that comes later is counted.
BEGIN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
COUNT_EVENTS = """
      WITH settled AS (
    SELECT transaction_id, id, kind FROM booking_event
     WHERE (transaction_id, id) > (%s::xid8, %s) AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY transaction_id, id LIMIT %s)
    SELECT kind, number, transaction_id::text, id
      FROM (SELECT kind, count(*) AS number FROM settled GROUP BY kind) AS counted,
           (SELECT transaction_id, id FROM settled ORDER BY transaction_id DESC, id DESC LIMIT 1) AS last
"""


def count_events(before: EventCounts | None, *, limit: int = MAX_EVENTS) -> EventCounts:
    """Return ``before`` with the events since, up to ``limit``; without it, begin to count."""
    with connection.cursor() as cursor:
        if before is None:
            cursor.execute(BEGIN)
            return EventCounts(dict.fromkeys(EVENT_KINDS, 0), cursor.fetchall()[0][0], 0)
        cursor.execute(COUNT_EVENTS, [before.transaction_id, before.event_id, limit])
        rows = cursor.fetchall()
    if not rows:
        return before
    more = {kind: before.of_kinds.get(kind, 0) + number for kind, number, _, _ in rows}
    return EventCounts(before.of_kinds | more, *rows[0][2:])


def write_event_counts(counts: EventCounts) -> Metric:
    """Return the counts as a metric."""
    events = CounterMetricFamily("holdfast_events", "What has happened, since this was first read.", labels=["kind"])
    for kind, number in sorted(counts.of_kinds.items()):
        events.add_metric([kind], number)
    return events


# A message that is being done is due later, when its claim lapses. Of endpoints only those that answer have an age:
# at others messages are old because of them.
READ_OUTBOX = """
    SELECT family.name, count(*) FILTER (WHERE is_due), count(*) FILTER (WHERE attempts > 0 AND status = 'waiting'),
           coalesce(extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE is_due)), 0)
      FROM unnest(%(families)s::text[]) AS family(name)
      LEFT JOIN LATERAL (
           SELECT attempts, status, due_at, due_at <= (SELECT clock_timestamp()) AS is_due FROM booking_outboxmessage
            WHERE endpoint_id IS NULL AND status IN ('waiting', 'running') AND split_part(kind, '.', 1) = family.name
            ORDER BY due_at LIMIT %(limit)s) AS message ON true
     GROUP BY family.name
     UNION ALL
    SELECT %(webhooks)s, count(*) FILTER (WHERE is_due), count(*) FILTER (WHERE attempts > 0 AND status = 'waiting'),
           coalesce(extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE is_due AND answers)), 0)
      FROM (SELECT id, answers_fast AND failing_since IS NULL AS answers FROM booking_webhookendpoint) AS endpoint
     CROSS JOIN LATERAL (
           SELECT attempts, status, due_at, due_at <= (SELECT clock_timestamp()) AS is_due FROM booking_outboxmessage
            WHERE endpoint_id = endpoint.id AND status IN ('waiting', 'running')
            ORDER BY due_at LIMIT %(limit)s) AS message
"""


def read_outbox() -> Iterator[Metric]:
    """Yield how much is due in the outbox, for how long, and what has failed and is tried again."""
    due = GaugeMetricFamily("holdfast_outbox_due", "Messages that nobody has taken yet.", labels=["queue"])
    age = GaugeMetricFamily(
        "holdfast_outbox_oldest_due_seconds", "For how long the oldest of them has been due.", labels=["queue"]
    )
    retried = GaugeMetricFamily(
        "holdfast_outbox_retried", "Messages that have failed and are tried again later.", labels=["queue"]
    )
    families = [family for family in FAMILIES if family != WEBHOOKS]
    with connection.cursor() as cursor:
        cursor.execute(READ_OUTBOX, {"families": families, "webhooks": WEBHOOKS, "limit": MAX_MESSAGES})
        for family, number_due, number_retried, seconds in cursor:
            due.add_metric([family], number_due)
            retried.add_metric([family], number_retried)
            age.add_metric([family], float(seconds))
    yield from (due, retried, age)


GAUGES = {
    "holdfast_beat_age_seconds": "How long ago a worker did beat's heartbeat; +Inf if none ever has.",
    "holdfast_holds_live": "Holds that are neither confirmed nor over.",
    "holdfast_calendars": "Calendars that are read.",
    "holdfast_calendars_unread": "Of these, those that could not be read for an hour, or never.",
    "holdfast_calendars_oldest_seconds": "How long ago the one was read that has waited longest.",
    "holdfast_webhook_endpoints_failing": "Endpoints in use whose deliveries fail.",
    "holdfast_webhook_endpoints_disabled": "Endpoints that nothing is delivered to any more.",
    "holdfast_database_max_connections": "How many connections PostgreSQL allows.",
}
READ_GAUGES = """
    SELECT coalesce(
             (SELECT extract(epoch FROM clock_timestamp() - seen_at) FROM booking_heartbeat WHERE id = 1), 'Infinity'),
           (SELECT count(*) FROM booking_hold WHERE status = 'active' AND expires_at > clock_timestamp()),
           calendars.*, endpoints.*, current_setting('max_connections')::int
      FROM (SELECT count(*), count(*) FILTER (WHERE last_synced_at > clock_timestamp() - %(stale_after)s IS NOT TRUE),
                   coalesce(extract(epoch FROM clock_timestamp() - min(last_synced_at)), 0)
              FROM scheduling_calendar WHERE is_active AND kind = ANY(%(read)s)) AS calendars,
           (SELECT count(*) FILTER (WHERE disabled_at IS NULL AND failing_since IS NOT NULL), count(disabled_at)
              FROM booking_webhookendpoint) AS endpoints
"""


def read_gauges() -> Iterator[Metric]:
    """Yield beat's age, and how many holds, calendars and endpoints there are in what state."""
    parameters: Any = {"stale_after": Calendar.STALE_AFTER, "read": READ_CALENDARS}
    with connection.cursor() as cursor:
        cursor.execute(READ_GAUGES, parameters)
        [values] = cursor.fetchall()
    for (name, meaning), value in zip(GAUGES.items(), values, strict=True):
        yield GaugeMetricFamily(name, meaning, value=float(value))


def read_workers() -> Iterator[Metric]:
    """Yield how long ago each of Celery's queues had a heartbeat."""
    ages = GaugeMetricFamily(
        "holdfast_worker_age_seconds",
        "How long ago a worker did the heartbeat of a queue; +Inf if none ever has.",
        labels=["queue"],
    )
    for name, seen_at in heartbeats.list_seen().items():
        ages.add_metric([name], (timezone.now() - seen_at).total_seconds() if seen_at else float("inf"))
    yield ages


# Without the right to see other roles' a process knows only that these exist.
COUNT_CONNECTIONS = """
    SELECT coalesce(state, 'of another role'), count(*) FROM pg_stat_activity
     WHERE datname = current_database() GROUP BY 1
"""


def read_connections() -> Iterator[Metric]:
    """Yield how many connections the database has, by what they are doing."""
    connections = GaugeMetricFamily("holdfast_database_connections", "Connections to the database.", labels=["state"])
    with connection.cursor() as cursor:
        cursor.execute(COUNT_CONNECTIONS)
        for state, number in cursor:
            connections.add_metric([state], number)
    yield connections


def read_replicas() -> Iterator[Metric]:
    """Yield how far each replica is behind, by its number in REPLICA_URLS; infinitely, if that is not known."""
    lags = GaugeMetricFamily("holdfast_replica_lag_seconds", "How far a replica is behind.", labels=["replica"])
    for state in get_states():
        lags.add_metric([state.name.removeprefix("replica")], float("inf") if state.lag is None else state.lag)
    yield lags
