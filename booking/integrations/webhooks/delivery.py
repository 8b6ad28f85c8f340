"""Deliver an event to an endpoint: one attempt, and the consequences of its outcome.

A delivery is an OutboxMessage with an endpoint. Its id is the ``webhook-id`` of every attempt.
"""

from datetime import timedelta
from typing import cast

from django.utils import timezone

from booking.access.signatures import sign
from booking.integrations.webhooks.endpoints import IS_DISABLED, clear_failures, disable, get_secrets, record_failure
from booking.integrations.webhooks.formats import FORMATS
from booking.models import OutboxMessage, WebhookEndpoint
from booking.outbox.queue import PermanentError, RetryLater
from booking.outbox.retry import parse_retry_after
from scheduling.lib.safe_http import NotPublic, Unreachable, send

# The delay before each attempt, as docs/webhooks.md documents it.
ATTEMPT_DELAYS = [
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
RETRY_DELAYS = ATTEMPT_DELAYS[1:]
TIMEOUT = 15.0


def deliver(message: OutboxMessage, *, timeout: float = TIMEOUT) -> None:
    """Send a delivery to its endpoint; raise RetryLater or PermanentError unless the answer is 2xx.

    Sets ``message.response_status``, to None without an answer.
    """
    endpoint = cast(WebhookEndpoint, message.endpoint)
    message.response_status = None
    if endpoint.disabled_at:
        raise PermanentError(IS_DISABLED)
    body = FORMATS[endpoint.format](message)
    if body is None:
        return
    now = timezone.now()
    headers = sign(get_secrets(endpoint, now=now), message_id=message.pk, at=now, body=body)
    try:
        # Store only the answer's status: its body may repeat personal data.
        answer = send(
            "POST",
            endpoint.url,
            body=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=timeout,
            limit=0,
        )
    except (NotPublic, Unreachable) as error:
        record_failure(endpoint, at=now)
        raise RetryLater(str(error) or "its address is not public") from error
    message.response_status = answer.status
    if 200 <= answer.status < 300:
        if endpoint.failing_since is not None:
            clear_failures(endpoint)
    elif answer.status == 410:
        disable(endpoint, because="It answered 410: it wants no more.")
        raise PermanentError("HTTP 410")
    else:
        record_failure(endpoint, at=now)
        raise RetryLater(f"HTTP {answer.status}", after=parse_retry_after(answer, now=now))
