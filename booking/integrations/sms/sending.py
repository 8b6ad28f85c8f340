"""Hand text messages to the gateway, and note how far they get."""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from booking.access.phone_numbers import allow_text, can_be_texted, uncount_text
from booking.access.sms_links import report_token
from booking.integrations.sms import get_gateway
from booking.integrations.sms.base import Rejected, Report, Text, Unavailable
from booking.integrations.sms.gsm import simplify
from booking.models import OutboxMessage, TextMessage
from booking.outbox.queue import PermanentError, RetryLater
from scheduling.lib.encrypted_field import decrypt

# What comes an hour late is of no use.
RETRY_DELAYS = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900, 1_800)]

Status = TextMessage.Status


def send_text_message(message: OutboxMessage) -> None:
    """Send the text that a message has."""
    number, body = (decrypt(message.payload[name]) for name in ("number", "body"))
    text = TextMessage.objects.filter(pk=message.pk).first()
    if text is None:
        return  # its patient has been erased
    if not number:
        raise _fail(text, "unreadable")
    expires_at = message.payload.get("expires_at")
    if expires_at and datetime.fromisoformat(expires_at) <= timezone.now():
        raise _fail(text, "expired")
    if not can_be_texted(number):
        raise _fail(text, "not allowed")
    if not deliver(message, text, number, body, is_typed=bool(message.payload["is_proof"])):
        raise _fail(text, "limit")


def deliver(message: OutboxMessage, text: TextMessage, number: str, body: str, *, is_typed: bool = False) -> bool:
    """Hand a text to the gateway; return False if its number has had enough texts today.

    Raises RetryLater, or PermanentError when the gateway refuses it or was tried for the last time.
    """
    if text.status != Status.QUEUED:
        return True  # sent by a worker that died before it could say so
    if not allow_text(number, is_typed=is_typed):
        return False
    try:
        gateway_id = get_gateway().send(Text(text.pk, number, simplify(body), _get_callback_url(text)))
    except Unavailable as error:
        uncount_text(number)
        if message.attempts > len(RETRY_DELAYS):
            raise _fail(text, "unavailable") from error
        raise RetryLater(str(error), after=error.after) from error
    except Rejected as error:
        uncount_text(number)
        raise _fail(text, error.code) from error
    # The gateway may have reported already.
    TextMessage.objects.filter(pk=text.pk).update(gateway_id=gateway_id[:100])
    queued = TextMessage.objects.filter(pk=text.pk, status=Status.QUEUED)
    queued.update(status=Status.SENT, updated_at=timezone.now())
    return True


def note_report(text: TextMessage, report: Report) -> None:
    """Store what the gateway reports. What was delivered stays so: reports may come in any order."""
    undecided = TextMessage.objects.filter(pk=text.pk).exclude(status=Status.DELIVERED)
    undecided.update(status=report.status, error=report.error[:100], updated_at=timezone.now())


def _fail(text, code):
    note_report(text, Report(Status.FAILED, code))
    return PermanentError(f"The text was not sent: {code}.")


def _get_callback_url(text):
    """Return where the gateway may report on a text, "" if SITE_URL is not set."""
    path = reverse("sms-report", args=[report_token(text.pk)])
    return settings.SITE_URL + path if settings.SITE_URL else ""
