"""Another system, asked over HTTP. docs/providers.md is the other side's view of this."""

from uuid import uuid4

import orjson
from django.conf import settings
from django.utils import timezone

from booking.access import signatures
from booking.integrations.approvers.base import Answer, Approver, NotAnswered
from scheduling.lib import safe_http

STATUSES = {"confirmed", "reserved", "pending", "refused"}
MAX_BYTES = 20_000  # of an answer


class UpstreamApprover(Approver):
    kind = "upstream"
    label = "another system, asked over HTTP"
    is_remote = True
    is_staff = False

    def acknowledge(self, provider, booking, *, at, answer_within=None):
        raise NotImplementedError("Another system is asked before the booking is made.")

    def ask(self, provider, request, *, timeout):
        """Ask the system to take the booking as it is now, and return its Answer; raises NotAnswered."""
        path = f"/appointments/{request.booking.pk}"
        content = _send(provider, "PUT", path, timeout, write_request(provider, request))
        status, reference = content.get("status"), content.get("provider_id") or ""
        if status not in STATUSES:
            raise NotAnswered("an answer without a status")
        if not (isinstance(reference, str) and len(reference) <= 100 and reference.isprintable()):
            raise NotAnswered("an answer with a strange provider_id")
        return Answer(status, reference)

    def withdraw(self, provider, booking_id, *, version, timeout):
        """See to it that the system does not have the booking, which it may never have had; raises NotAnswered."""
        content = {"id": str(booking_id), "version": version}  # in the body, which is what a signature is of
        _send(provider, "DELETE", f"/appointments/{booking_id}", timeout, content, accepted=(404, 410))

    def forget(self, provider, booking_id, *, version, timeout):
        """Have the system erase who came; one that does not know how answers 404, 405 or 410. Raises NotAnswered."""
        content = {"id": str(booking_id), "version": version}
        path = f"/appointments/{booking_id}/attendee"
        _send(provider, "DELETE", path, timeout, content, accepted=(404, 405, 410))

    def check(self, provider, *, timeout):
        """Raise NotAnswered unless the system is there and takes our signature."""
        _send(provider, "GET", "", timeout)


def write_request(provider, request):
    """Return what another system must know of a booking: see "What is sent" in docs/providers.md."""
    booking = request.booking
    return {
        "id": str(booking.pk),
        "version": request.version,
        "start_time": booking.local_start.isoformat(),
        "end_time": booking.local_end.isoformat(),
        "timezone": booking.location.timezone,
        "is_remote": booking.is_remote,
        "service": {"id": str(booking.service_id), "slug": booking.service.slug, "name": booking.service.name},
        "clinician": {"id": str(booking.clinician_id), "name": booking.clinician.name},
        "location": {"id": str(booking.location_id), "name": booking.location.name},
        "attendee": request.attendee._asdict(),
        "order": _write_order(booking.order) if booking.order_id else None,
        "callback_url": f"{settings.SITE_URL}/api/providers/{provider.pk}/answers" if settings.SITE_URL else None,
    }


def _write_order(order):
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


def _send(provider, method, path, timeout, content=None, *, accepted=()):
    body = orjson.dumps(content) if content else b""
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if content else {})}
    headers |= signatures.sign([provider.secret], message_id=uuid4(), at=timezone.now(), body=body)
    url = provider.url.rstrip("/") + path
    try:
        answer = safe_http.send(method, url, body=body or None, headers=headers, timeout=timeout, limit=MAX_BYTES)
    except (safe_http.NotPublic, safe_http.Unreachable) as error:
        raise NotAnswered(str(error) or "its address is not public") from error
    if answer.status in accepted:
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
