"""E-mail to the person who comes to an appointment, and to the patient of an order: as text and as HTML.

A subject does not say what it is about: it is read on a locked phone.
"""

from email.mime.text import MIMEText

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.access.patient_links import appointment_token, get_times_path, order_token
from booking.integrations.calendars.event import entry_for_patient, with_sequence, write_calendar
from booking.models import Appointment, Order
from booking.outbox.queue import PermanentError

Status, Reason = Appointment.Status, Appointment.CancellationReason
NOT_CONFIRMED = [Reason.DECLINED, Reason.NOT_ACKNOWLEDGED]


def appointment_requested(message):
    """Tell the attendee who has been asked, and until when they hear."""
    appointment = _appointment(message)
    if appointment.status in Appointment.TENTATIVE:  # else there is other news by now, with a message of its own
        _send(message, appointment, "appointment_requested", _("Your request at %(clinic)s, %(when)s"))


def appointment_confirmed(message):
    """Tell the attendee time, place and what to bring."""
    appointment = _appointment(message)
    if appointment.status != Status.CANCELLED:  # cancelled before this left: then only that is news
        subject = _("Your appointment at %(clinic)s, %(when)s")
        _send(message, appointment, "appointment_confirmed", subject, has_file=True)


def appointment_rescheduled(message):
    """Tell the attendee the new time."""
    appointment = _appointment(message)
    if appointment.status != Status.CANCELLED:
        has_file = appointment.status not in Appointment.TENTATIVE
        subject = _("New time: your appointment at %(clinic)s, %(when)s")
        _send(message, appointment, "appointment_rescheduled", subject, has_file=has_file)


def appointment_cancelled(message):
    """Tell the attendee that the appointment is off, or that what was asked for could not be had."""
    appointment = _appointment(message)
    if appointment.cancellation_reason in NOT_CONFIRMED:
        subject = _("Not confirmed: your request at %(clinic)s, %(when)s")
        _send(message, appointment, "appointment_not_confirmed", subject)
    else:
        subject = _("Cancelled: your appointment at %(clinic)s, %(when)s")
        _send(message, appointment, "appointment_cancelled", subject, has_file=True)


def order_link(message):
    """Send the patient of an order the link to book it with."""
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
        return  # taken back, or booked meanwhile: there is nothing to choose any more
    context = {
        "order": order,
        "name": str(order.patient),
        "link": _address(reverse("widget:order", args=[token])),
        "last_day": timezone.localtime(order.link_ends_at).date(),
    }
    subject = _("Choose your time at %(clinic)s") % {"clinic": settings.CLINIC_NAME}
    _mail(message, "order_link", subject, order.patient.email, context).send()


def _appointment(message):
    related = ("service", "clinician", "location", "provider", "order")
    return with_sequence(Appointment.objects.select_related(*related)).get(pk=message.payload["appointment"])


def _send(message, appointment, template, subject, *, has_file=False):
    if not appointment.attendee_email:
        return  # booked by another system, which knows no address
    context = {
        "appointment": appointment,
        "name": appointment.attendee_name,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "can_change": appointment.can_change(timezone.now()),
        "page": _address(reverse("widget:appointment", args=[appointment_token(appointment)])),
        "times": _address(get_times_path(appointment)),
    }
    when = format_date(appointment.local_start, _("D j F Y, H:i"))
    subject = subject % {"clinic": settings.CLINIC_NAME, "when": when}
    mail = _mail(message, template, subject, appointment.attendee_email, context)
    if has_file:
        mail.attach(_calendar_file(appointment))
    mail.send()


def _mail(message, template, subject, to, context):
    context |= {"clinic_name": settings.CLINIC_NAME, "subject": subject}
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context),
        to=[to],
        # The same for every try, so that a mailbox can tell a repeated message from a second one.
        headers={"Message-ID": f"<{message.pk}@holdfast>"},
    )
    mail.attach_alternative(render_to_string(f"email/{template}.html", context), "text/html")
    return mail


def _calendar_file(appointment):
    content = write_calendar([entry_for_patient(appointment, clinic_name=settings.CLINIC_NAME)], method="PUBLISH")
    file = MIMEText(content.decode(), "calendar", "utf-8")
    file.set_param("method", "PUBLISH")
    file.add_header("Content-Disposition", "attachment", filename="appointment.ics")
    return file


def _address(path):
    """Return the whole address of a patient's page, or an empty text where nobody knows where the pages are."""
    return settings.SITE_URL + path if settings.SITE_URL and path else ""
