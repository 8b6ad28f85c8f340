"""E-mail to those who look after the system."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from ..models import WebhookEndpoint


def endpoint_disabled(message):
    """Tell those who may enable it that a webhook endpoint was disabled, and why."""
    endpoint = WebhookEndpoint.objects.filter(pk=message.payload["endpoint"]).exclude(disabled_at=None).first()
    people = get_user_model().objects.with_perm("booking.change_webhookendpoint").exclude(email="")
    addresses = sorted(people.values_list("email", flat=True))
    if endpoint is None or not addresses:  # enabled again or deleted since, or nobody to tell
        return
    page = reverse("admin:booking_webhookendpoint_change", args=[endpoint.pk])
    context = {"endpoint": endpoint, "clinic_name": settings.CLINIC_NAME, "site": settings.SITE_URL, "page": page}
    EmailMessage(
        subject=f"Webhook endpoint disabled: {endpoint}",
        body=render_to_string("email/endpoint_disabled.txt", context),
        to=addresses,
        headers={"Message-ID": f"<{message.pk}@holdfast>"},
    ).send()
