"""Delivering an event to an endpoint: one try, and what follows from how it went.

A delivery is an OutboxMessage with an endpoint. Its id is its ``webhook-id``, at every try.
"""

from datetime import timedelta

from django.utils import timezone

from scheduling.outbound import NotPublic, Unreachable, send

from ..outbox import GiveUp, TryAgain
from ..retry_after import wait_asked_for
from ..signing import sign
from .connected import connected
from .endpoints import IS_DISABLED, disable, note_failure, note_success, secrets_of
from .formats import FORMATS

# When it is tried: each after the one before. docs/webhooks.md tells receivers of it.
TRIES = [
    timedelta(0), timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
WAITS = TRIES[1:]
TIMEOUT = 15.0


def deliver(message, *, within=TIMEOUT):
    """Send a delivery to its endpoint; raises TryAgain or GiveUp unless it was answered with a 2xx.

    ``message.response_status`` is left as what it was answered with, None for no answer.
    """
    endpoint, message.response_status = message.endpoint, None
    if endpoint.disabled_at:
        raise GiveUp(IS_DISABLED)
    body = FORMATS[endpoint.format](message)
    if body is None:
        return
    now = timezone.now()
    headers = sign(secrets_of(endpoint, now=now), message_id=message.pk, at=now, body=body)
    try:
        # Of its answer nothing is read, and nothing kept but the status: who knows what it repeats.
        answer = send(
            "POST", endpoint.url, body=body, headers={"Content-Type": "application/json", **headers},
            within=within, most=0,
        )
    except (NotPublic, Unreachable) as error:
        with connected():
            note_failure(endpoint, at=now)
        raise TryAgain(str(error) or "its address is not public") from error
    message.response_status = answer.status
    if 200 <= answer.status < 300:
        if endpoint.failing_since is not None:
            with connected():
                note_success(endpoint)
    elif answer.status == 410:
        with connected():
            disable(endpoint, because="It answered 410: it wants no more.")
        raise GiveUp("HTTP 410")
    else:
        with connected():
            note_failure(endpoint, at=now)
        raise TryAgain(f"HTTP {answer.status}", after=wait_asked_for(answer, now=now))
