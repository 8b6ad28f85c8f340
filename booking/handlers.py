"""Who does what the outbox asks for: HANDLERS has a line for every kind of message.

A handler is called with the message, in a thread of a worker, and must return well within outbox.CLAIM.
It may be called again for a message it has done: what it does must be the same by ``message.pk``.
It returns when the work is done, raises outbox.TryAgain or outbox.GiveUp (their reasons are kept and shown,
so they have no personal data), and anything else it raises means: try again later.
``message.endpoint`` is there already and shared by many threads: it is only to be read. An HTTP status to be
kept with a delivery goes into ``message.response_status``. One that asks the database pays for a connection
of its own each time: nothing for a mail, too much for every delivery.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from . import answering, outbox
from .calendars.push import push
from .messages import email, staff
from .webhooks import delivery


class Handler(NamedTuple):
    """``waits`` are those between the tries, or outbox.UNTIL_GIVEN_UP."""

    run: Callable
    waits: list[timedelta] | None = outbox.BACKOFF


# What stands before the dot is a queue: messages of one never wait for those of another.
HANDLERS = {
    "calendar.push": Handler(push),
    "email.appointment_requested": Handler(email.appointment_requested),
    "email.appointment_confirmed": Handler(email.appointment_confirmed),
    "email.appointment_rescheduled": Handler(email.appointment_rescheduled),
    "email.appointment_cancelled": Handler(email.appointment_cancelled),
    "email.change_refused": Handler(staff.change_refused),
    "email.endpoint_disabled": Handler(staff.endpoint_disabled),
    "email.order_link": Handler(email.order_link),
    "provider.sync": Handler(answering.sync, outbox.UNTIL_GIVEN_UP),
    "provider.take_back": Handler(answering.take_back, outbox.UNTIL_GIVEN_UP),
    "webhook.event": Handler(delivery.deliver, delivery.WAITS),
}


def attempt(message):
    """Run a claimed message and return the Outcome, which is to be settled."""
    return outbox.attempt(message, HANDLERS[message.kind])
