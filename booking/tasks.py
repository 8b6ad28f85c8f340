"""What Celery runs: thin wrappers around the verbs and the messages."""

from celery import shared_task
from django.utils import timezone

from booking.models import Heartbeat
from booking.ops import idempotency
from booking.outbox import queue
from scheduling.calendars import syncing


@shared_task
def sync_due_calendars():
    """Every half minute: read the clinicians' own calendars that are due."""
    syncing.sync_due_calendars()


@shared_task
def forget_old_answers():
    """Every hour: delete the answers that were kept for a day, in case their request was sent again."""
    idempotency.forget_old_answers()


@shared_task
def forget_old_messages():
    """Every hour: delete what was done or delivered a month ago."""
    queue.forget_old_messages()


@shared_task
def beat():
    """Every few seconds: leave a sign that beat, broker, worker and database work together."""
    Heartbeat.objects.update_or_create(id=1, defaults={"seen_at": timezone.now()})
