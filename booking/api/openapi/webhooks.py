"""What webhook endpoints are sent, kind by kind, as OpenAPI 3.1 tells it: ``webhooks`` and their schemas."""

from copy import deepcopy

from booking.api.openapi.components import an_object
from booking.api.openapi.examples import ID, SERVICE, WHEN, WHO
from booking.integrations.webhooks.endpoints import TEST
from booking.models import Appointment, Hold, WebhookEndpoint
from booking.models.enums import EventKind
from patients.models import ArchiveReason

UUID = {"type": "string", "format": "uuid"}
MOMENT = {"type": "string", "format": "date-time"}
SEQUENCE = {"type": "integer", "description": "Of two events with one `id` the higher is the later."}
UNDONE = {
    "type": "string",
    "description": "What staff took back: `in_progress`, `seen`, `completed`, `no_show` or `cancelled`.",
}
CHANGED = {"type": "array", "items": {"type": "string"}, "description": "Names of the fields that changed."}
REASON = {"type": "string", "enum": Appointment.CancellationReason.values}

BOOKING = {
    "id": UUID,
    "status": {"type": "string"},
    "appointment_type_id": UUID,
    "clinician_id": UUID,
    "location_id": UUID,
    "start_time": MOMENT,
    "end_time": MOMENT,
    "is_remote": {"type": "boolean"},
}
HOLD = BOOKING | {"status": {"type": "string", "enum": Hold.Status.values}, "expires_at": MOMENT}
APPOINTMENT = BOOKING | {
    "status": {"type": "string", "enum": Appointment.Status.values},
    "patient_id": UUID,
    "order_id": {**UUID, "type": ["string", "null"]},
}
ORDER = {"id": UUID, "patient_id": UUID, "appointment_type_id": UUID}
PATIENT = {"id": UUID}
MEMBERS = {"hold": HOLD, "appointment": APPOINTMENT, "order": ORDER, "patient": PATIENT}
# Beside those, by kind; and those that an event of the kind may lack.
MORE = {
    EventKind.HOLD_MOVED: {"from": MOMENT, "to": MOMENT},
    EventKind.APPOINTMENT_UPDATED: {"changed": CHANGED, "undone": UNDONE},
    EventKind.APPOINTMENT_RESCHEDULED: {"from": MOMENT, "to": MOMENT},
    EventKind.APPOINTMENT_CANCELLED: {"reason": REASON},
    EventKind.ORDER_UPDATED: {"changed": CHANGED},
    EventKind.PATIENT_UPDATED: {"changed": CHANGED},
    EventKind.PATIENT_MERGED: {"merged_id": UUID},
    EventKind.PATIENT_UNMERGED: {"merged_id": UUID},
    EventKind.PATIENT_ARCHIVED: {"reason": {"type": "string", "enum": ArchiveReason.values}},
}
OPTIONAL = {EventKind.APPOINTMENT_UPDATED: ["changed", "undone"], EventKind.PATIENT_ARCHIVED: ["reason"]}

