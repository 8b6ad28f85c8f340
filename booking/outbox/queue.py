"""Work that must follow a commit, and only a commit: written in the transaction, done by a worker.

A message is done at least once. Whoever runs it has claimed it for a minute; a claim that nobody settles
(a killed worker) lapses and the message is due again. Nothing but the database knows what is to be done.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from psycopg.types.json import Jsonb

from booking.models import OutboxMessage, WebhookEndpoint
from booking.models.enums import Job
from scheduling.lib.clock import database_now

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)  # longer than any handler takes
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
    VALUES (gen_random_uuid(), %s, %s, 'waiting', coalesce(%s, clock_timestamp()), 0, '', clock_timestamp())
"""


def enqueue(job: Job, *, due_at: datetime | None = None, **payload) -> None:
    """Write a message that has a worker do ``job``, now or at ``due_at``; ``payload`` has ids, no personal data.

    Raises ValueError if there is no such job.
    """
    job = Job(job)
    payload = {name: str(value) for name, value in payload.items()}
    with connection.cursor() as cursor:
        cursor.execute(ENQUEUE, [job, Jsonb(payload), due_at])


# By name: what a connection has prepared fails once a column is added to what * was.
COLUMNS = ", ".join(f"message.{field.column}" for field in OutboxMessage._meta.concrete_fields)
# Every endpoint is a queue of its own, and so is what kinds have before their dot: each has its room, so that
# a long one keeps none waiting. SKIP LOCKED: those who claim at once share the work. An attempt is counted
# when it begins: a message that kills its worker every time must not go on for ever.
CLAIM_DUE = f"""
      WITH due AS (
    SELECT id FROM (
           SELECT message.id
             FROM unnest(%(families)s::text[], %(rooms)s::int[]) AS family(name, room)
            CROSS JOIN LATERAL (
                  SELECT id FROM booking_outboxmessage
                   WHERE endpoint_id IS NULL AND status IN ('waiting', 'running')
                     AND due_at <= (SELECT clock_timestamp())
                     AND kind = ANY(%(kinds)s) AND split_part(kind, '.', 1) = family.name
                   ORDER BY due_at LIMIT family.room FOR UPDATE SKIP LOCKED) AS message
            UNION ALL
           SELECT message.id
             FROM (SELECT id FROM booking_webhookendpoint ORDER BY random()) AS endpoint
             LEFT JOIN unnest(%(endpoints)s::uuid[], %(endpoint_rooms)s::int[]) AS known(id, room) USING (id)
            CROSS JOIN LATERAL (
                  SELECT id FROM booking_outboxmessage
                   WHERE endpoint_id = endpoint.id AND status IN ('waiting', 'running')
                     AND due_at <= (SELECT clock_timestamp())
                     AND kind = ANY(%(kinds)s)
                   ORDER BY due_at LIMIT coalesce(known.room, %(room)s) FOR UPDATE SKIP LOCKED) AS message
           ) AS queues
     LIMIT %(limit)s)
    UPDATE booking_outboxmessage AS message
       SET status = 'running', due_at = clock_timestamp() + %(claim)s, attempts = message.attempts + 1
      FROM due WHERE message.id = due.id
 RETURNING {COLUMNS}
"""  # noqa: S608 names of our own


def claim(*, kinds, rooms=None, room=32, limit=128):
    """Claim up to ``limit`` messages that are due, to be run before the claim lapses, and return them.

    Only of ``kinds``: what this program does not know is left to one that does. ``rooms`` says how many of
    a queue (see queue_of) may be claimed, if that is not ``room``. Messages to one endpoint share its object.
    """
    rooms = rooms or {}
    endpoints = {queue: count for queue, count in rooms.items() if not isinstance(queue, str)}
    families = sorted({get_family(kind) for kind in kinds})
    parameters = {
        "kinds": list(kinds),
        "families": families,
        "rooms": [rooms.get(family, room) for family in families],
        "endpoints": list(endpoints),
        "endpoint_rooms": list(endpoints.values()),
        "room": room,
        "limit": limit,
        "claim": CLAIM,
    }
    messages = list(OutboxMessage.objects.raw(CLAIM_DUE, parameters))
    deliveries = [message for message in messages if message.endpoint_id]
    if deliveries:
        told = WebhookEndpoint.objects.in_bulk({message.endpoint_id for message in deliveries})
        messages = [one for one in messages if not one.endpoint_id or one.endpoint_id in told]  # else just deleted
        for message in deliveries:
            message.endpoint = told.get(message.endpoint_id)
    return messages


def get_queue(message):
    """Return the queue that a message waits in: the id of its endpoint, or its kind's family as text."""
    return message.endpoint_id or get_family(message.kind)


def get_family(kind):
    """Return what stands before the dot of a kind."""
    return kind.partition(".")[0]


def attempt(message, handler):
    """Run a claimed message with its Handler and return the Outcome, which is to be settled."""
    started = time.monotonic()
    try:
        if message.attempts > MAX_ATTEMPTS:
            raise PermanentError("It was tried too often.")
        if handler.waits is not UNTIL_GIVEN_UP and message.attempts > len(handler.waits) + 1:
            raise PermanentError("Its worker died every time.")
        handler.run(message)
        outcome = Outcome(message, Status.DONE)
    except PermanentError as reason:
        outcome = Outcome(message, Status.FAILED, str(reason))
    except RetryLater as reason:
        outcome = _later(message, handler.waits, str(reason), reason.after)
    except Exception as error:  # noqa: BLE001 whatever it is, it is kept with the message
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


def settle(outcomes):
    """Write down how attempts went, and each message's ``response_status`` as its handler left it."""
    rows = [
        (message.pk, message.due_at, str(status), error, wait, message.response_status)
        for message, status, error, wait, _ in outcomes
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(SETTLE, [list(column) for column in zip(*rows, strict=True)])


def retry(message):
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


def forget_old_messages():
    """Delete what was done, and the deliveries that failed, when they are a month old; other failures stay."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [RETENTION])
        while cursor.rowcount:
            cursor.execute(FORGET, [RETENTION])
