"""Every refusal as application/problem+json (RFC 9457), and the one table that says which is what.

The first sentence of an exception's docstring is its title; ``advice`` is what its page tells the caller to do.
"""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from psycopg.errors import LockNotAvailable, QueryCanceled
from rest_framework import exceptions

from patients import records
from scheduling.slots import SlotTaken

from .. import appointments, choosing, holds, idempotency, keys, states
from ..booking_keys import InvalidBookingKey

CONTENT_TYPE = "application/problem+json"


class RequestTooLarge(Exception):
    """The body of a request may have a megabyte at most."""


class MissingScope(Exception):
    """The API key does not have the scope this needs."""

    def __init__(self, scope):
        self.scope = scope
        super().__init__(scope)


class ForeignOrigin(Exception):
    """The API key may not be used from this site."""


class Throttled(Exception):
    """Too many requests."""

    def __init__(self, retry_after):
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class Busy(Exception):
    """The server is busy with that time."""

    retry_after = 2


class InternalError(Exception):
    """Something went wrong on our side."""


def no_extras(error):
    return {}


def retry_after(error):
    return {"retry_after": error.retry_after}


@dataclass(frozen=True)
class Problem:
    """How an exception is answered; ``extras(error)`` returns further members of the body."""

    status: int
    code: str
    advice: str
    extras: Callable = no_extras
    title: str = ""  # for exceptions that are not ours


READ_AGAIN = "Read it again, then repeat the change with its new ETag."

PROBLEMS = {
    SlotTaken: Problem(
        409, "slot-taken", "Offer one of the alternatives, or ask for availability again.",
        lambda error: {"alternatives": getattr(error, "alternatives", [])},
    ),
    choosing.NotOffered: Problem(
        422, "not-offered", "The member reason says why. Choose a time from availability.",
        lambda error: {"reason": error.reasons[0], "reasons": error.reasons},
    ),
    holds.HoldExpired: Problem(
        404, "hold-expired", "Place a new hold; the alternatives are the nearest free times.",
        lambda error: {
            "expired_at": error.hold.expires_at, "alternatives": getattr(error, "alternatives", [])
        },
    ),
    holds.HoldNotFound: Problem(404, "not-found", "Check the id. A key sees only the holds it has placed."),
    holds.TooManyHolds: Problem(429, "too-many-holds", "Confirm or release one of the holds, or wait.", retry_after),
    holds.TooManyExtensions: Problem(409, "no-more-extensions", "Confirm the hold, or place a new one later."),
    states.WrongState: Problem(
        409, "wrong-state", "The member state is its present state, allowed what may follow.",
        lambda error: {"state": error.state, "allowed": error.allowed},
    ),
    states.ChangedMeanwhile: Problem(412, "changed-meanwhile", READ_AGAIN),
    records.PatientChanged: Problem(412, "changed-meanwhile", READ_AGAIN),
    appointments.PastCutoff: Problem(
        409, "past-cutoff", "Call the clinic: it can still be changed by staff.",
        lambda error: {"cutoff_at": error.cutoff_at},
    ),
    records.PatientExists: Problem(
        409, "patient-exists", "Use the patient named here, or send allow_duplicate.",
        lambda error: {"patient_id": error.patient.pk},
    ),
    InvalidBookingKey: Problem(400, "invalid-booking-key", "Ask for availability again and use a key from there."),
    keys.InvalidKey: Problem(401, "invalid-key", "Send a live key: Authorization: Bearer hf_sec_…"),
    MissingScope: Problem(
        403, "missing-scope", "Use a key with the scope named here.", lambda error: {"scope": error.scope}
    ),
    ForeignOrigin: Problem(403, "foreign-origin", "Add the site to the key's allowed origins in admin."),
    idempotency.KeyReused: Problem(422, "idempotency-key-reused", "Use a new Idempotency-Key for a new request."),
    idempotency.KeyInFlight: Problem(409, "idempotency-key-in-flight", "Wait, then send the same request again."),
    Throttled: Problem(429, "throttled", "Wait as many seconds as Retry-After says.", retry_after),
    RequestTooLarge: Problem(413, "too-large", "Send less than a megabyte."),
    Busy: Problem(503, "busy", "Send the same request again in a moment; nothing has changed.", retry_after),
    exceptions.ValidationError: Problem(
        400, "validation", "The member errors names every field and what is wrong with it.",
        lambda error: {"errors": list(list_errors(error.get_full_details()))},
        title="Some of what was sent is not valid.",
    ),
    exceptions.ParseError: Problem(
        400, "malformed", "Send a JSON object in UTF-8.", title="The body could not be read."
    ),
    exceptions.NotFound: Problem(404, "not-found", "Check the address and the ids in it.", title="There is no such thing."),
    exceptions.MethodNotAllowed: Problem(
        405, "method-not-allowed", "The header Allow lists what works here.", title="That method does not work here."
    ),
    exceptions.NotAcceptable: Problem(
        406, "not-acceptable", "Accept application/json.", title="The answer exists in JSON only."
    ),
    exceptions.UnsupportedMediaType: Problem(
        415, "unsupported-media-type", "Send application/json.", title="The body must be JSON."
    ),
    InternalError: Problem(500, "internal-error", "Try again later, and tell us the request_id if it stays."),
}


def list_errors(details, pointer="#"):
    """Yield {pointer, code, detail} of each error in a ValidationError's full details."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"pointer": pointer, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            at = pointer if name == "non_field_errors" else f"{pointer}/{name}"
            yield from list_errors(inner, at)
    else:
        for number, inner in enumerate(details):
            plain = isinstance(inner, dict) and set(inner) == {"message", "code"}
            yield from list_errors(inner, pointer if plain else f"{pointer}/{number}")


def known(error):
    """Return an exception of the table for any exception, what is unexpected as an InternalError."""
    if isinstance(error, OperationalError) and isinstance(error.__cause__, LockNotAvailable | QueryCanceled):
        return Busy()
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return keys.InvalidKey()
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError()
    return error if type(error) in PROBLEMS else InternalError()


def problem_response(request, error):
    """Return the problem+json answer to an exception of the table."""
    problem = PROBLEMS[type(error)]
    body = {
        "type": request.build_absolute_uri(f"/problems/{problem.code}"),
        "title": problem.title or type(error).__doc__.strip().partition("\n")[0],
        "status": problem.status,
        "detail": problem.advice,
        "instance": request.path,
        "code": problem.code,
        "request_id": request.id,
    }
    extras = problem.extras(error)
    response = HttpResponse(
        orjson.dumps(body | extras), status=problem.status, content_type=CONTENT_TYPE
    )
    response["Cache-Control"] = "no-store"
    if "retry_after" in extras:
        response["Retry-After"] = extras["retry_after"]
    if problem.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Holdfast"'
    return response
