"""What Celery runs: thin wrappers around the verbs and the messages."""

import logging

from celery import shared_task
from django.utils import timezone

from . import holds, idempotency, outbox
from .messages import HANDLERS
from .models import Heartbeat

logger = logging.getLogger(__name__)


@shared_task
def expire_holds():
    """Every ten seconds: mark the holds that have run out and announce them."""
    holds.expire_holds()


@shared_task
def relay_outbox():
    """Every second: hand the messages that are due to the workers."""
    for message_id in outbox.claim_due():
        run_message.delay(str(message_id))


@shared_task
def run_message(message_id):
    """Do one outbox message."""
    message = outbox.start(message_id)
    if message is None:
        return
    try:
        HANDLERS[message.kind](message)
    except Exception as error:  # noqa: BLE001 whatever it is, it is kept with the message
        # The type alone: an error's text may quote an address.
        logger.warning("message %s %s failed: %s", message.kind, message.pk, type(error).__name__)
        outbox.fail(message, " ".join(map(str, filter(None, [type(error).__name__, getattr(error, "smtp_code", "")]))))
    else:
        outbox.finish(message)


@shared_task
def forget_old_answers():
    """Every hour: delete the answers that were kept for a day, in case their request was sent again."""
    idempotency.forget_old_answers()


@shared_task
def beat():
    """Every few seconds: leave a sign that beat, broker, worker and database work together."""
    Heartbeat.objects.update_or_create(id=1, defaults={"seen_at": timezone.now()})
