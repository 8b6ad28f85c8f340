"""What a patient would be sent if a stranded visit were settled in one way or another, before anything happens."""

import re
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import get_language, get_language_info

from booking.integrations.email.appointment_emails import compose_mail, get_stranded_context, get_visit_context
from booking.integrations.message_texts import find_text
from booking.integrations.sms.appointment_texts import word_stranded_offer
from booking.models import Appointment, Hold, MessageKind, OutboxMessage, StrandedPlan, StrandedVisit
from scheduling.lib.languages import use_language

# A link is its patient's: staff see that there is one.
SECRET = re.compile(r"(/[a-z-]+/)[A-Za-z0-9_-]{40,}")


class Preview(NamedTuple):
    """A message as its patient would get it; ``subject`` is empty of a text message."""

    channel: str
    to: str
    language: str
    code: str
    subject: str
    body: str


def preview_offer(plan: StrandedPlan, visit: StrandedVisit, holds: Sequence[Hold]) -> list[Preview]:
    """Return what the patient of a visit would be sent with an offer of ``holds``."""
    appointment, found = visit.appointment, []
    with use_language(appointment.language):
        if plan.by_email and appointment.attendee_email:
            context = get_stranded_context(visit, appointment, holds, name=_get_name(appointment))
            found.append(_preview_mail(MessageKind.STRANDED_OFFER, appointment, context))
        if plan.by_text and appointment.attendee_phone:
            body = word_stranded_offer(appointment, holds, link=f"{settings.SITE_URL}/another-time/…")
            found.append(_make("Text message", appointment.attendee_phone, "", body))
    return found


def preview_move(appointment: Appointment, hold: Hold) -> list[Preview]:
    """Return what the patient would be sent once the appointment had the time of ``hold``."""
    moved = copy(appointment)
    for name in ("clinician", "location", "is_remote", "starts_at", "ends_at"):
        setattr(moved, name, getattr(hold, name))
    return _preview_visit(MessageKind.RESCHEDULED, moved, {"invites": moved.status not in Appointment.TENTATIVE})


def preview_cancellation(plan: StrandedPlan, appointment: Appointment) -> list[Preview]:
    """Return what the patient would be sent if the appointment were cancelled, with the clinic's message."""
    cancelled = copy(appointment)
    cancelled.status, cancelled.cancellation_reason = Appointment.Status.CANCELLED, plan.reason
    return _preview_visit(MessageKind.CANCELLED, cancelled, {"clinic_says": plan.message})


def _preview_visit(kind, appointment, more):
    if not appointment.attendee_email:
        return []
    with use_language(appointment.language):
        context = get_visit_context(appointment, name=_get_name(appointment)) | more
        return [_preview_mail(kind, appointment, context)]


def _get_name(appointment):
    return "" if appointment.is_unproven else appointment.contact_name or appointment.attendee_name


def _preview_mail(kind, appointment, context):
    mail = compose_mail(OutboxMessage(), kind, appointment.attendee_email, context, find_text(kind))
    return _make("E-mail", appointment.attendee_email, mail.subject, str(mail.body))


def _make(channel, to, subject, body):
    code = get_language() or settings.LANGUAGE_CODE
    name = get_language_info(code)["name"]
    return Preview(channel, to, name, code, subject, SECRET.sub(r"\1…", body).strip())
