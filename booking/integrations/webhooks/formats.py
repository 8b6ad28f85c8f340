"""Write the body of a delivery: one function for each WebhookEndpoint.Format.

``FORMATS[format](message)`` returns bytes, the same at every attempt, or None if the format has no such event.
"""

import orjson

from booking.integrations.webhooks.junction import junction


def holdfast(message):
    """Write the event as it was recorded: ``type``, ``timestamp`` and ``data``."""
    return orjson.dumps(message.payload, option=orjson.OPT_SORT_KEYS)


FORMATS = {"holdfast": holdfast, "junction": junction}
