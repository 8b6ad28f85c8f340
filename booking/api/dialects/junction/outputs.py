"""How slots and the places they are at are written; booking.integrations.webhooks.junction writes appointments."""

from datetime import UTC, datetime

from booking.integrations.webhooks.junction.appointments import write_address, write_moment, write_place


def write_start(start):
    """Return seconds since 1970 as UTC."""
    return write_moment(datetime.fromtimestamp(start, UTC))


# The clinic as a lab: there is one, and this is what it is called.
LAB_ID, LAB_SLUG = 1, "clinic"
CAPABILITY = "appointment_scheduling_via_junction"
UNKNOWN_DISTANCE = -1  # readers of the format refuse null


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


def write_lab_location(location, distance):
    """Return a location as one of a lab's; ``distance`` is in miles, None if it is not known."""
    return {
        "metadata": {
            "name": location.name,
            "state": "",
            "city": location.city,
            "zip_code": location.postcode,
            "first_line": location.address_line_1,
            "second_line": location.address_line_2 or None,
            "phone_number": location.phone or None,
            "fax_number": None,
            "hours": None,
            "website": None,
        },
        "distance": UNKNOWN_DISTANCE if distance is None else round(distance),
        "site_code": str(location.pk),
        "supported_bill_types": [],
        "location": write_place(location, location),
        "capabilities": [CAPABILITY],
    }
