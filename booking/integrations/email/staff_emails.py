"""E-mail to staff."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from booking.integrations.email.sender import make_headers
from booking.models import Appointment, OutboxMessage, WebhookEndpoint


def send_endpoint_disabled(message: OutboxMessage) -> None:
    """Tell staff who may enable webhook endpoints that one was disabled, and why."""
    endpoint = WebhookEndpoint.objects.filter(pk=message.payload["endpoint"]).exclude(disabled_at=None).first()
    if endpoint:  # it may have been enabled again or deleted since
        page = reverse("admin:booking_webhookendpoint_change", args=[endpoint.pk])
        _send_to_staff(
            message,
            "change_webhookendpoint",
            f"Webhook endpoint disabled: {endpoint}",
            "endpoint_disabled",
            endpoint=endpoint,
            page=page,
        )


def send_change_refused(message: OutboxMessage) -> None:
    """Tell staff who decide on appointments that an approver refuses a changed appointment."""
    appointments = Appointment.objects.select_related("provider", "location")
    appointment = appointments.get(pk=message.payload["appointment"])
    if appointment.status in Appointment.UPCOMING:
        page = reverse("admin:booking_appointment_change", args=[appointment.pk])
        subject = f"{appointment.provider} refuses the new time of {appointment.reference}"
        _send_to_staff(message, "decide_appointment", subject, "change_refused", appointment=appointment, page=page)


def _send_to_staff(message, permission, subject, template, **context):
    people = get_user_model().objects.with_perm(f"booking.{permission}").exclude(email="")
    addresses = sorted(people.values_list("email", flat=True))
    if not addresses:
        return
    context |= {"clinic_name": settings.CLINIC_NAME, "site": settings.SITE_URL}
    EmailMessage(
        subject=subject,
        body=render_to_string(f"email/{template}.txt", context),
        to=addresses,
        headers=make_headers(message),
    ).send()
