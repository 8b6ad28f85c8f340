"""Warnings after a change that touches upcoming appointments. The appointments stay valid."""

from urllib.parse import urlencode

from django.contrib import messages
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from booking.models import Appointment

MAX_IDS = 50  # keep the address short enough for web servers


def get_upcoming_appointments(**conditions):
    """Return the appointments that have not ended and are not cancelled."""
    return Appointment.objects.filter(status__in=Appointment.STANDING, ends_at__gt=timezone.now(), **conditions)


def warn_about_appointments(request, appointments, sentence):
    """Add a message that counts the appointments and links to their list; without appointments, add none."""
    ids = [str(pk) for pk in appointments.values_list("pk", flat=True)]
    if not ids:
        return
    query = urlencode({"day": "any", "id__in": ",".join(ids[:MAX_IDS])})
    link = "Show them" if len(ids) <= MAX_IDS else f"Show the first {MAX_IDS}"
    messages.warning(
        request,
        format_html(
            '{} {} They stay valid. <a href="{}?{}">{}</a>',
            f"{len(ids)} appointment{'s' if len(ids) > 1 else ''} to come",
            sentence,
            reverse("admin:booking_appointment_changelist"),
            query,
            link,
        ),
    )
