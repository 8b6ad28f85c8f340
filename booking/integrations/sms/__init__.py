"""Text messages (SMS): the gateways that can send them, one module each."""

from importlib import import_module

from django.conf import settings

from booking.integrations.sms.base import Gateway


def get_gateway() -> Gateway:
    """Return the Gateway of SMS_BACKEND, which is not "none"."""
    # Imported when it is used: Twilio's library is large.
    return import_module(f"booking.integrations.sms.{settings.SMS_BACKEND}").Gateway()