BOOKED = {"id": ID["booking"], **SERVICE, **WHO, **WHEN, "is_remote": False}
EXAMPLES = {
    "hold": {**BOOKED, "status": "active", "expires_at": "2026-03-27T16:35:31+00:00", "sequence": 1},
    "appointment": {**BOOKED, "status": "confirmed", "patient_id": ID["patient"], "order_id": None, "sequence": 3},
    "order": {"id": ID["order"], "patient_id": ID["patient"], **SERVICE, "sequence": 1},
    "patient": {"id": ID["patient"], "sequence": 1},
}
LATER = {"start_time": "2026-03-30T10:30:00+01:00", "end_time": "2026-03-30T11:00:00+01:00"}
MOVE = {"from": WHEN["start_time"], "to": LATER["start_time"]}
MORE_IN_EXAMPLES = {
    EventKind.HOLD_EXTENDED: {"expires_at": "2026-03-27T16:49:02+00:00", "sequence": 2},
    EventKind.HOLD_MOVED: {**LATER, **MOVE, "sequence": 2},
    EventKind.HOLD_RELEASED: {"status": "released", "sequence": 2},
    EventKind.HOLD_EXPIRED: {"status": "expired", "sequence": 2},
    EventKind.APPOINTMENT_UPDATED: {"status": "in_progress", "sequence": 4},
    EventKind.APPOINTMENT_RESCHEDULED: {**LATER, **MOVE, "sequence": 4},
    EventKind.APPOINTMENT_CANCELLED: {"status": "cancelled", "reason": "patient_request", "sequence": 4},
    EventKind.APPOINTMENT_COMPLETED: {"status": "completed", "sequence": 5},
    EventKind.APPOINTMENT_NO_SHOW: {"status": "no_show", "sequence": 4},
    EventKind.ORDER_UPDATED: {"changed": ["external_id"], "sequence": 2},
    EventKind.ORDER_CANCELLED: {"sequence": 2},
    EventKind.PATIENT_UPDATED: {"changed": ["phone"], "sequence": 2},
    EventKind.PATIENT_ARCHIVED: {"reason": "moved_away", "sequence": 2},
    EventKind.PATIENT_RESTORED: {"sequence": 3},
    EventKind.PATIENT_MERGED: {"merged_id": "0f6c1d2e-3a4b-4c5d-8e6f-7a8b9c0d1e08", "sequence": 2},
    EventKind.PATIENT_UNMERGED: {"merged_id": "0f6c1d2e-3a4b-4c5d-8e6f-7a8b9c0d1e08", "sequence": 3},
    EventKind.PATIENT_ERASED: {"sequence": 4},
    EventKind.PATIENT_RESTRICTED: {"sequence": 3},
}
SUMMARIES = {
    EventKind.HOLD_PLACED: "A time is held",
    EventKind.HOLD_EXTENDED: "A hold has got more time",
    EventKind.HOLD_MOVED: "A hold is of another time now",
    EventKind.HOLD_RELEASED: "A held time was given back",
    EventKind.HOLD_EXPIRED: "A hold has run out",
    EventKind.APPOINTMENT_CREATED: "An appointment was booked",
    EventKind.APPOINTMENT_UPDATED: "An appointment was confirmed, its patient has arrived, or a detail was changed",
    EventKind.APPOINTMENT_RESCHEDULED: "An appointment has another time, place or clinician",
    EventKind.APPOINTMENT_CANCELLED: "An appointment was cancelled",
    EventKind.APPOINTMENT_COMPLETED: "The patient was seen",
    EventKind.APPOINTMENT_NO_SHOW: "The patient did not come",
    EventKind.ORDER_CREATED: "An order was written down",
    EventKind.ORDER_UPDATED: "An order was changed",
    EventKind.ORDER_CANCELLED: "An order was cancelled",
    EventKind.PATIENT_CREATED: "A patient was written down",
    EventKind.PATIENT_UPDATED: "A patient's details were changed",
    EventKind.PATIENT_ARCHIVED: "A patient's record was archived",
    EventKind.PATIENT_RESTORED: "A patient's record is in use again",
    EventKind.PATIENT_MERGED: "Two records were one person",
    EventKind.PATIENT_UNMERGED: "Two records that were merged are two again",
    EventKind.PATIENT_ERASED: "A patient's data are erased: erase what you have of them",
    EventKind.PATIENT_RESTRICTED: "A patient's data are kept and used for nothing else",
    TEST: "Somebody tried the endpoint",
}
HEADERS = {
    "webhook-id": "The delivery's id, the same at every try.",
    "webhook-timestamp": "When it is sent, in seconds since 1970.",
    "webhook-signature": "One or more signatures, with a space between: see the page on webhooks.",
}


def write_example(kind):
    """Return a body of that kind."""
    if kind == TEST:
        data = {"endpoint_id": ID["endpoint"]}
    else:
        data = EXAMPLES[kind.partition(".")[0]] | MORE_IN_EXAMPLES.get(kind, {})
    return {"type": str(kind), "timestamp": "2026-03-27T16:22:08+00:00", "data": data}


def write_schemas(kind):
    """Return the schemas of a body of that kind and of its data, by their names."""
    about, name = kind.partition(".")[0], get_name(kind)
    if kind == TEST:
        data_name, data = f"{name}Data", an_object({"endpoint_id": UUID})
    else:
        data_name = f"{name}Data" if kind in MORE else f"{about.capitalize()}EventData"
        data = an_object(MEMBERS[about] | MORE.get(kind, {}) | {"sequence": SEQUENCE})
        data["required"] = [name for name in data["required"] if name not in OPTIONAL.get(kind, ())]
    members = {
        "type": {"type": "string", "const": str(kind)},
        "timestamp": MOMENT,
        "data": {"$ref": f"#/components/schemas/{data_name}"},
    }
    return {name: an_object(members), data_name: data}


def get_name(kind):
    """Return the name of a kind's schema: HoldPlacedEvent."""
    return "".join(word.capitalize() for word in kind.replace(".", "_").split("_")) + "Event"


def add_webhooks(document):
    """Add what endpoints are sent to the OpenAPI document."""
    kinds = [*WebhookEndpoint.Kind.values, TEST]
    for kind in kinds:
        document["components"]["schemas"] |= deepcopy(write_schemas(kind))
    headers = [
        {"name": name, "in": "header", "required": True, "description": description, "schema": {"type": "string"}}
        for name, description in HEADERS.items()
    ]
    document["webhooks"] = {
        kind: {
            "post": {
                "operationId": f"receive_{kind.replace('.', '_')}",
                "tags": ["Webhooks"],
                "summary": SUMMARIES[kind],
                "description": "Sent to endpoints in the format `holdfast` that listen to it.",
                "security": [],
                "parameters": headers,
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": f"#/components/schemas/{get_name(kind)}"},
                            "example": write_example(kind),
                        }
                    },
                },
                "responses": {
                    "2XX": {"description": "It was received. Any other answer, or none within 15 seconds: try again."},
                    "410": {"description": "Send nothing here any more."},
                },
            }
        }
        for kind in kinds
    }
