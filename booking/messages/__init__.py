"""Messages to people, one module per way of reaching them. HANDLERS names what the outbox can run."""

from . import email

HANDLERS = {
    "email.appointment_confirmed": email.appointment_confirmed,
    "email.appointment_rescheduled": email.appointment_rescheduled,
    "email.appointment_cancelled": email.appointment_cancelled,
}
