"""How the body of a delivery is written: one function for each WebhookEndpoint.Format.

``FORMATS[format](message)`` returns bytes, the same ones for the same message at every try, or None when what
the message tells of is not told in that format.
"""

import orjson

from booking.integrations.webhooks.junction import junction


def holdfast(message):
    """Write the event as it was recorded: ``type``, ``timestamp`` and ``data``."""
    return orjson.dumps(message.payload, option=orjson.OPT_SORT_KEYS)


FORMATS = {"holdfast": holdfast, "junction": junction}
