"""Booking keys: opaque signed strings, each of which books one opening.

A key holds the service, clinician (or any), location, whether it is remote, and the start. It is valid for a day.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from booking.access.tokens import signing_keys

LIFETIME = timedelta(days=1)
ANYONE = UUID(int=0)


class InvalidBookingKey(Exception):
    """The booking key is forged, stale or for something else."""

    message = _("The booking key is forged, stale or not for this.")


class BookingKey(NamedTuple):
    """The content of a key: ``clinician_id`` is None for any clinician, ``start`` is a Unix timestamp.

    ``is_assigned`` means that we chose the clinician, because the caller named none.
    """

    service_id: UUID
    clinician_id: UUID | None
    location_id: UUID
    is_remote: bool
    start: int
    is_assigned: bool


class Signer:
    """Signs the openings of one service with one clinician at one place, about a million a second.

    One response has thousands, so their common part is hashed once and each opening adds its start.
    """

    def __init__(
        self,
        *,
        service_id: UUID,
        clinician_id: UUID | None,
        location_id: UUID,
        is_remote: bool,
        now: datetime,
        is_assigned: bool = False,
    ) -> None:
        ends = int((now + LIFETIME).timestamp())
        shared = service_id.bytes + (clinician_id or ANYONE).bytes + location_id.bytes
        shared += bytes([is_remote + 2 * is_assigned]) + ends.to_bytes(5)
        self.prefix = base64.urlsafe_b64encode(shared).decode()
        self.hash = hashlib.blake2b(shared, key=_secret(settings.SECRET_KEY), digest_size=16)

    def sign(self, start: int) -> str:
        """Return the key of the opening that starts at ``start``."""
        signature = self.hash.copy()
        signature.update(b"%d" % start)
        return f"{self.prefix}.{start}.{signature.hexdigest()}"


def read_booking_key(text: str, *, now: datetime) -> BookingKey:
    """Verify and decode a key; return its BookingKey or raise InvalidBookingKey."""
    try:
        prefix, start, signature = text.split(".")
        shared = base64.b64decode(prefix.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InvalidBookingKey from error
    if base64.urlsafe_b64encode(shared).decode() != prefix:  # reject other spellings: Python also accepts + and /
        raise InvalidBookingKey
    if not any(_is_signed(key, shared, start, signature) for key in signing_keys()):
        raise InvalidBookingKey
    # The signature is ours, so the layout is that of Signer.
    service, clinician, location = (UUID(bytes=shared[at : at + 16]) for at in (0, 16, 32))
    if int.from_bytes(shared[49:54]) <= now.timestamp():
        raise InvalidBookingKey
    is_remote, is_assigned = bool(shared[48] & 1), bool(shared[48] & 2)
    clinician = None if clinician == ANYONE else clinician
    return BookingKey(service, clinician, location, is_remote, int(start), is_assigned)


def _is_signed(key, shared, start, signature):
    expected = hashlib.blake2b(shared, key=_secret(key), digest_size=16)
    expected.update(start.encode("utf-8", "replace"))
    return hmac.compare_digest(expected.hexdigest().encode(), signature.encode("utf-8", "replace"))


def _secret(key):
    return hashlib.sha256(b"booking key" + key.encode()).digest()
