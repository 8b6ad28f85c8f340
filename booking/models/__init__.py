"""What is stored of bookings: who holds or has which time, what happened to it, and whom to tell."""

from .api import ApiKey, IdempotentAnswer, validate_origin
from .bookings import Appointment, Booking, Hold, Unconfirmed
from .events import Event
from .feeds import CalendarFeed
from .orders import Order
from .outbox import Delivery, Heartbeat, OutboxMessage
from .providers import Acknowledgement, Provider
from .webhooks import WebhookEndpoint

__all__ = [
    "Acknowledgement", "ApiKey", "Appointment", "Booking", "CalendarFeed", "Delivery", "Event", "Heartbeat", "Hold",
    "IdempotentAnswer", "Order", "OutboxMessage", "Provider", "Unconfirmed", "WebhookEndpoint", "validate_origin",
]
