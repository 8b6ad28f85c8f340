"""Who does what the outbox asks for: HANDLERS has a line for every Job.

A handler is called with the message, in a task, and bounds itself: it must return well within queue.CLAIM.
It may be called again for a message it has done: what it does must be the same by ``message.pk``.
It returns when the work is done, raises queue.RetryLater or queue.PermanentError (their reasons are kept and shown,
so they have no personal data), and anything else it raises means: try again later.
``message.endpoint`` is there already and shared by the messages of a task: it is only to be read. An HTTP status to
be kept with a delivery goes into ``message.response_status``.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from booking.domain import approval_sync
from booking.integrations.calendars.push import push
from booking.integrations.email import appointment_emails, staff_emails
from booking.integrations.webhooks import delivery
from booking.models.enums import Job
from booking.outbox import queue


class Handler(NamedTuple):
    """``waits`` are those between the tries, or queue.UNTIL_GIVEN_UP."""

    run: Callable
    waits: list[timedelta] | None = queue.BACKOFF


# What stands before the dot is a queue: messages of one never wait for those of another.
HANDLERS = {
    Job.CALENDAR_PUSH: Handler(push),
    Job.EMAIL_APPOINTMENT_REQUESTED: Handler(appointment_emails.appointment_requested),
    Job.EMAIL_APPOINTMENT_CONFIRMED: Handler(appointment_emails.appointment_confirmed),
    Job.EMAIL_APPOINTMENT_RESCHEDULED: Handler(appointment_emails.appointment_rescheduled),
    Job.EMAIL_APPOINTMENT_CANCELLED: Handler(appointment_emails.appointment_cancelled),
    Job.EMAIL_CHANGE_REFUSED: Handler(staff_emails.change_refused),
    Job.EMAIL_ENDPOINT_DISABLED: Handler(staff_emails.endpoint_disabled),
    Job.EMAIL_ORDER_LINK: Handler(appointment_emails.order_link),
    Job.APPROVER_SYNC: Handler(approval_sync.sync, queue.UNTIL_GIVEN_UP),
    Job.APPROVER_WITHDRAW: Handler(approval_sync.withdraw, queue.UNTIL_GIVEN_UP),
    Job.WEBHOOK_EVENT: Handler(delivery.deliver, delivery.RETRY_DELAYS),
}


def attempt(message):
    """Run a claimed message and return the Outcome, which is to be settled."""
    return queue.attempt(message, HANDLERS[message.kind])
