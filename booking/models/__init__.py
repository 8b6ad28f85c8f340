"""Models: holds, appointments, orders, approvers, events, the outbox, webhooks, feeds and API keys."""

from booking.models.api import ApiKey, IdempotentAnswer, validate_origin
from booking.models.bookings import Appointment, Booking, Hold, Unconfirmed
from booking.models.events import Event
from booking.models.feeds import CalendarFeed
from booking.models.orders import Order
from booking.models.outbox import Delivery, Heartbeat, OutboxMessage
from booking.models.providers import Acknowledgement, Provider
from booking.models.webhooks import WebhookEndpoint

__all__ = [
    "Acknowledgement",
    "ApiKey",
    "Appointment",
    "Booking",
    "CalendarFeed",
    "Delivery",
    "Event",
    "Heartbeat",
    "Hold",
    "IdempotentAnswer",
    "Order",
    "OutboxMessage",
    "Provider",
    "Unconfirmed",
    "WebhookEndpoint",
    "validate_origin",
]
