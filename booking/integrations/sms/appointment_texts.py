"""Texts about appointments: short, and without what others must not see on a locked phone."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from booking.access.sms_links import reminder_token
from booking.access.tokens import hash_token
from booking.integrations.message_texts import describe_appointment, fill, find_text
from booking.integrations.sms.sending import deliver
from booking.models import Appointment, Hold, MessageText, OutboxMessage, Reminder, TextMessage, get_branding
from booking.models.message_texts import MessageKind

MAX_NAME = 40  # of the clinic, so that a text is no longer than one message


def send_reminder_text(message: OutboxMessage, reminder: Reminder) -> bool:
    """Send a reminder by text; return False if its number has had enough texts today. Raises as ``deliver`` does."""
    appointment = reminder.appointment
    text, _is_new = TextMessage.objects.get_or_create(
        pk=message.pk, defaults={"appointment": appointment, "purpose": TextMessage.Purpose.REMINDER}
    )
    number, words = appointment.attendee_phone, write_reminder(reminder)
    # Somebody has proved the number, but perhaps not who has booked with it.
    return deliver(message, text, number, words, is_typed=appointment.is_unproven)


def write_reminder(reminder: Reminder) -> str:
    """Return the words of a reminder, the clinic's own if it has any, and store the hash of the short link in it."""
    appointment, link = reminder.appointment, ""
    if settings.SITE_URL:
        token = reminder_token(reminder)
        Reminder.objects.filter(pk=reminder.pk).update(link_hash=hash_token(token))
        link = settings.SITE_URL + reverse("widget:short", args=[token])
    return word_reminder(appointment, link=link, text=find_text(MessageKind.TEXT_REMINDER))


def word_reminder(appointment: Appointment, *, link: str, text: MessageText | None) -> str:
    """Return the words of a reminder, in the active language: those of the clinic's ``text`` if it has one."""
    clinic = Truncator(get_branding().name).chars(MAX_NAME)
    if text:
        values = describe_appointment(appointment, name="") | {"clinic": clinic, "link": link}
        if words := fill(text, values).opening:
            return words
    words = {"clinic": clinic, "when": format_date(appointment.patient_start, _("D j M, H:i")), "link": link}
    if not link:
        return _("%(clinic)s: your appointment is on %(when)s.") % words
    return _("%(clinic)s: your appointment is on %(when)s. Coming? Change or cancel: %(link)s") % words


def word_offer(hold: Hold, *, link: str) -> str:
    """Return the words of the offer of a time that is held for who waits, in the active language."""
    return _("%(clinic)s: %(when)s is free. We hold it for you until %(until)s: %(link)s") % {
        "clinic": Truncator(get_branding().name).chars(MAX_NAME),
        "when": format_date(hold.local_start, _("D j M, H:i")),
        "until": format_date(hold.expires_at.astimezone(hold.location.zone), _("D j M, H:i")),
        "link": link,
    }


def word_stranded_offer(appointment: Appointment, holds: Sequence[Hold], *, link: str) -> str:
    """Return the words that offer other times instead of a visit's, in the active language."""
    last = max(holds, key=lambda hold: hold.expires_at)
    return _("%(clinic)s: your visit on %(when)s has to change. Please choose another time by %(until)s: %(link)s") % {
        "clinic": Truncator(get_branding().name).chars(MAX_NAME),
        "when": format_date(appointment.patient_start, _("D j M, H:i")),
        "until": format_date(last.expires_at.astimezone(last.location.zone), _("D j M, H:i")),
        "link": link,
    }
