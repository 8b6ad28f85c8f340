"""E-mail to those who look after the clinic and its system."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from booking.models import Appointment, WebhookEndpoint


def endpoint_disabled(message):
    """Tell those who may enable it that a webhook endpoint was disabled, and why."""
    endpoint = WebhookEndpoint.objects.filter(pk=message.payload["endpoint"]).exclude(disabled_at=None).first()
    if endpoint:  # neither enabled again nor deleted since
        page = reverse("admin:booking_webhookendpoint_change", args=[endpoint.pk])
        _tell(
            message,
            "change_webhookendpoint",
            f"Webhook endpoint disabled: {endpoint}",
            "endpoint_disabled",
            endpoint=endpoint,
            page=page,
        )


def change_refused(message):
    """Tell those who may decide that a provider does not agree to what an appointment has become."""
    appointments = Appointment.objects.select_related("provider", "location")
    appointment = appointments.get(pk=message.payload["appointment"])
    if appointment.status in Appointment.UPCOMING:
        page = reverse("admin:booking_appointment_change", args=[appointment.pk])
        subject = f"{appointment.provider} refuses the new time of {appointment.reference}"
        _tell(message, "decide_appointment", subject, "change_refused", appointment=appointment, page=page)


def _tell(message, permission, subject, template, **context):
    people = get_user_model().objects.with_perm(f"booking.{permission}").exclude(email="")
    addresses = sorted(people.values_list("email", flat=True))
    if not addresses:
        return
    context |= {"clinic_name": settings.CLINIC_NAME, "site": settings.SITE_URL}
    EmailMessage(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context),
        to=addresses,
        headers={"Message-ID": f"<{message.pk}@holdfast>"},
    ).send()
