"""E-mail to attendees and to patients with an order, as text and HTML.

A subject never names the service: it can be read on a locked phone.
"""

from collections.abc import Sequence
from datetime import timedelta
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from functools import partial, wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.access.email_addresses import allow_email, get_email_id, uncount_email
from booking.access.patient_links import (
    PROOF_LIFETIME,
    appointment_token,
    entry_token,
    get_offer_path,
    get_stranded_path,
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
from booking.integrations.email.sender import get_envelope_sender, get_sender, make_headers
from booking.integrations.email.undeliverable import find_refusal, note_undeliverable
from booking.integrations.message_texts import describe_appointment, describe_time, fill, find_text
from booking.models import (
    UNRESTRICTED,
    AnswerSheet,
    Appointment,
    Event,
    Hold,
    MessageKind,
    MessageText,
    Order,
    OutboxMessage,
    Question,
    StrandedVisit,
    UndeliverableMail,
    WaitlistEntry,
    WaitlistOffer,
    get_branding,
)
from booking.models.enums import EventKind
from booking.outbox.queue import PermanentError
from patients.text import isolate
from scheduling.lib.encrypted_field import decrypt
from scheduling.lib.languages import split_path, use_language

Status, Reason = Appointment.Status, Appointment.CancellationReason
NOT_CONFIRMED = [Reason.DECLINED, Reason.NOT_ACKNOWLEDGED]
MAX_LINKS = 20  # in one e-mail
SUBJECTS = {
    MessageKind.REQUESTED: gettext_lazy("Your request at %(clinic)s, %(when)s"),
    MessageKind.VERIFY: gettext_lazy("Please confirm your booking at %(clinic)s"),
    MessageKind.CONFIRMED: gettext_lazy("Your appointment at %(clinic)s, %(when)s"),
    MessageKind.REMINDER: gettext_lazy("Reminder: your appointment at %(clinic)s, %(when)s"),
    MessageKind.RESCHEDULED: gettext_lazy("New time: your appointment at %(clinic)s, %(when)s"),
    MessageKind.CANCELLED: gettext_lazy("Cancelled: your appointment at %(clinic)s, %(when)s"),
    MessageKind.NOT_CONFIRMED: gettext_lazy("Not confirmed: your request at %(clinic)s, %(when)s"),
    MessageKind.ALSO_BOOKED: gettext_lazy("You also have another appointment at %(clinic)s"),
    MessageKind.ORDER_LINK: gettext_lazy("Choose your time at %(clinic)s"),
    MessageKind.BOOKING_LINK: gettext_lazy("Your link to the free times at %(clinic)s"),
    MessageKind.APPOINTMENT_LINKS: gettext_lazy("Your appointments at %(clinic)s"),
    MessageKind.WAITLIST_CONFIRM: gettext_lazy("Please confirm your place on the waiting list at %(clinic)s"),
    MessageKind.WAITLIST_OFFER: gettext_lazy("A time is free for you at %(clinic)s, %(when)s"),
    MessageKind.STRANDED_OFFER: gettext_lazy("Please choose another time: your appointment at %(clinic)s, %(when)s"),
    MessageKind.CONTACT_CODE: gettext_lazy("Your code for %(clinic)s"),
}


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
        _send_to_attendee(message, appointment, "appointment_requested")


@_in_language_of_appointment
def send_appointment_confirmed(message: OutboxMessage) -> None:
    """Tell the attendee time, place and what to bring."""
    appointment = _get_appointment(message)
    if appointment.status != Status.CANCELLED:  # otherwise only the cancellation is sent
        _send_to_attendee(message, appointment, "appointment_confirmed", invites=True)


@_in_language_of_appointment
def send_appointment_rescheduled(message: OutboxMessage) -> None:
    """Tell the attendee the new time."""
    appointment = _get_appointment(message)
    if appointment.status != Status.CANCELLED:
        invites = appointment.status not in Appointment.TENTATIVE
        _send_to_attendee(message, appointment, "appointment_rescheduled", invites=invites)


@_in_language_of_appointment
def send_appointment_cancelled(message: OutboxMessage) -> None:
    """Tell the attendee that the appointment was cancelled, or the request not confirmed."""
    appointment = _get_appointment(message)
    if appointment.status != Status.CANCELLED:
        return  # undone just now: what says so is a message of its own
    is_declined = appointment.cancellation_reason in NOT_CONFIRMED
    template = "appointment_not_confirmed" if is_declined else "appointment_cancelled"
    cancelled = {"settled_at__isnull": False, "outcome": StrandedVisit.Outcome.CANCELLED}
    told = StrandedVisit.objects.filter(appointment=appointment, **cancelled).order_by("-since")
    words = {"clinic_says": told.values_list("message", flat=True).first() or ""}
    # An upstream system may decline what it had confirmed.
    _send_to_attendee(message, appointment, template, invites=_was_confirmed(appointment), links=words)


def send_reminder_email(message: OutboxMessage, appointment: Appointment) -> bool:
    """Remind the attendee of a visit; return False if their address has had enough mails today."""
    token = appointment_token(appointment)
    mailed = {"mailed": verification_token(appointment)}
    links = {
        "coming": _get_url(reverse("widget:coming", args=[token])),
        "no_reminders": _get_url(reverse("widget:no_reminders", args=[token], query=mailed)),
    }
    return _send_to_attendee(message, appointment, "appointment_reminder", links=links)


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
    is_stranger = appointment.is_unproven
    context = {
        "appointment": appointment,
        "name": "" if is_stranger else patient.contact_name or str(patient),
        "visits": visits,
    }
    _send(message, _make_mail(message, "also_booked", patient.email, context), is_limited=is_stranger)


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
            "name": order.patient.contact_name or str(order.patient),
            "link": _get_url(reverse("widget:order", args=[token])),
            "last_day": timezone.localtime(order.link_ends_at).date(),
        }
        _send(message, _make_mail(message, "order_link", order.patient.email, context), is_limited=False)


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
    _send(message, _make_mail(message, "verify_address", appointment.attendee_email, context), is_limited=True)


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
        _send(message, _make_mail(message, "booking_link", address, context), is_limited=True)


