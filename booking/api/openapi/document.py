"""What the OpenAPI document says beside its operations."""

from copy import deepcopy

from booking.api.openapi.enums import name_enums
from booking.api.openapi.headers import HEADERS
from booking.api.openapi.webhooks import add_webhooks

KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key: `hf_sec_…` for servers, `hf_pub_…` for pages of the sites it names. "
    "Staff make keys in admin, or with `manage.py create_api_key`.",
}

# The headings, and what each is about.
TAGS = {
    "Me": "The key's own name, scopes and limits.",
    "Catalogue": "What can be booked, with whom and where: services (here *appointment types*), clinicians, locations.",
    "Availability": "Free times: as a list, per day, the next one, and why a time is not free.",
    "Holds": "Place, read, extend, move, release, confirm. A key reaches only the holds it has placed.",
    "Patients": "Search, read, write down, change. A publishable key finds nobody, and writes down drafts only.",
    "Appointments": "List, read, book directly, reschedule, cancel, and mark what became of them.",
    "Orders": "Write one down, book it with a booking key alone, e-mail its patient a link to book it.",
    "Schedule": "When clinicians work and when they are away: weekly hours, extra hours on a date, time off.",
    "Events": "What has happened, for whoever missed webhooks or cannot receive any; and whether anything has.",
    "Webhooks": "Endpoints that are told what happens, and what was delivered to them.",
}


def complete(result, generator, **kwargs):
    """Add headings, the security scheme and webhooks, name the enums, take out drf-spectacular's notes to itself.

    The paths are in the order of their headings, whatever order they are looked at in for a request.
    """
    result = deepcopy(result)  # parts of it are constants
    result["paths"] = dict(sorted(result["paths"].items(), key=lambda path: _get_place(*path[1].values())))
    result["tags"] = [{"name": name, "description": description} for name, description in TAGS.items()]
    result["components"] |= {"headers": HEADERS, "securitySchemes": {"key": KEY}}
    drop(result, "x-spec-enum-id")
    add_webhooks(result)
    name_enums(result)
    return result


def _get_place(operation, *others):
    """Return the place of the heading that a path's operations stand under."""
    return list(TAGS).index(operation["tags"][0])


def drop(value, name):
    """Take a member out of everything inside ``value``."""
    if isinstance(value, dict):
        value.pop(name, None)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        drop(inner, name)
