"""How slots and the places they are at are written; booking.integrations.webhooks.junction writes appointments."""

from datetime import UTC, datetime

from booking.integrations.webhooks.junction import write_address, write_moment, write_place


def write_start(start):
    """Return seconds since 1970 as UTC."""
    return write_moment(datetime.fromtimestamp(start, UTC))


def write_center(location):
    """Return a location among the slots that are there."""
    return {
        "location": write_place(location, location),
        "distance": None,
        "address": write_address(location),
        "code": str(location.pk),
        "name": location.name,
        "iana_timezone": location.timezone,
    }
