"""Signatures of Standard Webhooks: an HMAC over message id, timestamp and body."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)


class BadSignature(Exception):
    """The signature is missing, wrong or too old."""

    message = _("The signature is missing, not right, or too old.")


def make_secret() -> str:
    """Return a new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(keys: Iterable[str], *, message_id: UUID | str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the signature headers for ``body``, signed with each of the secrets ``keys``.

    ``message_id`` stays the same for retries; ``at`` is the time of sending, aware.
    """
    message_id, timestamp = str(message_id), str(int(at.timestamp()))
    signatures = [f"v1,{_signature(key, message_id, timestamp, body)}" for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(key: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the id of the message that ``body`` is, or raise BadSignature.

    ``headers`` is any mapping, its names in any case; ``now`` is aware. A repeated
    id means a repeated message: the caller remembers the ids that it processed.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, given = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    # A "." would make the boundary between id and timestamp ambiguous, and int() accepts digits of every script.
    if not re.fullmatch(r"[!-\-/-~]{1,255}", message_id) or not re.fullmatch("[0-9]{1,11}", timestamp):
        raise BadSignature
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        raise BadSignature
    try:
        expected = f"v1,{_signature(key, message_id, timestamp, body)}".encode()
    except ValueError as error:  # a malformed secret cannot have signed anything
        raise BadSignature from error
    # Constant time, for each of several signatures.
    matches = [hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in given.split(" ")]
    if not any(matches):
        raise BadSignature
    return message_id


def _signature(key, message_id, timestamp, body):
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(_decode_secret(key), signed, hashlib.sha256).digest()).decode()


def _decode_secret(key):
    try:
        found = base64.b64decode(key.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not 24 <= len(found) <= 64:  # anybody could sign with an empty secret
        raise ValueError("A secret is whsec_ and Base64 of 24 to 64 bytes.")
    return found
