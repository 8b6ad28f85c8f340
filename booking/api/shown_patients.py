"""Which patients an answer tells of, read from the answer itself: what is hidden from a key does not count."""

import re
from collections.abc import Mapping
from typing import Any

# What an appointment or an order says of a person; the patient's id alone tells nobody who they are.
PERSONAL = ("attendee_name", "attendee_email", "attendee_phone", "contact_name", "notes", "address", "answers")
UUID_FORMAT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
NAMES = {"first_name", "firstName"}  # of a patient, in /api/v1 and in OnSched's words


def find_shown_patients(data: Any, sent: Mapping[str, str]) -> set[str]:
    """Return the ids of the patients of whom ``data``, the content of an answer, tells more than what was ``sent``."""
    found: set[str] = set()
    _collect(data, sent, found)
    return found


def _collect(data, sent, found):
    if isinstance(data, list):
        for each in data:
            _collect(each, sent, found)
    elif isinstance(data, dict):
        if not NAMES.isdisjoint(data) and data.get("id"):
            found.add(str(data["id"]))
        if data.get("patient_id") and any(data.get(name) not in (sent.get(name), "", None) for name in PERSONAL):
            found.add(str(data["patient_id"]))
        for value in data.values():
            if value and isinstance(value, (list, dict)):
                _collect(value, sent, found)


def find_ids(data: Any) -> list[str]:
    """Return the UUIDs of all things that the content of an answer names by their ids."""
    if isinstance(data, list):
        return [id for each in data for id in find_ids(each)]
    if not isinstance(data, dict):
        return []
    named = [
        str(value) for name, value in data.items() if name.lower().endswith("id") and UUID_FORMAT.match(str(value))
    ]
    return [*named, *(id for value in data.values() if isinstance(value, list | dict) for id in find_ids(value))]
