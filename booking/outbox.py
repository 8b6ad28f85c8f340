"""Work that must follow a commit, and only a commit: written in the transaction, done by a worker.

A message is done at least once: a claim that nobody finishes (a killed worker, an emptied Redis) lapses
and the message is due again. It is run once per claim, however often the broker delivers it.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from scheduling.slots import database_now

from .models import OutboxMessage

CLAIM = timedelta(seconds=60)  # longer than a task may run, see CELERY_TASK_TIME_LIMIT
BATCH = 200
# After the last of these the message has failed, until staff run it again.
BACKOFF = [timedelta(seconds=seconds) for seconds in (5, 30, 300, 1_800, 7_200, 28_800, 86_400)]
MOST_ATTEMPTS = len(BACKOFF) + 1

Status = OutboxMessage.Status
OPEN = [Status.WAITING, Status.QUEUED, Status.RUNNING]


def enqueue(kind, **payload):
    """Write a message of ``kind`` (a name in messages.HANDLERS); ``payload`` has ids, no personal data."""
    OutboxMessage.objects.create(kind=kind, payload={name: str(value) for name, value in payload.items()})


@transaction.atomic
def claim_due():
    """Claim the messages that are due and return their ids, to be run each by a worker."""
    now = database_now()
    due = OutboxMessage.objects.filter(status__in=OPEN, due_at__lte=now).order_by("due_at")
    # SKIP LOCKED: two relays at once share the work instead of claiming it twice.
    ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    OutboxMessage.objects.filter(pk__in=ids).update(status=Status.QUEUED, due_at=now + CLAIM)
    return ids


def start(message_id):
    """Return the claimed message to run, or None when somebody else runs or has run it."""
    queued = OutboxMessage.objects.filter(pk=message_id, status=Status.QUEUED)
    # Counted at the start: a message that kills its worker every time must not go on for ever.
    claim = {"status": Status.RUNNING, "due_at": database_now() + CLAIM, "attempts": F("attempts") + 1}
    if not queued.update(**claim):
        return None
    message = OutboxMessage.objects.get(pk=message_id)
    if message.attempts > MOST_ATTEMPTS:
        fail(message, "Its worker died every time.")
        return None
    return message


def finish(message):
    """Record that the message has been done."""
    OutboxMessage.objects.filter(pk=message.pk).update(status=Status.DONE, done_at=database_now(), last_error="")


def fail(message, reason):
    """Record that the message could not be done; it is tried again later, a limited number of times."""
    is_last = message.attempts >= MOST_ATTEMPTS
    # Only while the claim is ours: one that woke up late must not undo what another has done since.
    ours = OutboxMessage.objects.filter(pk=message.pk, status=Status.RUNNING, due_at=message.due_at)
    ours.update(
        status=Status.FAILED if is_last else Status.WAITING, last_error=reason[:500],
        due_at=database_now() + (timedelta() if is_last else BACKOFF[message.attempts - 1]),
    )


def retry(message):
    """Make a message due now, with all its tries again, unless it is done or somebody is at it."""
    idle = OutboxMessage.objects.filter(pk=message.pk).exclude(status__in=[Status.DONE, Status.RUNNING])
    idle.update(status=Status.WAITING, attempts=0, due_at=database_now())
