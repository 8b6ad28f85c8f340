"""The one table that says how each exception is answered; pages and OpenAPI are written from it too.

An exception's ``message`` is its title; ``advice`` says what the caller can do. Both are English for every caller.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from rest_framework import exceptions

from booking.access import api_keys, signatures
from booking.access.booking_keys import InvalidBookingKey
from booking.api import refusals
from booking.api.json_pointers import list_errors
from booking.domain import (
    appointments,
    approvals,
    client_users,
    holds,
    orders,
    patient_conflicts,
    patient_drafts,
    scarcity,
    slot_selection,
    transitions,
)
from booking.integrations.webhooks import endpoints
from booking.ops import idempotency
from patients import records
from scheduling.lib.integration_fields import MAX_METADATA_BYTES, MAX_METADATA_KEYS, TooMuchMetadata
from scheduling.lib.safe_http import NotPublic
from scheduling.models import ExtraHours, WorkingHours
from scheduling.overlapping_hours import OverlappingHours
from scheduling.slots import SlotTaken


@dataclass(frozen=True)
class Problem:
    """How an exception is answered; ``extras(error)`` returns further members, as ``example`` shows them."""

    status: int
    code: str
    advice: str
    extras: Callable = lambda error: {}
    example: dict = field(default_factory=dict)
    optional: tuple = ()  # what not every answer has of these
    title: str = ""  # for exceptions that are not ours

    def get_title(self, exception):
        """Return the English sentence that says what happened."""
        return self.title or get_english(exception)


@cache
def get_english(exception: type) -> str:
    """Return an exception's message in English: programs read it, and a page's language must not change it."""
    with translation.override(None):
        return str(exception.message)


def retry_after(error):
    return {"retry_after": error.retry_after}


def write_proof_url(error):
    path = reverse("widget:proof", args=[error.service.slug])
    return {"proof_url": f"{settings.SITE_URL}{path}", "retry_after": error.retry_after}


def describe_conflict(error):
    conflict = {"conflict": "overlap" if error.conflict.is_overlap else "same-day"}
    return conflict | ({"appointment_id": error.conflict.appointment_id} if error.conflict.appointment_id else {})


RETRY_SHORTLY = {"retry_after": 2}
READ_AGAIN = "Read it again, then repeat the change with its new ETag."
HOURS = {"working_hours_id": WorkingHours, "extra_hours_id": ExtraHours}
OPENING = {
    "start_time": "2026-03-30T09:30:00+01:00",
    "end_time": "2026-03-30T10:00:00+01:00",
    "clinician_id": "2f6e0e2c-4c57-4f5e-9a0b-8e1f6f0a7f11",
    "clinician_name": "Dana Reed",
    "location_id": "0b8f7b1e-93a5-4a0c-8b52-5f3a1c9d2e44",
    "location_name": "Harbour Street",
    "timezone": "Europe/London",
    "is_remote": False,
    "booking_key": "…",
}
MISSPELLED = {"pointer": "#/start_dat", "code": "unknown", "detail": "There is no such field; check its spelling."}
TAKEN = {"pointer": "#/external_id", "code": "unique", "detail": "Another patient has it."}

PROBLEMS = {
    SlotTaken: Problem(
        409,
        "slot-taken",
        "Offer one of the alternatives, or ask for availability again.",
        lambda error: {"alternatives": getattr(error, "alternatives", [])},
        {"alternatives": [OPENING]},
    ),
    slot_selection.NotOffered: Problem(
        422,
        "not-offered",
        "The members reason and reasons say why. Choose a time from availability.",
        lambda error: {"reason": error.reasons[0], "reasons": error.reasons},
        {"reason": "closed", "reasons": ["closed", "too-soon"]},
    ),
    transitions.HoldExpired: Problem(
        404,
        "hold-expired",
        "Place a new hold; the alternatives are the nearest free times.",
        lambda error: {"expired_at": error.hold.expires_at, "alternatives": getattr(error, "alternatives", [])},
        {"expired_at": "2026-03-27T16:20:00Z", "alternatives": [OPENING]},
    ),
    transitions.HoldNotFound: Problem(404, "not-found", "Check the id. A key sees only the holds it has placed."),
    refusals.NotHeldAnyMore: Problem(
        404,
        "not-found",
        "With an Idempotency-Key the same request again has the same answer.",
    ),
    holds.TooManyHolds: Problem(
        429, "too-many-holds", "Confirm or release one of the holds, or wait.", retry_after, {"retry_after": 840}
    ),
    scarcity.NeedsProof: Problem(
        429,
        "needs-proof",
        "Send the visitor to the page named here, where a link in an e-mail is the way on; or wait. To confirm a hold "
        "it is enough to name an e-mail address of who comes.",
        write_proof_url,
        {"proof_url": "https://booking.clinic.example/book/consultation/proof", "retry_after": 20_400},
    ),
    patient_drafts.DraftNotFound: Problem(
        404,
        "draft-not-found",
        "Write the person down anew: with a publishable key that id is good once, for an hour, on the same site.",
    ),
    patient_drafts.TooManyDrafts: Problem(
        429, "too-many-drafts", "Confirm a hold with one of them, or wait.", retry_after, {"retry_after": 840}
    ),
    holds.TooManyExtensions: Problem(409, "no-more-extensions", "Confirm the hold, or place a new one later."),
    transitions.WrongState: Problem(
        409,
        "wrong-state",
        "The member subject says of what, state its present state, and allowed what may follow.",
        lambda error: {"subject": error.subject, "state": error.state, "allowed": error.allowed},
        {"subject": "appointment", "state": "cancelled", "allowed": []},
    ),
    transitions.ChangedMeanwhile: Problem(412, "changed-meanwhile", READ_AGAIN),
    records.NhsNumberTaken: Problem(
        409,
        "nhs-number-taken",
        "Find that patient by the number, or leave it out and let staff look.",
    ),
    records.ExternalIdTaken: Problem(
        409,
        "external-id-taken",
        "Find that patient by external_id, or send another one. It may be in the archive.",
        lambda error: {"errors": [TAKEN]},
        {"errors": [TAKEN]},
    ),
    TooMuchMetadata: Problem(
        409,
        "too-much-metadata",
        f"Take some out first: {MAX_METADATA_KEYS} names and {MAX_METADATA_BYTES:,} bytes as JSON are the most.",
    ),
    records.PatientArchived: Problem(
        409,
        "patient-archived",
        "Find the patient again, and use the record that is found.",
    ),
    records.PatientChanged: Problem(412, "changed-meanwhile", READ_AGAIN),
    appointments.PastCutoff: Problem(
        409,
        "past-cutoff",
        "Call the clinic: it can still be changed by staff.",
        lambda error: {"cutoff_at": error.cutoff_at},
        {"cutoff_at": "2026-03-29T08:30:00Z"},
    ),
    appointments.TooEarly: Problem(
        409,
        "too-early",
        "Send it again once the visit has begun. A patient may arrive on the whole of its day.",
        lambda error: {"starts_at": error.starts_at},
        {"starts_at": "2026-03-30T08:00:00Z"},
    ),
    approvals.ProviderRefused: Problem(
        409,
        "provider-refused",
        "Nothing is booked; if the time was held, it is held still. Choose another time.",
    ),
    approvals.ProviderUnavailable: Problem(
        502,
        "provider-unavailable",
        "Nothing is booked; if the time was held, it is held still. "
        "Try again, or send async_confirmation and learn of it later.",
    ),
    patient_conflicts.PatientBusy: Problem(
        409,
        "patient-busy",
        "Nothing has changed. Choose another time, or cancel the appointment named here; staff can book all the same. "
        "conflict says whether it is at the same time or on the same day.",
        describe_conflict,
        {"conflict": "overlap", "appointment_id": "9b2d6a1e-3c74-4c0a-8a55-1f0e7c2b6d83"},
        optional=("appointment_id",),
    ),
    signatures.BadSignature: Problem(
        401,
        "bad-signature",
        "Sign the body as it is sent, with the provider's secret and the time it is now.",
    ),
    appointments.OrderBooked: Problem(
        409,
        "order-booked",
        "Use the appointment named here, or cancel it first.",
        lambda error: {"appointment_id": error.appointment_id},
        {"appointment_id": "9b2d6a1e-3c74-4c0a-8a55-1f0e7c2b6d83"},
    ),
    appointments.OrderCancelled: Problem(409, "order-cancelled", "Create another order."),
    client_users.ClientUserExists: Problem(
        409,
        "user-exists",
        "Use the user named here.",
        lambda error: {"user_id": error.client_user.pk, "created_on": error.client_user.created_at},
        {"user_id": "3f1a9c04-52a7-4b1e-8d55-0a6c7e9b2d11", "created_on": "2026-03-27T16:20:00Z"},
    ),
    client_users.OtherPerson: Problem(
        409, "other-person", "Check whom the order is for, or create another user for that person."
    ),
    orders.NoEmailAddress: Problem(409, "no-email-address", "Write one down with the patient first."),
    records.PatientExists: Problem(
        409,
        "patient-exists",
        "Use the patient named here, or send allow_duplicate.",
        lambda error: {"patient_id": error.patient.pk},
        {"patient_id": "6c1c0f57-7c56-4d5b-9b0c-b1b2f0a3d9e7"},
    ),
    NotPublic: Problem(
        422,
        "not-public",
        "Check its spelling, that it has no user name or password and no port but 443 or 8443, and that its name "
        "is known everywhere. "
        "Nothing was sent to it.",
    ),
    endpoints.EndpointDisabled: Problem(409, "endpoint-disabled", "Enable it first."),
    endpoints.AlreadyOnItsWay: Problem(409, "already-on-its-way", "Read it in a moment: how it went is there then."),
    InvalidBookingKey: Problem(400, "invalid-booking-key", "Ask for availability again and use a key from there."),
    OverlappingHours: Problem(
        422,
        "overlapping-hours",
        "Change the hours that one of the ids names first, or these: date is the first on which they overlap.",
        lambda error: (
            {name: error.other.pk if isinstance(error.other, kind) else None for name, kind in HOURS.items()}
            | {"date": error.day}
        ),
        {"working_hours_id": 41, "extra_hours_id": None, "date": "2026-12-21"},
    ),
    api_keys.InvalidKey: Problem(401, "invalid-key", "Send a live key: Authorization: Bearer hf_sec_…"),
    refusals.MissingScope: Problem(
        403,
        "missing-scope",
        "Use a key with the scope named here. A publishable key reaches no patient, whatever scopes it has.",
        lambda error: {"scope": error.scope},
        {"scope": "read_patients"},
    ),
    refusals.SecretKeyRequired: Problem(403, "secret-key-required", "Call from a server, with a secret key."),
    refusals.ForeignOrigin: Problem(
        403, "foreign-origin", "Call from such a page, or add the site to the key's allowed origins in admin."
    ),
    refusals.HttpsRequired: Problem(
        403,
        "https-required",
        "Use the https address, and rotate the key: it has just been sent for everybody on the way to read.",
    ),
    idempotency.KeyReused: Problem(422, "idempotency-key-reused", "Use a new Idempotency-Key for a new request."),
    idempotency.KeyInFlight: Problem(
        409,
        "idempotency-key-in-flight",
        "Wait, then send the same request again.",
        lambda error: RETRY_SHORTLY,
        RETRY_SHORTLY,
    ),
    exceptions.Throttled: Problem(
        429,
        "throttled",
        "Wait as many seconds as Retry-After says.",
        lambda error: {"retry_after": error.wait},
        {"retry_after": 31},
        title="Too many requests.",
    ),
    refusals.Busy: Problem(
        503, "busy", "Send the same request again in a moment; nothing has changed.", retry_after, RETRY_SHORTLY
    ),
    exceptions.ValidationError: Problem(
        400,
        "validation",
        "The member errors says what is wrong and where; once that is mended, it may say more.",
        lambda error: {"errors": list_errors(error)},
        {"errors": [MISSPELLED]},
        title="Some of what was sent is not valid.",
    ),
    exceptions.ParseError: Problem(
        400, "malformed", "Send a JSON object in UTF-8.", title="The body could not be read."
    ),
    refusals.Unreadable: Problem(400, "unreadable", "Check the Host header, the address and its encoding."),
    refusals.TooManyParameters: Problem(400, "too-many-parameters", "Send a thousand at most."),
    exceptions.NotFound: Problem(
        404, "not-found", "Check the address and the ids in it.", title="There is no such thing."
    ),
    exceptions.MethodNotAllowed: Problem(
        405, "method-not-allowed", "The header Allow lists what works here.", title="That method does not work here."
    ),
    exceptions.NotAcceptable: Problem(
        406, "not-acceptable", "Accept application/json.", title="The answer exists in JSON only."
    ),
    refusals.LengthRequired: Problem(
        411, "length-required", "Send a Content-Length, and not Transfer-Encoding: chunked."
    ),
    refusals.RequestTooLarge: Problem(413, "too-large", "Send less than a megabyte."),
    exceptions.UnsupportedMediaType: Problem(
        415, "unsupported-media-type", "Send application/json.", title="The body must be JSON."
    ),
    refusals.InternalError: Problem(500, "internal-error", "Try again later, and tell us the request_id if it stays."),
}
