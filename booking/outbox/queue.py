"""Work that must follow a commit, and only a commit: written in its transaction, done by Celery's tasks.

The table is the truth, the broker only carries ids. A message is done at least once: relay claims it and hands it to
a task, the task renews the claim when it starts, and a claim that nobody settles (a killed worker, a broker that lost
its tasks) lapses a minute later, when the message is due again.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from booking.models import OutboxMessage, WebhookEndpoint
from booking.models.enums import Job
from booking.ops.tracing import get_carrier
from scheduling.lib.clock import database_now
from scheduling.lib.pipelined_postgresql import write_later

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)  # longer than any task takes
OVERDUE = timedelta(seconds=60)  # what has been due for so long waits for a broker or a worker that is away
RETENTION = timedelta(days=30)
# How long to wait after each failure; after one more the message has failed, until staff run it again.
BACKOFF = [timedelta(seconds=seconds) for seconds in (5, 30, 300, 1_800, 7_200, 28_800, 86_400)]
# In place of such a list: its handler tries for as long as it sees fit, and then gives up.
UNTIL_GIVEN_UP = None
MAX_ATTEMPTS = 10_000  # of those too: it must end, and PostgreSQL counts no further than 32,767

Status = OutboxMessage.Status


class RetryLater(Exception):
    """A handler's way to say that it could not be done now; ``after`` (a timedelta) is the soonest next try."""

    def __init__(self, reason, *, after=None):
        self.after = after or timedelta()
        super().__init__(reason)


class PermanentError(Exception):
    """A handler's way to say that trying again is of no use."""


class Handler(NamedTuple):
    """A job's function, and the delays between its attempts, or UNTIL_GIVEN_UP."""

    run: Callable[[OutboxMessage], None]
    waits: list[timedelta] | None = BACKOFF


class Outcome(NamedTuple):
    """How an attempt at a message went: its new ``status``, and if that is waiting, for how long."""

    message: OutboxMessage
    status: str
    error: str = ""
    wait: timedelta = timedelta()
    seconds: float = 0.0


# By hand: the ORM takes longer to build this statement than all the rest, and every change of a booking writes one.
ENQUEUE = """
    INSERT INTO booking_outboxmessage (id, kind, payload, status, due_at, attempts, last_error, created_at)
    VALUES (coalesce(%s, gen_random_uuid()), %s, %s, 'waiting', coalesce(%s, clock_timestamp()), 0, '',
            clock_timestamp())
"""


def enqueue(job: Job, *, id: UUID | None = None, due_at: datetime | None = None, **payload: Any) -> None:
    """Write a message that has a worker do ``job``, now or at ``due_at``; ``payload`` has ids, no personal data.

    Its id is random, unless it is given. Raises ValueError if there is no such job.
    """
    job = Job(job)
    payload = {name: str(value) for name, value in payload.items()} | get_carrier()
    write_later(ENQUEUE, [id, job, Jsonb(payload), due_at])


# A claim that is being made is waited for: what it has got is running by then, and stays.
DELETE_UNATTEMPTED = """
    DELETE FROM booking_outboxmessage
     WHERE id = ANY(%s) AND status = 'waiting' AND attempts = 0 RETURNING kind
"""


