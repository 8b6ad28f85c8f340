"""Read the two bodies that every booking sends, as most callers write them, without their forms.

To build and run a form takes longer than all else that is done in Python for a booking. A reader returns exactly what
the form would; None for a body that has anything else in it, or anything wrong: the form reads that one then.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import ValidationError

from booking.api.fields import AnyDay, Moment
from booking.api.parsers import Members
from booking.domain.approvals import ApprovalTimeouts
from booking.domain.slot_selection import find_opening
from booking.models import ApiKey
from patients.models import Patient
from patients.text import clean_text, validate_printable
from scheduling.lib.compiled_queries import get_or_none
from scheduling.lib.phones import MAX_TYPED, list_phone_countries, read_phone

OPENING = {"appointment_type_id", "start_time"}
PLACES = {"clinician_id", "location_id"}
# The members of a person, of which the first two must be there, and how long each may be.
PERSON = {"email": 254, "date_of_birth": 10, "first_name": 100, "last_name": 100, "phone": MAX_TYPED}
UUID_FORMAT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_OF_PERSON = [
    field.name for field in Patient._meta.concrete_fields if field.name not in {*PERSON, "phone_extension"}
]

read_moment, read_day = Moment().to_internal_value, AnyDay().to_internal_value


def read_place_body(body: Members, context: dict[str, Any]) -> dict[str, Any] | None:
    """Return what PlaceInput makes of ids and a start."""
    if not _is_text(body, OPENING, PLACES):
        return None
    ids = {name: body[name] for name in body if name != "start_time"}
    if not all(map(UUID_FORMAT.fullmatch, ids.values())):
        return None
    try:
        starts_at = read_moment(body["start_time"])
    except ValidationError:
        return None
    opening = find_opening(
        starts_at=starts_at,
        service_id=UUID(ids["appointment_type_id"]),
        clinician_id=UUID(ids["clinician_id"]) if "clinician_id" in ids else None,
        location_id=UUID(ids["location_id"]) if "location_id" in ids else None,
    )
    return opening and {"opening": opening}


def read_confirm_body(body: Members, context: dict[str, Any]) -> dict[str, Any] | None:
    """Return what ConfirmInput makes of a new patient, or for a key that may know one of a patient's id."""
    match list(body):
        case ["patient"] if isinstance(body["patient"], Members):
            patient = _read_person(body["patient"], list_phone_countries(context["booking"].location.country))
        case ["patient_id"] if isinstance(body["patient_id"], str):
            patient = _find_patient(body["patient_id"], context["key"])
        case _:
            return None
    if patient is None or body.repeated:
        return None
    return {
        "patient": patient,
        "attendee": patient.contact,
        "draft": None,
        "timeouts": ApprovalTimeouts(is_async=False),
    }


def _read_person(sent: Members, countries: Sequence[str]) -> Patient | None:
    """Return the unsaved Patient that PersonInput makes of names, a birth date, an e-mail and perhaps a phone."""
    if not _is_text(sent, {"email", "date_of_birth"}, PERSON):
        return None
    texts = {name: clean_text(text).strip() for name, text in sent.items()}
    if not texts["email"] or any(len(text) > PERSON[name] for name, text in texts.items()):
        return None
    patient = Patient()
    try:
        for name, text in texts.items():
            validate_printable(text)
            if name == "phone":
                patient.phone, patient.phone_extension = read_phone(text, countries) if text else ("", "")
            elif name != "date_of_birth":
                setattr(patient, name, text)
        patient.date_of_birth = read_day(sent["date_of_birth"])
        patient.clean_fields(exclude=NOT_OF_PERSON)
        patient.clean()
    except (ValidationError, DjangoValidationError):
        return None
    return patient


def _find_patient(id: str, key: ApiKey) -> Patient | None:
    may_know = key.may(ApiKey.Scope.READ_PATIENTS) or key.may(ApiKey.Scope.WRITE_PATIENTS)
    if not may_know or not UUID_FORMAT.fullmatch(id):
        return None
    patient = get_or_none(Patient, id=UUID(id))
    return None if patient is None or patient.archived_at else patient


def _is_text(sent: Members, needed: set[str], allowed: Any) -> bool:
    """Return whether an object has the needed members, perhaps some of those allowed, and no others; all texts."""
    names = sent.keys()
    is_complete = needed <= names and names <= needed | set(allowed) and not sent.repeated
    return is_complete and all(type(value) is str for value in sent.values())