def send_appointment_links(message: OutboxMessage) -> None:
    """Send the links of the coming appointments that were booked with an address, if there are any.

    One that waits for its verification has the link for that: who reads this mail reads the other.
    """
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    address = decrypt(message.payload["address"])
    if not address:
        raise PermanentError("The SECRET_KEY that it was written with is gone.")
    rows = Appointment.objects.select_related("service", "clinician", "location", "order").filter(UNRESTRICTED)
    rows = rows.filter(attendee_email__iexact=address, status__in=Appointment.UPCOMING, starts_at__gt=timezone.now())
    # The database takes a dotless i (U+0131) for an i, and so somebody else's domain for that of the address.
    theirs = [visit for visit in rows.order_by("starts_at") if visit.attendee_email.lower() == address]
    visits = [visit for visit in theirs[:MAX_LINKS] if not visit.is_unanswered(timezone.now())]
    if not visits:
        return
    with use_language(message.payload["language"]):
        context = {"name": "", "visits": [(visit, _get_link(visit), visit.awaits_verification) for visit in visits]}
        _send(message, _make_mail(message, "appointment_links", address, context), is_limited=True)


def _get_link(appointment):
    if not appointment.awaits_verification:
        return _get_page(appointment)
    return _get_url(reverse("widget:verify", args=[verification_token(appointment)]))


def send_waitlist_confirm(message: OutboxMessage) -> None:
    """Ask who reads the mail of a wish's address to press the link that it waits for."""
    entry = _get_entry(message)
    if entry and entry.status == WaitlistEntry.Status.UNCONFIRMED:
        with use_language(entry.language):
            context = {"entry": entry, "name": "", "link": _get_url(reverse("widget:wish", args=[entry_token(entry)]))}
            _send(message, _make_mail(message, "waitlist_confirm", entry.email, context), is_limited=True)


def send_waitlist_offer(message: OutboxMessage) -> None:
    """Offer who waits a time that is held for them."""
    entry = _get_entry(message)
    offers = WaitlistOffer.objects.select_related("hold__service", "hold__clinician", "hold__location")
    offer = offers.filter(pk=message.payload["offer"], outcome=WaitlistOffer.Outcome.OPEN).first()
    if entry is None or offer is None or not offer.hold.is_live(timezone.now()):
        return  # given back or passed on since
    token = decrypt(message.payload["token"])
    if not token:
        raise PermanentError("The SECRET_KEY that it was written with is gone.")
    with use_language(entry.language):
        context = {
            "hold": offer.hold,
            "moves": entry.appointment,
            "name": entry.name,
            "link": _get_url(get_offer_path(entry, token)),
            "page": _get_url(reverse("widget:wish", args=[entry_token(entry)])),
        }
        _send(message, _make_mail(message, "waitlist_offer", entry.email, context), is_limited=False)


@_in_language_of_appointment
def send_stranded_offer(message: OutboxMessage) -> None:
    """Offer the patient of a stranded visit the times that are held for them, if these are still the latest."""
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    appointment = _get_appointment(message)
    visit = StrandedVisit.objects.filter(pk=message.payload["visit"], settled_at=None).first()
    holds = Hold.objects.filter(stranded_offer__visit=visit, status=Hold.Status.ACTIVE, expires_at__gt=timezone.now())
    holds = list(holds.select_related("service", "clinician", "location").order_by("starts_at", "pk"))
    if visit is None or message.payload["first"] not in [str(hold.pk) for hold in holds]:
        return  # settled, answered, lapsed, or offered others since
    writer = appointment.contact_name or appointment.attendee_name
    context = get_stranded_context(visit, appointment, holds, name="" if appointment.is_unproven else writer)
    mail = _make_mail(message, "stranded_offer", appointment.attendee_email, context)
    _send(message, mail, is_limited=appointment.is_unproven)


def get_stranded_context(
    visit: StrandedVisit, appointment: Appointment, holds: Sequence[Hold], *, name: str
) -> dict[str, Any]:
    """Return the template context of the e-mail that offers ``holds`` instead of a visit."""
    visit.appointment = appointment
    return get_visit_context(appointment, name=name) | {
        "holds": holds,
        "link": _get_url(get_stranded_path(visit)),
    }


