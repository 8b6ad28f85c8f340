"""Another system, asked over HTTP. docs/providers.md is the other side's view of this."""

from uuid import uuid4

import orjson
from django.conf import settings
from django.utils import timezone

from booking.access import signatures
from booking.integrations.approvers.base import Answer, NotAnswered
from scheduling.lib import safe_http

SAYS = {"confirmed", "reserved", "pending", "refused"}
MAX_BYTES = 20_000  # bytes of an answer


def at_once(provider, booking, *, at, answer_within=None):
    """Return None: it must be asked."""


def ask(provider, booking, attendee, *, version, timeout):
    """Ask the provider to have the booking (a Hold or an Appointment) as it is now, and return its Answer.

    ``version`` grows with each change of the booking: what is older than what it knows it must not heed.
    """
    content = _send(
        provider, "PUT", f"/appointments/{booking.pk}", timeout, write(provider, booking, attendee, version)
    )
    status, reference = content.get("status"), content.get("provider_id") or ""
    if status not in SAYS:
        raise NotAnswered("an answer without a status")
    if not (isinstance(reference, str) and len(reference) <= 100 and reference.isprintable()):
        raise NotAnswered("an answer with a strange provider_id")
    return Answer(status, reference)


def take_back(provider, booking_id, *, version, timeout):
    """See to it that the provider does not have the booking; that it never had it is fine."""
    content = {"id": str(booking_id), "version": version}  # in the body, which is what a signature is of
    _send(provider, "DELETE", f"/appointments/{booking_id}", timeout, content, fine=(404, 410))


def check(provider, *, timeout):
    """Ask the provider whether it is there and takes our signature."""
    _send(provider, "GET", "", timeout)


def write(provider, booking, attendee, version):
    """Return what the provider must know of a booking: see "What is sent" in docs/providers.md."""
    return {
        "id": str(booking.pk),
        "version": version,
        "start_time": booking.local_start.isoformat(),
        "end_time": booking.local_end.isoformat(),
        "timezone": booking.location.timezone,
        "is_remote": booking.is_remote,
        "service": {"id": str(booking.service_id), "slug": booking.service.slug, "name": booking.service.name},
        "clinician": {"id": str(booking.clinician_id), "name": booking.clinician.name},
        "location": {"id": str(booking.location_id), "name": booking.location.name},
        "attendee": attendee._asdict(),
        "order": _order(booking.order) if booking.order_id else None,
        "callback_url": f"{settings.SITE_URL}/api/providers/{provider.pk}/answers" if settings.SITE_URL else None,
    }


def _order(order):
    address = {
        "line_1": order.address_line_1,
        "line_2": order.address_line_2,
        "unit": order.unit,
        "city": order.city,
        "state": order.state,
        "postcode": order.postcode,
        "country": order.country,
    }
    address = address if any(address.values()) else None
    return {"id": str(order.pk), "external_id": order.external_id, "address": address}


def _send(provider, method, path, timeout, content=None, *, fine=()):
    body = orjson.dumps(content) if content else b""
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if content else {})}
    headers |= signatures.sign([provider.secret], message_id=uuid4(), at=timezone.now(), body=body)
    url = provider.url.rstrip("/") + path
    try:
        answer = safe_http.send(method, url, body=body or None, headers=headers, timeout=timeout, limit=MAX_BYTES)
    except (safe_http.NotPublic, safe_http.Unreachable) as error:
        raise NotAnswered(str(error) or "its address is not public") from error
    if answer.status in fine:
        return {}
    if not 200 <= answer.status < 300:
        raise NotAnswered(f"HTTP {answer.status}")
    return _read(answer) if method == "PUT" else {}


def _read(answer):
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise NotAnswered("an answer that is not JSON") from error
    return content if isinstance(content, dict) else {}
