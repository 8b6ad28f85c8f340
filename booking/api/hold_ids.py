"""The id that a key knows a hold by: the hold's own, or for a publishable key the hold's secret token.

Everybody can read a publishable key, and the hold's own id is told to whoever hears of bookings, in webhooks and
calendars. The token only that visitor has who placed the hold.
"""

from uuid import UUID

from django.urls.converters import UUIDConverter, register_converter

from booking.domain.holds import get_hold, get_hold_by_token
from booking.domain.transitions import HoldNotFound

TOKEN_LENGTH = 43


class HoldIdConverter:
    """Either kind of id in an address: ``<hold:id>``."""

    regex = f"(?:{UUIDConverter.regex}|[A-Za-z0-9_-]{{{TOKEN_LENGTH}}})"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value) -> str:
        return str(value)


register_converter(HoldIdConverter, "hold")


def write_hold_id(hold, key) -> str:
    """Return the id that ``key`` knows a hold by."""
    return hold.token if key.is_publishable else str(hold.pk)


def get_own_hold(key, id: str):
    """Return the hold that a key has placed, by the id that the key knows; raises HoldNotFound."""
    if key.is_publishable:
        return get_hold_by_token(key.actor, id)
    if len(id) == TOKEN_LENGTH:
        raise HoldNotFound
    return get_hold(key.actor, UUID(id))