def _get_entry(message):
    """Return the wish that a message is about, or None: it may be gone."""
    if not settings.SITE_URL:
        raise PermanentError("SITE_URL is not set.")
    entries = WaitlistEntry.objects.select_related("service", "appointment__location", "appointment__clinician")
    return entries.filter(pk=message.payload["entry"]).first()


def send_contact_code(message: OutboxMessage, address: str, *, code: str, minutes: int) -> None:
    """Send the code that proves that its reader has the address."""
    context = {"name": "", "code": code, "minutes": minutes}
    _send(message, _make_mail(message, "contact_code", address, context), is_limited=True)


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


def _send_to_attendee(message, appointment, template, *, invites=False, links=None):
    """Send a mail about an appointment; return False if none may be sent to its attendee."""
    if not appointment.attendee_email:
        return False  # booked by another system without an address
    is_stranger = appointment.is_unproven
    writer = appointment.contact_name or appointment.attendee_name
    context = get_visit_context(appointment, name="" if is_stranger else writer, invites=invites)
    mail = _make_mail(message, template, appointment.attendee_email, context | (links or {}))
    if invites:
        _attach_invitation(mail, appointment, name=context["name"])
    return _send(message, mail, is_limited=is_stranger)


def get_visit_context(appointment: Appointment, *, name: str, invites: bool = False) -> dict[str, Any]:
    """Return the template context of an e-mail about an appointment; it greets ``name``, if that is told."""
    return {
        "appointment": appointment,
        "name": name,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "invites": invites,
        "can_change": appointment.can_change(timezone.now()),
        "page": _get_page(appointment),
        "place_page": _get_place_page(appointment),
        "times": _get_url(get_times_path(appointment)),
        "questions_page": partial(_get_questions_page, appointment),  # asked by few mails
    }


def _get_place_page(appointment):
    """Return the address of the page that says how to get there; None where nobody goes anywhere."""
    goes = not appointment.is_remote and not appointment.is_at_home and appointment.location.is_active
    return _get_url(reverse("widget:location", args=[appointment.location_id])) if goes else None


def _get_questions_page(appointment):
    """Return the page of its questions, where there are some and none is answered yet, or ""."""
    is_asked = (
        Question.asked_for(appointment.service_id).exists()
        and not AnswerSheet.objects.filter(appointment=appointment.pk).exists()
    )
    return _get_url(reverse("widget:questions", args=[appointment_token(appointment)])) if is_asked else ""


def _send(message, mail, *, is_limited):
    """Send a mail; of those that a stranger causes only so many a day to an address: return whether it was sent.

    One that the mail server refuses for good is noted, and raises PermanentError.
    """
    [address] = mail.to
    if is_limited and not allow_email(address):
        return False
    try:
        mail.send()
    except Exception as error:
        if is_limited:
            uncount_email(address)  # it is tried again, or was never received
        if code := find_refusal(error):
            note_undeliverable(message, UndeliverableMail.Source.REFUSED, code)
            raise PermanentError(f"The mail server refuses it for good: {code}.") from error
        raise
    return True


def _make_mail(message, template, to, context):
    return compose_mail(message, template, to, context, find_text(template))


def compose_mail(
    message: OutboxMessage, template: str, to: str, context: dict[str, Any], text: MessageText | None
) -> EmailMultiAlternatives:
    """Return an e-mail of the template's kind, in the active language, with the clinic's ``text`` if it has one."""
    name, appointment, branding = context["name"], context.get("appointment"), get_branding()
    words = text and fill(text, _get_values(context))
    subject = (words and words.subject) or _write_subject(template, appointment or context.get("hold"))
    greeting = _("Dear %(name)s,") % {"name": isolate(name)} if name else _("Hello,")
    context = context | {
        "clinic_name": branding.name,
        "accent": branding.accent,
        "link_style": f"color:{branding.accent}",
        "subject": subject,
        "greeting": greeting,
        "text": words,
    }
    location = appointment and appointment.location
    mail = _Mail(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context) + render_to_string("email/_legal.txt"),
        from_email=get_envelope_sender(),
        to=[to],
        reply_to=[location.email] if location and location.email else [],
        headers=make_headers(message) | {"From": get_sender()},
    )
    mail.attach_alternative(render_to_string(f"email/{template}.html", context), "text/html")
    return mail


def _write_subject(template, booking):
    when = format_date(booking.patient_start, _("D j F Y, H:i")) if booking else ""
    return SUBJECTS[template] % {"clinic": get_branding().name, "when": when}


def _get_values(context):
    """Return what the clinic's own words may name of a mail."""
    values = {"patient": isolate(context["name"]), "clinic": get_branding().name}
    if "appointment" in context:
        appointment = context["appointment"]
        values |= describe_appointment(appointment, name=context["name"] and appointment.attendee_name)
    if "hold" in context:
        values |= describe_time(context["hold"], name=context["name"])
    for about in ("order", "entry"):
        if about in context:
            values["service"] = isolate(context[about].service.translate("name"))
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