def delete_unattempted(ids: list[UUID]) -> list[str]:
    """Delete those messages that no worker has tried or been handed yet, and return their kinds."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE_UNATTEMPTED, [ids])
        return [kind for (kind,) in cursor.fetchall()]


class Batch(NamedTuple):
    """Messages that one task does: some of one endpoint's, or a single one of any other kind.

    ``queue`` is the id of their endpoint, or their family. ``claimed_until`` tells this claim from all others.
    """

    queue: UUID | str
    ids: list[UUID]
    due_ats: list[datetime]  # as they were before the claim
    claimed_until: datetime


# Every endpoint is a queue of its own, and so is every family of jobs: each has its room, so that a long one keeps
# none waiting. SKIP LOCKED: those who claim at once share the work. All rows of a claim have one due_at.
CLAIM_DUE = """
      WITH due AS (
    SELECT id, due_at FROM (
           SELECT message.id, message.due_at
             FROM unnest(%(families)s::text[], %(rooms)s::int[]) AS family(name, room)
            CROSS JOIN LATERAL (
                  SELECT id, due_at FROM booking_outboxmessage
                   WHERE endpoint_id IS NULL AND status IN ('waiting', 'running')
                     AND due_at <= (SELECT coalesce(%(due_by)s, clock_timestamp()))
                     AND kind = ANY(%(kinds)s) AND split_part(kind, '.', 1) = family.name
                   ORDER BY due_at LIMIT family.room FOR UPDATE SKIP LOCKED) AS message
            UNION ALL
           SELECT message.id, message.due_at
             FROM booking_webhookendpoint AS endpoint
             LEFT JOIN unnest(%(endpoints)s::uuid[], %(endpoint_rooms)s::int[]) AS known(id, room) USING (id)
            CROSS JOIN LATERAL (
                  SELECT id, due_at FROM booking_outboxmessage
                   WHERE endpoint_id = endpoint.id AND status IN ('waiting', 'running')
                     AND due_at <= (SELECT coalesce(%(due_by)s, clock_timestamp()))
                     AND kind = ANY(%(kinds)s)
                   ORDER BY due_at LIMIT coalesce(known.room, %(room)s) FOR UPDATE SKIP LOCKED) AS message
           ) AS queues)
    UPDATE booking_outboxmessage AS message
       SET status = 'running', due_at = (SELECT clock_timestamp()) + %(claim)s
      FROM due WHERE message.id = due.id
 RETURNING message.id, message.kind, message.endpoint_id, due.due_at, message.due_at
"""


def claim(
    *, jobs: list[str], rooms: dict[UUID | str, int] | None = None, room: int = 32, due_by: datetime | None = None
) -> list[Batch]:
    """Claim messages that are due, to be started before the claim lapses, and return them in Batches.

    Only of ``jobs``: what this program does not know is left to one that does. ``rooms`` says how many of a queue
    (see Batch) may be claimed, if that is not ``room``.
    """
    rooms = rooms or {}
    endpoints = {queue: count for queue, count in rooms.items() if not isinstance(queue, str)}
    families = sorted({get_family(job) for job in jobs})
    parameters = {
        "kinds": list(jobs),
        "families": families,
        "rooms": [rooms.get(family, room) for family in families],
        "endpoints": list(endpoints),
        "endpoint_rooms": list(endpoints.values()),
        "room": room,
        "due_by": due_by,
        "claim": CLAIM,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_DUE, parameters)
        # The longest due first.
        rows = sorted(cursor.fetchall(), key=lambda row: (str(row[2]), row[3]))
    batches = []
    for endpoint_id, group in groupby(rows, key=lambda row: row[2]):
        members = list(group)
        if endpoint_id:
            batches.append(_make_batch(endpoint_id, members))
        else:
            batches += [_make_batch(get_family(row[1]), [row]) for row in members]
    return batches


def _make_batch(queue, rows):
    ids, _, _, due_ats, claims = zip(*rows, strict=True)
    return Batch(queue, list(ids), list(due_ats), claims[0])


UNCLAIM = """
    UPDATE booking_outboxmessage AS message
       SET status = 'waiting', due_at = before.due_at
      FROM unnest(%s::uuid[], %s::timestamptz[]) AS before(id, due_at)
     WHERE message.id = before.id AND message.status = 'running' AND message.due_at = %s
"""


def unclaim(batch: Batch) -> None:
    """Make what no task has started as due as it was before."""
    with connection.cursor() as cursor:
        cursor.execute(UNCLAIM, [batch.ids, batch.due_ats, batch.claimed_until])


# By name: what a connection has prepared fails once a column is added to what * was.
COLUMNS = ", ".join(f"message.{field.column}" for field in OutboxMessage._meta.concrete_fields)
# An attempt is counted when it begins: a message that kills its worker every time must not go on for ever.
START = f"""
    UPDATE booking_outboxmessage AS message
       SET due_at = (SELECT clock_timestamp()) + %(claim)s, attempts = message.attempts + 1
     WHERE id = ANY(%(ids)s) AND status = 'running' AND due_at = %(claimed_until)s
 RETURNING {COLUMNS}
