"""Which problems each operation can answer, and what each of them looks like."""

from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import exceptions

from booking.access.api_keys import InvalidKey
from booking.api import refusals
from booking.api.exception_handler import CONTENT_TYPE
from booking.api.not_offered_reasons import IN_MARKDOWN, REASONS
from booking.api.openapi.components import choose, share
from booking.api.openapi.headers import problem_headers
from booking.api.problems import PROBLEMS
from booking.domain.transitions import ChangedMeanwhile
from booking.ops.idempotency import KeyInFlight, KeyReused

ALWAYS = [
    exceptions.ValidationError,
    refusals.Unreadable,
    refusals.TooManyParameters,
    InvalidKey,
    refusals.ForeignOrigin,
    refusals.HttpsRequired,
    exceptions.NotAcceptable,
    exceptions.Throttled,
    refusals.InternalError,
    refusals.Busy,
]
WITH_SCOPE = [refusals.MissingScope]
WITH_ID = [exceptions.NotFound]
WITH_BODY = [
    exceptions.ParseError,
    exceptions.UnsupportedMediaType,
    refusals.RequestTooLarge,
    refusals.LengthRequired,
    KeyReused,
    KeyInFlight,
]
WITH_IF_MATCH = [ChangedMeanwhile]

TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
REASON = {"type": "string", "enum": [reason.value for reason in REASONS], "description": IN_MARKDOWN}
FIELD_ERROR = {
    "type": "object",
    "description": "What is wrong with one field: `pointer` leads to it in the body (RFC 6901), or names a parameter.",
    "properties": {"pointer": TEXT, "code": TEXT, "detail": TEXT},
    "required": ["pointer", "code", "detail"],
}
# What problems can have beyond what all have. Which of them has what, the examples in PROBLEMS say.
MEMBERS = {
    "alternatives": {"type": "array", "items": {"$ref": "#/components/schemas/Opening"}},
    "reason": REASON,
    "reasons": {"type": "array", "items": REASON, "minItems": 1},
    "expired_at": MOMENT,
    "cutoff_at": MOMENT,
    "starts_at": MOMENT,
    "retry_after": {"type": "integer", "minimum": 0, "description": "Seconds, as in the header Retry-After."},
    "proof_url": {"type": "string", "format": "uri-reference", "description": "The page where the visitor goes on."},
    "subject": {"type": "string", "enum": ["hold", "appointment"]},
    "state": TEXT,
    "allowed": {"type": "array", "items": TEXT},
    "patient_id": {"type": "string", "format": "uuid"},
    "appointment_id": {"type": "string", "format": "uuid"},
    "conflict": {"type": "string", "enum": ["overlap", "same-day"]},
    "working_hours_id": {"type": ["integer", "null"]},
    "extra_hours_id": {"type": ["integer", "null"]},
    "date": {"type": "string", "format": "date", "description": "The first date on which they overlap."},
    "scope": TEXT,
    "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}, "minItems": 1},
}


def list_refusals(operation, method, *, scope, has_id):
    """Return the exceptions that a method can answer with."""
    return [
        *ALWAYS,
        *operation.refusals,
        *(WITH_SCOPE if scope else []),
        *(WITH_ID if has_id else []),
        *(WITH_BODY if method in ("POST", "PATCH") else []),
        *(WITH_IF_MATCH if operation.supports_if_match else []),
    ]


def write_problems(refusals, *, registry):
    """Return {status: response}: one for each status, telling apart its problems by their code."""
    share(registry, "FieldError", FIELD_ERROR)
    by_status = {}
    for refusal in refusals:
        by_status.setdefault(PROBLEMS[refusal].status, {}).setdefault(PROBLEMS[refusal].code, refusal)
    return {str(status): write_status(status, by_status[status], registry) for status in sorted(by_status)}


def write_status(status, refusals, registry):
    """Return the response of one status; what many operations share is a component of the document."""
    schemas, examples = [], {}
    for code, refusal in refusals.items():
        name = "Problem" + "".join(word.capitalize() for word in code.split("-"))
        schemas.append(share(registry, name, write_schema(refusal)))
        examples[code] = share(registry, code, {"value": write_example(refusal)}, kind=ResolvedComponent.EXAMPLE)
    response = {
        "description": " ".join(PROBLEMS[refusal].get_title(refusal) for refusal in refusals.values()),
        "headers": problem_headers(status, list(refusals)),
        "content": {CONTENT_TYPE: {"schema": choose(f"Problem{status}", schemas), "examples": examples}},
    }
    return response if schemas[1:] else share(registry, name, response, kind=ResolvedComponent.RESPONSE)


def write_schema(refusal):
    problem = PROBLEMS[refusal]
    members = {
        "type": {"type": "string", "format": "uri", "description": "A page that says what happened and what to do."},
        "title": TEXT,
        "status": {"type": "integer", "const": problem.status},
        "detail": TEXT,
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string", "const": problem.code},
        "request_id": TEXT,
        **{name: MEMBERS[name] for name in problem.example},
    }
    return {
        "type": "object",
        "description": f"{problem.get_title(refusal)} {problem.advice}",
        "properties": members,
        "required": [name for name in members if name not in problem.optional],
    }


def write_example(refusal):
    problem = PROBLEMS[refusal]
    return {
        "type": f"https://booking.clinic.example/problems/{problem.code}",
        "title": problem.get_title(refusal),
        "status": problem.status,
        "detail": problem.advice,
        "instance": "/api/v1/holds",
        "code": problem.code,
        "request_id": "9f4d1c0a6c2f4f0c8a53f8f0b7a1e2d3",
        **problem.example,
    }
