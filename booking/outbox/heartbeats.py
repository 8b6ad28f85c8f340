"""Whether each of Celery's queues has a worker: beat sends a task through it, which leaves a heartbeat in the database.

What the outbox hands over does not tell: a message that nobody begins is handed over again when its claim lapses.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from booking.models import Heartbeat

STALE_AFTER = timedelta(seconds=60)
IDS = {"default": 1, "email": 2, "webhooks": 3, "approvers": 4, "calendars": 5}  # the first is beat's own


def record(queue: str | None) -> None:
    """Write down that a worker of ``queue`` is there; of the default one if it is unknown."""
    id = IDS.get(queue or "", IDS[settings.CELERY_TASK_DEFAULT_QUEUE])
    Heartbeat.objects.update_or_create(id=id, defaults={"seen_at": timezone.now()})


def list_seen() -> dict[str, datetime | None]:
    """Return when each queue had its last heartbeat, or None if it never had one."""
    seen = dict(Heartbeat.objects.values_list("id", "seen_at"))
    return {queue: seen.get(id) for queue, id in IDS.items()}


def list_stopped() -> list[str]:
    """Return the queues without a worker, which mean something only while beat itself is not late."""
    oldest = timezone.now() - STALE_AFTER
    return [queue for queue, seen_at in list_seen().items() if seen_at is None or seen_at < oldest]
