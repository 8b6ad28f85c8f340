"""E-mail to attendees and to patients with an order, as text and HTML.

A subject never names the service: it can be read on a locked phone.
"""

from datetime import timedelta
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.access.email_addresses import allow_email, get_email_id, uncount_email
from booking.access.patient_links import (
    PROOF_LIFETIME,
    appointment_token,
    get_times_path,
    order_token,
    proof_token,
    verification_token,
)
from booking.integrations.calendars.event import (
    Party,
    annotate_sequence,
    get_invitation_method,
    make_patient_entry,
    write_calendar,
)
from booking.integrations.email.sender import make_headers
from booking.integrations.message_texts import describe_appointment, find_words
from booking.models import Appointment, Event, Order, OutboxMessage
from booking.models.enums import EventKind
from booking.outbox.queue import PermanentError
from patients.text import isolate
from scheduling.lib.encrypted_field import decrypt
from scheduling.lib.languages import split_path, use_language

Status, Reason, Verification = Appointment.Status, Appointment.CancellationReason, Appointment.Verification
# Booked by somebody who may have typed another's address and any name: mails about it name nobody and are few.
UNPROVEN = [Verification.WAIVED, *Appointment.AWAITING_VERIFICATION]
NOT_CONFIRMED = [Reason.DECLINED, Reason.NOT_ACKNOWLEDGED]


def _in_language_of_appointment(send):
    """Return a handler that writes in the language of the appointment that its message is about."""

    @wraps(send)
    def handler(message: OutboxMessage) -> None:
        appointments = Appointment.objects.filter(pk=message.payload["appointment"])
        with use_language(appointments.values_list("language", flat=True).first() or ""):
            send(message)

    return handler


@_in_language_of_appointment
def send_appointment_requested(message: OutboxMessage) -> None:
    """Tell the attendee who was asked to approve, and when to expect an answer."""
    appointment = _get_appointment(message)
    if appointment.status in Appointment.TENTATIVE:  # otherwise a later message tells the outcome
        _send_to_attendee(message, appointment, "appointment_requested", _("Your request at %(clinic)s, %(when)s"))


@_in_language_of_appointment
def send_appointment_confirmed(message: OutboxMessage) -> None:
    """Tell the attendee time, place and what to bring."""
    appointment = _get_appointment(message)
    if appointment.status != Status.CANCELLED:  # otherwise only the cancellation is sent
        subject = _("Your appointment at %(clinic)s, %(when)s")
        _send_to_attendee(message, appointment, "appointment_confirmed", subject, invites=True)


@_in_language_of_appointment
def send_appointment_rescheduled(message: OutboxMessage) -> None:
    """Tell the attendee the new time."""
    appointment = _get_appointment(message)
    if appointment.status != Status.CANCELLED:
        invites = appointment.status not in Appointment.TENTATIVE
        subject = _("New time: your appointment at %(clinic)s, %(when)s")
        _send_to_attendee(message, appointment, "appointment_rescheduled", subject, invites=invites)


@_in_language_of_appointment
def send_appointment_cancelled(message: OutboxMessage) -> None:
    """Tell the attendee that the appointment was cancelled, or the request not confirmed."""
    appointment = _get_appointment(message)
    if appointment.cancellation_reason in NOT_CONFIRMED:
        template, subject = "appointment_not_confirmed", _("Not confirmed: your request at %(clinic)s, %(when)s")
    else:
        template, subject = "appointment_cancelled", _("Cancelled: your appointment at %(clinic)s, %(when)s")
    # An upstream system may decline what it had confirmed.
    _send_to_attendee(message, appointment, template, subject, invites=_was_confirmed(appointment))


def _was_confirmed(appointment):
    """Return whether it was ever confirmed, so that its attendee may have an invitation."""
    kinds = [EventKind.APPOINTMENT_CREATED, EventKind.APPOINTMENT_UPDATED]
    events = Event.objects.filter(subject_id=appointment.pk, kind__in=kinds)
    return events.filter(to_status=Status.CONFIRMED).exists()


@_in_language_of_appointment
def send_also_booked(message: OutboxMessage) -> None:
    """Tell the patient which other visits they have at the time of an appointment, or of its kind on its day.

    It goes to the address on the patient's record only: whoever booked may be somebody else.
    """
    appointment = _get_appointment(message)
    rows = Appointment.objects.select_related("service", "clinician", "location")
    others = rows.filter(pk__in=message.payload["others"].split(), status__in=Appointment.STANDING)
    patient = appointment.patient
    if not patient.email or appointment.status not in Appointment.STANDING or not others:
        return  # one of them has been cancelled since
    visits = [(visit, _get_page(visit)) for visit in (appointment, *others)]
    is_stranger = appointment.verification in UNPROVEN
    context = {"appointment": appointment, "name": "" if is_stranger else str(patient), "visits": visits}
    subject = _("You also have another appointment at %(clinic)s") % {"clinic": settings.CLINIC_NAME}
    _send(_make_mail(message, "also_booked", subject, patient.email, context), is_limited=is_stranger)


def _get_page(appointment):
    return _get_url(reverse("widget:appointment", args=[appointment_token(appointment)]))


def send_order_link(message: OutboxMessage) -> None:
    """Send an order's patient the link to book it."""
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    order = Order.objects.select_related("service", "patient").get(pk=message.payload["order"])
    token = order_token(order)
    if (
        token is None
        or order.link_ends_at <= timezone.now()  # pyright: ignore[reportOptionalOperand]
        or order.get_booked_appointment()
        or not order.patient.email
    ):
        return  # revoked, expired or booked since
    visits = Appointment.objects.filter(patient=order.patient).order_by("-created_at")
    with use_language(visits.values_list("language", flat=True).first() or ""):
        context = {
            "order": order,
            "name": str(order.patient),
            "link": _get_url(reverse("widget:order", args=[token])),
            "last_day": timezone.localtime(order.link_ends_at).date(),
        }
        subject = _("Choose your time at %(clinic)s") % {"clinic": settings.CLINIC_NAME}
        _make_mail(message, "order_link", subject, order.patient.email, context).send()


