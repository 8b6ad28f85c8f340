"""What schemathesis must know of the clinic it tries: its ids and openings, and which refusals no schema foresees."""

import json
import os
import re
import uuid
from datetime import UTC, datetime, timedelta
from zlib import crc32

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# {"appointment_type_id": "…", …, "booking_keys": […]}, given by the test.
CLINIC = json.loads(os.environ["CLINIC"])
BOOKING_KEYS = CLINIC.pop("booking_keys")

NAMED_BY_KEY = ["appointment_type_id", "clinician_id", "location_id", "is_remote", "date", "start_time", "hold_id"]

# Errors in requests that a schema allows, because they depend on more than one field or on what is in the database.
UNFORESEEN = {
    "does_not_exist",  # an id that nothing has
    "alone",  # a booking key or a hold's id beside what it names already
    "either",  # patient_id and patient, or neither
    "required",  # a field that another field calls for
    "no-contact",  # a relation to nobody
    "no_name",  # neither first_name nor last_name
    "repeated",  # names of metadata that are one without what nobody sees
    "key",  # a name of metadata that nobody sees
    "out_of_range",  # years that no clinic plans for
    "skipped",  # an hour that the change of the clock leaves out
    "order",
    "range",  # an end before its start, or too far from it
    "other_service",  # than that of the hold, the appointment or the order
    "cursor",  # signed, so it cannot be made up
    # What is in no name: all that reads as an address, digits, slashes.
    "address",
    "digit",
    "slash",
    # Unicode's categories, for which JSON Schema's patterns have no words; a text of spaces alone.
    "unprintable",
    "null_characters_not_allowed",
    "blank",
}
# Members with rules of their own: numbering plans, check digits, nobody born tomorrow.
INTRICATE = {"email", "phone", "nhs_number", "date_of_birth", "attendee_email"}
# Problems that are about the clinic, not about the form of the request.
BUSINESS = {
    "not-offered",
    "changed-meanwhile",
    "invalid-booking-key",
    "idempotency-key-reused",
    "not-public",
    "overlapping-hours",
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Answers may have more members in later versions; but in this one, what is not described is a mistake."""
    close(raw_schema)


def close(schema):
    if isinstance(schema, dict) and schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        close(inner)


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """Like positive_data_acceptance, except for what only the clinic's own data can tell."""
    if response.status_code in (400, 412, 422):
        problem = response.json()
        if problem["code"] in BUSINESS or any(is_unforeseen(error) for error in problem.get("errors", [])):
            return None
    return positive_data_acceptance(ctx, response, case)


def is_unforeseen(error):
    return error["code"] in UNFORESEEN or error["pointer"].rpartition("/")[2] in INTRICATE


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lead requests to the clinic's own rows, so that they are not all refused at the door."""
    if re.fullmatch("[!-~]([ -~]{0,253}[!-~])?", str(case.headers.get("Idempotency-Key", ""))):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())  # one that was used before ends a request early
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    for fields in (case.query, case.body):
        if isinstance(fields, dict):
            give_real_ids(fields)
    if isinstance(case.body, dict) and isinstance(case.body.get("booking_key"), str):
        give_real_opening(case.body)
    if isinstance(case.body, dict) and hash_fields(case.body) % 5 and isinstance(case.body.get("url"), str):
        case.body["url"] = "https://8.8.8.8/hooks"  # a name would be asked for; nothing is sent there
    if isinstance(case.query, dict) and {"start_date", "end_date"} <= set(case.query):
        give_real_days(case.query)
    for word in ("patient", "clinician", "location", "appointment-type"):
        if f"/{word}s/{{id}}" in case.operation.path:
            case.path_parameters["id"] = CLINIC[f"{word.replace('-', '_')}_id"]


def hash_fields(fields):
    """Return a number that is the same for the same fields."""
    return crc32(json.dumps(fields, sort_keys=True, default=str).encode())


def give_real_ids(fields):
    for name, real in CLINIC.items():
        if isinstance(fields.get(name), str):
            fields[name] = real
        elif isinstance(fields.get(name), list):
            fields[name] = [real for _ in fields[name]]


def give_real_days(query):
    number = hash_fields(query)
    if number % 5:
        days = [datetime.now(UTC).date() + timedelta(days=number // 7 % 30 + more) for more in (0, number % 28)]
        query["start_date"], query["end_date"] = (day.isoformat() for day in days)


def give_real_opening(body):
    number = hash_fields(body)
    body["booking_key"] = BOOKING_KEYS[number % len(BOOKING_KEYS)]
    if number % 5:
        # A booking key names all of these, and is mostly sent without them.
        for name in NAMED_BY_KEY:
            body.pop(name, None)
    if number % 7 and "patient" in body:
        body.pop("patient_id", None)