"""  # noqa: S608 names of our own


def start(ids: list[UUID], claimed_until: datetime) -> list[OutboxMessage]:
    """Renew the claim of a Batch and return its messages, without those that have been claimed by another since.

    Messages to one endpoint share its object.
    """
    parameters = {"ids": ids, "claimed_until": claimed_until, "claim": CLAIM}
    messages = sorted(OutboxMessage.objects.raw(START, parameters), key=lambda message: message.created_at)
    endpoint_ids = {message.endpoint_id for message in messages if message.endpoint_id}
    if endpoint_ids:
        endpoints = WebhookEndpoint.objects.in_bulk(endpoint_ids)
        for message in messages:
            message.endpoint = endpoints.get(message.endpoint_id)
        # Without one it has just been deleted.
        messages = [message for message in messages if message.endpoint or not message.endpoint_id]
    return messages


GIVE_BACK = """
    UPDATE booking_outboxmessage
       SET status = 'waiting', due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0)
     WHERE id = ANY(%s) AND status = 'running' AND due_at = %s
"""


def give_back(messages: list[OutboxMessage]) -> None:
    """Make messages of one Batch due now, which were started with it and never attempted."""
    if messages:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, [[message.pk for message in messages], messages[0].due_at])


class Running(NamedTuple):
    """How much of a queue is running: tasks, and whether they are slow: unproven, failing, or long at it."""

    tasks: int
    is_slow: bool


# A task of an endpoint has a due_at of its own, a task of a family one message.
COUNT_RUNNING = """
    SELECT message.endpoint_id, split_part(message.kind, '.', 1), count(*), count(DISTINCT message.due_at),
           bool_or(endpoint.answers_fast IS NOT TRUE OR message.due_at < clock_timestamp() + %s)
      FROM booking_outboxmessage AS message LEFT JOIN booking_webhookendpoint AS endpoint ON endpoint.id = endpoint_id
     WHERE status = 'running' AND due_at > (SELECT clock_timestamp())
     GROUP BY 1, 2
"""


def count_running(*, slow_after: timedelta) -> dict[UUID | str, Running]:
    """Return what runs of each queue; one whose task was handed over ``slow_after`` ago is slow."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_RUNNING, [CLAIM - slow_after])  # pyright: ignore[reportArgumentType]
        return {
            endpoint_id or family: Running(tasks if endpoint_id else messages, is_slow)
            for endpoint_id, family, messages, tasks, is_slow in cursor
        }


class DueEndpoint(NamedTuple):
    """An endpoint that has messages due."""

    id: UUID
    answers_fast: bool


# Those that fail come last; the others take turns.
DUE_ENDPOINTS = """
    SELECT id, answers_fast FROM booking_webhookendpoint AS endpoint
     WHERE EXISTS (
           SELECT FROM booking_outboxmessage
            WHERE endpoint_id = endpoint.id AND status IN ('waiting', 'running')
              AND due_at <= (SELECT clock_timestamp()))
     ORDER BY failing_since IS NOT NULL, random()
"""


def list_due_endpoints() -> list[DueEndpoint]:
    """Return the endpoints that have messages due, in the order in which they are to be given room."""
    with connection.cursor() as cursor:
        cursor.execute(DUE_ENDPOINTS)
        return [DueEndpoint(*row) for row in cursor]


# Of endpoints only those that are known to answer: others may be why their messages wait. What was claimed is not due,
# and is claimed again for ever if the workers of its queue are gone: then they have left no heartbeat while beat has.
OLDEST_DUE = """
    SELECT min(due_at) FROM (
           SELECT message.due_at
             FROM unnest(%s::text[]) AS family(name)
            CROSS JOIN LATERAL (
                  SELECT due_at FROM booking_outboxmessage
                   WHERE endpoint_id IS NULL AND status IN ('waiting', 'running')
                     AND split_part(kind, '.', 1) = family.name
                   ORDER BY due_at LIMIT 1) AS message
            UNION ALL
           SELECT message.due_at
             FROM booking_webhookendpoint AS endpoint
            CROSS JOIN LATERAL (
                  SELECT due_at FROM booking_outboxmessage
                   WHERE endpoint_id = endpoint.id AND status IN ('waiting', 'running')
                   ORDER BY due_at LIMIT 1) AS message
            WHERE endpoint.answers_fast AND endpoint.failing_since IS NULL
            UNION ALL
           SELECT heartbeat.seen_at
             FROM booking_heartbeat AS heartbeat JOIN booking_heartbeat AS beat ON beat.id = 1
            WHERE heartbeat.id <> 1 AND beat.seen_at >= clock_timestamp() - %s
              AND EXISTS (SELECT FROM booking_outboxmessage WHERE status = 'running' AND attempts = 0)
           ) AS message
     WHERE due_at < clock_timestamp() - %s
"""


