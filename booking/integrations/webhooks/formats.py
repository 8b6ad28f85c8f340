"""Bodies of deliveries: one function for each WebhookEndpoint.Format.

``FORMATS[format](message)`` returns bytes, the same at every attempt, or None if the format has no such event.
"""

import orjson

from booking.integrations.webhooks.junction.bodies import write_junction_body
from booking.models import OutboxMessage


def write_holdfast_body(message: OutboxMessage) -> bytes:
    """Return the event as it was recorded: ``type``, ``timestamp`` and ``data``."""
    event = {name: value for name, value in message.payload.items() if name != "traceparent"}
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


FORMATS = {"holdfast": write_holdfast_body, "junction": write_junction_body}
