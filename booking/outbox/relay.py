"""Between the outbox's table and Celery: the relay hands over what is due, and a task does what it was handed.

Room is counted in the table, as rows that are running: no endpoint and no family of jobs takes more than its share of
the workers, and webhooks together take half. Endpoints that are slow or unproven share half of that, a task each.
Whatever is handed over is small enough to begin at once, so next to nothing waits in the broker.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from booking.integrations.webhooks.endpoints import record_speed
from booking.outbox import queue
from booking.outbox.handlers import HANDLERS, attempt
from booking.outbox.queue import Batch, DueEndpoint, Running
from scheduling.lib.clock import database_now

logger = logging.getLogger(__name__)

BUSY_PAUSE = 0.03  # seconds between two looks at what is due, while there is anything
SLOW_THRESHOLD = 1.0  # seconds until an answer, beyond which an endpoint is slow
BATCH_SECONDS = 4.0  # a task begins no further message after so long
# A task of a proven endpoint that has been running for longer waits for an answer.
SLOW_AFTER = timedelta(seconds=BATCH_SECONDS + SLOW_THRESHOLD)
FAST_BATCH, SLOW_BATCH = 32, 4  # messages in a task

# In tasks, of all those that can run at once.
FAMILY_ROOM = max(1, settings.DELIVERY_THREADS // 8)
WEBHOOK_ROOM = max(2, settings.DELIVERY_THREADS // 2)
SLOW_ROOM = WEBHOOK_ROOM // 2
ENDPOINT_ROOM = max(1, WEBHOOK_ROOM // 4)

LOCK = 0x686F6C64  # of PostgreSQL's advisory locks: one relay counts and claims at a time
SETTLE_TIMEOUT = 30.0  # seconds that a task waits for a database that is away, to write down what it has done

# Which of Celery's queues a family of jobs goes to; messages to endpoints are all of one family.
QUEUES = {
    "email": "email",
    "sms": "email",
    "webhook": "webhooks",
    "provider": "approvers",
    "calendar": "calendars",
    "stranded": "default",
}


def get_celery_queue(batch: Batch) -> str:
    """Return the name of the queue for the task of a batch."""
    return QUEUES[batch.queue] if isinstance(batch.queue, str) else QUEUES["webhook"]


def relay_due(publish: Callable[[Batch], None], *, timeout: float) -> None:
    """Claim what is due and ``publish`` it as tasks; while there is anything, look again for ``timeout`` seconds.

    What cannot be published is due as it was before, and the error raised.
    """
    deadline, is_busy = time.monotonic() + timeout, False
    while True:
        batches = claim_batches()
        _publish_all(batches, publish)
        is_busy = is_busy or bool(batches)
        if not is_busy or time.monotonic() + BUSY_PAUSE > deadline:
            return
        time.sleep(BUSY_PAUSE)


def _publish_all(batches, publish):
    for number, batch in enumerate(batches):
        try:
            publish(batch)
        except Exception:
            # This one may have arrived all the same: then its task finds that it was claimed anew, or not at all.
            for unpublished in batches[number:]:
                queue.unclaim(unpublished)
            raise


@transaction.atomic
def claim_batches() -> list[Batch]:
    """Claim as much of what is due as there is room for; nothing while another relay is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:  # pyright: ignore[reportOptionalSubscript]
            return []
    rooms = allot_room(queue.list_due_endpoints(), queue.count_running(slow_after=SLOW_AFTER))
    return queue.claim(jobs=list(HANDLERS), rooms=rooms, room=0)


def allot_room(due: list[DueEndpoint], running: dict[UUID | str, Running]) -> dict[UUID | str, int]:
    """Return how many more tasks each family may have, and how many messages the next task of an endpoint."""
    idle = Running(0, is_slow=False)
    rooms = {family: max(0, FAMILY_ROOM - running.get(family, idle).tasks) for family in QUEUES}
    of_endpoints = [each for name, each in running.items() if not isinstance(name, str)]
    free = WEBHOOK_ROOM - sum(each.tasks for each in of_endpoints)
    free_for_slow = SLOW_ROOM - sum(each.tasks for each in of_endpoints if each.is_slow)
    for endpoint in due:
        now = running.get(endpoint.id, idle)
        if free <= 0:
            break
        if endpoint.answers_fast and not now.is_slow and now.tasks < ENDPOINT_ROOM:
            rooms[endpoint.id] = FAST_BATCH  # pyright: ignore[reportArgumentType]
            free -= 1
        elif not endpoint.answers_fast and now.tasks == 0 and free_for_slow > 0:
            rooms[endpoint.id] = SLOW_BATCH  # pyright: ignore[reportArgumentType]
            free -= 1
            free_for_slow -= 1
    return rooms  # pyright: ignore[reportReturnType]


def run(ids: list[UUID], claimed_until: datetime, *, timeout: float = BATCH_SECONDS) -> int:
    """Do the messages of a batch and return how many were attempted.

    The rest is given back after the first that took long, or when ``timeout`` seconds have passed.
    """
    deadline = time.monotonic() + timeout
    messages, outcomes = queue.start(ids, claimed_until), []
    for message in messages:
        outcomes.append(attempt(message))
        if outcomes[-1].seconds > SLOW_THRESHOLD or time.monotonic() > deadline:
            break
    _write_down(outcomes, messages[len(outcomes) :])
    return len(outcomes)


def _write_down(outcomes, left):
    # It was done, and would be done again if nobody knew: so a database that is away is waited for.
    deadline, is_waiting = time.monotonic() + SETTLE_TIMEOUT, False
    while True:
        try:
            queue.settle(outcomes)
            queue.give_back(left)
            if outcomes and (endpoint := outcomes[-1].message.endpoint):
                has_arrived = outcomes[-1].status == queue.Status.DONE
                record_speed(endpoint, answers_fast=has_arrived and outcomes[-1].seconds < SLOW_THRESHOLD)
            return
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            if not is_waiting:
                logger.warning("the outbox waits for the database: %s", type(error).__name__)
            is_waiting = True
            connection.close()
            time.sleep(BUSY_PAUSE)


def run_due() -> int:
    """Do here and now, without Celery, what is due at this moment; return how many messages were attempted."""
    now, number = database_now(), 0
    while batches := queue.claim(jobs=list(HANDLERS), due_by=now):
        number += sum(run(batch.ids, batch.claimed_until, timeout=float("inf")) for batch in batches)
    return number