def get_waiting_since() -> datetime | None:
    """Return since when messages have been due that nobody takes care of, or None when all is as it should be."""
    families = sorted({get_family(job) for job in Job})
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_DUE, [families, OVERDUE, OVERDUE])  # pyright: ignore[reportArgumentType]
        return cursor.fetchone()[0]  # pyright: ignore[reportOptionalSubscript]


def get_family(kind: str) -> str:
    """Return what stands before the dot of a kind."""
    return kind.partition(".")[0]


def attempt(message: OutboxMessage, handler: Handler) -> Outcome:
    """Run a claimed message with its Handler and return the Outcome, which is to be settled."""
    started = time.monotonic()
    try:
        if message.attempts > MAX_ATTEMPTS:
            raise PermanentError("It was tried too often.")
        if handler.waits is not UNTIL_GIVEN_UP and message.attempts > len(handler.waits) + 1:  # pyright: ignore
            raise PermanentError("Its worker died every time.")
        handler.run(message)
        outcome = Outcome(message, Status.DONE)
    except PermanentError as reason:
        outcome = Outcome(message, Status.FAILED, str(reason))
    except RetryLater as reason:
        outcome = _later(message, handler.waits, str(reason), reason.after)
    except Exception as error:  # noqa: BLE001 any error is stored with the message
        # The type alone: an error's text may quote an address.
        words = [type(error).__name__, getattr(error, "smtp_code", "")]
        outcome = _later(message, handler.waits, " ".join(map(str, filter(None, words))))
    # What the database refuses would keep all others from being settled.
    error = outcome.error.encode(errors="replace").decode().replace("\0", "")[:500]
    if error:
        logger.warning("message %s %s %s: %s", message.kind, message.pk, outcome.status, error)
    return outcome._replace(error=error, seconds=time.monotonic() - started)


def _later(message, waits, error, after=timedelta()):
    if waits is UNTIL_GIVEN_UP:
        return Outcome(message, Status.WAITING, error, after or BACKOFF[min(message.attempts, 3) - 1])
    if message.attempts > len(waits):
        return Outcome(message, Status.FAILED, error)
    return Outcome(message, Status.WAITING, error, max(after, waits[message.attempts - 1]))


# What was done counts, even if the claim had lapsed: otherwise what was sent would be sent again. A failure
# counts only while the claim is ours: one that woke up late must not undo what another has done since.
SETTLE = """
    UPDATE booking_outboxmessage AS message
       SET status = outcome.status, last_error = outcome.error, response_status = outcome.response_status,
           due_at = clock_timestamp() + outcome.wait,
           done_at = CASE outcome.status WHEN 'done' THEN clock_timestamp() END
      FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::interval[], %s::int[])
           AS outcome(id, claimed_until, status, error, wait, response_status)
     WHERE message.id = outcome.id
       AND (outcome.status = 'done' OR (message.status = 'running' AND message.due_at = outcome.claimed_until))
"""


def settle(outcomes: Iterable[Outcome]) -> None:
    """Write down how attempts went, and each message's ``response_status`` as its handler left it."""
    rows = [
        (message.pk, message.due_at, str(status), error, wait, message.response_status)
        for message, status, error, wait, _ in outcomes
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(SETTLE, [list(column) for column in zip(*rows, strict=True)])


def retry(message: OutboxMessage) -> bool:
    """Make a message due now, with all its tries again; return False if it is done or somebody is at it."""
    idle = OutboxMessage.objects.filter(pk=message.pk).exclude(status__in=[Status.DONE, Status.RUNNING])
    return idle.update(status=Status.WAITING, attempts=0, due_at=database_now()) == 1


# In batches: one statement for all would hold on to a month's rows at once.
FORGET = """
    DELETE FROM booking_outboxmessage WHERE id IN (
           SELECT id FROM booking_outboxmessage
            WHERE created_at < clock_timestamp() - %s AND status IN ('done', 'failed')
              AND (status = 'done' OR endpoint_id IS NOT NULL)
            LIMIT 5000)
"""


def forget_old_messages() -> None:
    """Delete what was done, and the deliveries that failed, when they are a month old; other failures stay."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [RETENTION])  # pyright: ignore[reportArgumentType]
        while cursor.rowcount:
            cursor.execute(FORGET, [RETENTION])  # pyright: ignore[reportArgumentType]