@_in_language_of_appointment
def send_verify_address(message: OutboxMessage) -> None:
    """Ask who reads the mail of an appointment's address to press the link that it waits for."""
    appointment = _get_appointment(message)
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    if appointment.status != Status.PENDING or not appointment.awaits_verification:
        return  # pressed, lapsed or cancelled since
    context = {
        "appointment": appointment,
        "name": "",
        "link": _get_url(reverse("widget:verify", args=[verification_token(appointment)])),
    }
    subject = _("Please confirm your booking at %(clinic)s") % {"clinic": settings.CLINIC_NAME}
    mail = _make_mail(message, "verify_address", subject, appointment.attendee_email, context)
    _send(mail, is_limited=True)


def send_booking_link(message: OutboxMessage) -> None:
    """Send the link to the free times that proves that its reader has the address."""
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    address, path = (decrypt(message.payload[name]) for name in ("address", "path"))
    if not address:
        raise PermanentError("The SECRET_KEY that it was written with is gone.")
    proof = urlencode({"proof": proof_token(get_email_id(address))})
    context = {
        "name": "",
        "link": _get_url(f"{path}{'&' if '?' in path else '?'}{proof}"),
        "hours": PROOF_LIFETIME // timedelta(hours=1),
    }
    with use_language(split_path(path)[0]):
        subject = _("Your link to the free times at %(clinic)s") % {"clinic": settings.CLINIC_NAME}
        _send(_make_mail(message, "booking_link", subject, address, context), is_limited=True)


class _Mail(EmailMultiAlternatives):
    def message(self):
        message = super().message()
        for part in message.walk():
            if part.get_param("method"):
                # As RFC 6047 writes it, for those who compare text: all of its values may stand without quotes.
                part.replace_header("Content-Type", part["Content-Type"].replace('"', ""))
        return message


def _get_appointment(message):
    related = ("service", "clinician", "location", "provider", "order")
    return annotate_sequence(Appointment.objects.select_related(*related)).get(pk=message.payload["appointment"])


def _send_to_attendee(message, appointment, template, subject, *, invites=False):
    if not appointment.attendee_email:
        return  # booked by another system without an address
    is_stranger = appointment.verification in UNPROVEN
    context = {
        "appointment": appointment,
        "name": "" if is_stranger else appointment.attendee_name,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "invites": invites,
        "can_change": appointment.can_change(timezone.now()),
        "page": _get_page(appointment),
        "times": _get_url(get_times_path(appointment)),
    }
    when = format_date(appointment.local_start, _("D j F Y, H:i"))
    subject = subject % {"clinic": settings.CLINIC_NAME, "when": when}
    mail = _make_mail(message, template, subject, appointment.attendee_email, context)
    if invites:
        _attach_invitation(mail, appointment, name=context["name"])
    _send(mail, is_limited=is_stranger)


def _send(mail, *, is_limited):
    """Send a mail; of those that a stranger causes only so many a day to an address, and no more say nothing."""
    [address] = mail.to
    if is_limited and not allow_email(address):
        return
    try:
        mail.send()
    except Exception:
        if is_limited:
            uncount_email(address)  # it is tried again
        raise


def _make_mail(message, template, subject, to, context):
    name = context["name"]
    greeting = _("Dear %(name)s,") % {"name": isolate(name)} if name else _("Hello,")
    text = find_words(template, lambda: _get_values(context))
    if text and text.subject:
        subject = text.subject
    context |= {"clinic_name": settings.CLINIC_NAME, "subject": subject, "greeting": greeting, "text": text}
    location = context["appointment"].location if "appointment" in context else None
    mail = _Mail(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context) + render_to_string("email/_legal.txt"),
        to=[to],
        reply_to=[location.email] if location and location.email else [],
        headers=make_headers(message),
    )
    mail.attach_alternative(render_to_string(f"email/{template}.html", context), "text/html")
    return mail


def _get_values(context):
    """Return what the clinic's own words may name of a mail."""
    values = {"patient": isolate(context["name"]), "clinic": settings.CLINIC_NAME}
    if "appointment" in context:
        values |= describe_appointment(context["appointment"], name=context["name"])
    if "order" in context:
        values["service"] = isolate(str(context["order"].service))
    return values


def _attach_invitation(mail, appointment, *, name):
    """Add the invitation to a visit, or its cancellation, in both of the places where programs look for one.

    Gmail, Outlook and Apple Mail act on an alternative to the text, the last one, if its type names the same method as
    its content. Programs without a calendar show the file, which has another type so that nobody takes it for a second
    invitation.
    """
    entry = make_patient_entry(appointment, site=settings.SITE_URL, is_invitation=True)
    # Programs show an address without a name as it is.
    entry = entry._replace(attendee=Party(name, appointment.attendee_email))
    method = get_invitation_method(entry)
    content = write_calendar([entry], method=method)
    mail.attach_alternative(content.decode(), f"text/calendar; method={method}")
    file = MIMEBase("application", "ics", method=method)
    file.set_payload(content)
    encode_base64(file)
    file.add_header("Content-Disposition", "attachment", filename="invite.ics")
    mail.attach(file)


def _get_url(path):
    """Return the absolute URL of a patient's page, or "" if SITE_URL is not set."""
    return settings.SITE_URL + path if settings.SITE_URL and path else ""
