"""The outbox's handlers: HANDLERS has a line for every Job.

A task calls a handler with a message. A handler bounds itself and returns well within queue.CLAIM. It is idempotent
by ``message.pk``: it may be called again for a message that it has done. It returns when the work is done, or raises
queue.RetryLater or queue.PermanentError; their reasons are stored and shown to staff, so they have no personal data.
Any other exception means: retry later. ``message.endpoint`` is loaded and shared by a task's messages: never change
it. Set ``message.response_status`` to store an HTTP status with a delivery.
"""

from booking.domain import approval_sync, contact_codes, reminders, stranded_plans
from booking.integrations import message_samples
from booking.integrations.calendars.push import push_appointment
from booking.integrations.email import appointment_emails, staff_emails
from booking.integrations.sms import sending
from booking.integrations.webhooks import delivery
from booking.models import OutboxMessage
from booking.models.enums import Job
from booking.ops.tracing import message_span
from booking.outbox import queue
from booking.outbox.queue import Handler

# The word before the dot names a queue: messages of one queue never wait for those of another.
HANDLERS: dict[str, Handler] = {
    Job.CALENDAR_PUSH: Handler(push_appointment),
    Job.EMAIL_APPOINTMENT_REQUESTED: Handler(appointment_emails.send_appointment_requested),
    Job.EMAIL_VERIFY_ADDRESS: Handler(appointment_emails.send_verify_address),
    Job.EMAIL_BOOKING_LINK: Handler(appointment_emails.send_booking_link),
    Job.EMAIL_CONTACT_CODE: Handler(contact_codes.send_code),
    Job.EMAIL_APPOINTMENT_CONFIRMED: Handler(appointment_emails.send_appointment_confirmed),
    Job.EMAIL_APPOINTMENT_RESCHEDULED: Handler(appointment_emails.send_appointment_rescheduled),
    Job.EMAIL_APPOINTMENT_CANCELLED: Handler(appointment_emails.send_appointment_cancelled),
    Job.EMAIL_ALSO_BOOKED: Handler(appointment_emails.send_also_booked),
    Job.EMAIL_CHANGE_REFUSED: Handler(staff_emails.send_change_refused),
    Job.EMAIL_ENDPOINT_DISABLED: Handler(staff_emails.send_endpoint_disabled),
    Job.EMAIL_TIME_OFF_ASKED: Handler(staff_emails.send_time_off_asked),
    Job.EMAIL_TIME_OFF_ANSWERED: Handler(staff_emails.send_time_off_answered),
    Job.EMAIL_ORDER_LINK: Handler(appointment_emails.send_order_link),
    Job.EMAIL_RESET_LINK: Handler(staff_emails.send_reset_link),
    Job.EMAIL_STAFF_INVITATION: Handler(staff_emails.send_invitation),
    Job.EMAIL_REMINDER: Handler(reminders.send_due_reminder),
    Job.SMS_REMINDER: Handler(reminders.send_due_reminder, sending.RETRY_DELAYS),
    Job.SMS_TEXT: Handler(sending.send_text_message, sending.RETRY_DELAYS),
    Job.EMAIL_TEST_MESSAGE: Handler(message_samples.send_test_message),
    Job.EMAIL_APPOINTMENT_LINKS: Handler(appointment_emails.send_appointment_links),
    Job.EMAIL_WAITLIST_CONFIRM: Handler(appointment_emails.send_waitlist_confirm),
    Job.EMAIL_WAITLIST_OFFER: Handler(appointment_emails.send_waitlist_offer),
    Job.EMAIL_STRANDED_OFFER: Handler(appointment_emails.send_stranded_offer),
    Job.STRANDED_STEP: Handler(stranded_plans.run_message),
    Job.APPROVER_SYNC: Handler(approval_sync.sync, queue.UNTIL_GIVEN_UP),
    Job.APPROVER_WITHDRAW: Handler(approval_sync.withdraw, queue.UNTIL_GIVEN_UP),
    Job.APPROVER_FORGET: Handler(approval_sync.forget, queue.UNTIL_GIVEN_UP),
    Job.WEBHOOK_EVENT: Handler(delivery.deliver, delivery.RETRY_DELAYS),
}


def attempt(message: OutboxMessage) -> queue.Outcome:
    """Run a claimed message and return its Outcome, for queue.settle."""
    with message_span(message.kind, message.payload, message=str(message.pk), attempt=message.attempts) as note:
        outcome = queue.attempt(message, HANDLERS.get(message.kind, UNKNOWN))
        note(outcome=str(outcome.status), response_status=message.response_status)
    return outcome


def _refuse_unknown(message):
    raise queue.RetryLater("This worker is of a release that does not know that job.")


UNKNOWN = Handler(_refuse_unknown, queue.UNTIL_GIVEN_UP)
