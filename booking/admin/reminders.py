"""The reminders and text messages of an appointment, on its page."""

from booking.models import Appointment, Reminder, TextMessage
from scheduling.lib.timezones import format_local


def list_messages(appointment: Appointment) -> list[tuple[str, str, str]]:
    """Return rows of when, what and how it went: reminders, then other texts about the appointment."""
    zone = appointment.location.zone
    texts = {text.pk: text for text in appointment.text_messages.all()}
    rows = [
        (
            format_local(reminder.settled_at or reminder.due_at, zone, unless=zone),
            f"Reminder by {reminder.get_channel_display()}",
            describe_reminder(reminder, texts.pop(reminder.pk, None)),
        )
        for reminder in appointment.reminders.all()
    ]
    others = [
        (format_local(text.created_at, zone, unless=zone), f"Text: {text.get_purpose_display()}", describe_text(text))
        for text in texts.values()
    ]
    return rows + others


def describe_reminder(reminder: Reminder, text: TextMessage | None) -> str:
    """Return how a reminder went: as far as the gateway knows, if it was a text."""
    if reminder.status == Reminder.Status.SKIPPED:
        return f"not sent: {reminder.get_skip_reason_display()}"
    return describe_text(text) if text else reminder.get_status_display()


def describe_text(text: TextMessage) -> str:
    """Return how far a text got, with the gateway's code if it failed."""
    return f"{text.get_status_display()} ({text.error})" if text.error else text.get_status_display()
