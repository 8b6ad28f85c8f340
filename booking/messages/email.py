"""E-mail to the person who comes to an appointment."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from ..models import Appointment


def appointment_confirmed(message):
    """Tell the attendee time, place and what to bring."""
    _send(message, "appointment_confirmed", "Your appointment")


def appointment_rescheduled(message):
    """Tell the attendee the new time."""
    _send(message, "appointment_rescheduled", "New time")


def appointment_cancelled(message):
    """Tell the attendee that the appointment is off."""
    _send(message, "appointment_cancelled", "Cancelled")


def _send(message, template, subject):
    appointments = Appointment.objects.select_related("service", "clinician", "location")
    appointment = appointments.get(pk=message.payload["appointment"])
    if appointment.status == Appointment.Status.CANCELLED and template != "appointment_cancelled":
        return  # cancelled before this left: then only that is news
    when = appointment.local_start.strftime("%a %-d %B %Y, %H:%M")
    EmailMessage(
        subject=f"{subject}: {appointment.service}, {when}",
        body=render_to_string(
            f"email/{template}.txt", {"appointment": appointment, "clinic_name": settings.CLINIC_NAME}
        ),
        to=[appointment.attendee_email],
        # The same for every try, so that a mailbox can tell a repeated message from a second one.
        headers={"Message-ID": f"<{message.pk}@holdfast>"},
    ).send()
