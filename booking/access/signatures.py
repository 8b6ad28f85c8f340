"""Signatures as Standard Webhooks says: what was said, when, and that it was said by who knows the secret."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext_lazy as _

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)


class BadSignature(Exception):
    """The signature is missing, wrong or too old."""

    message = _("The signature is missing, not right, or too old.")


def make_secret():
    """Return a new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(keys, *, message_id, at, body):
    """Return the headers for ``body`` (bytes), signed with each of ``keys``, which are secrets.

    ``message_id`` stays the same when a message is sent again; ``at`` is when it is sent, an aware datetime.
    """
    message_id, timestamp = str(message_id), str(int(at.timestamp()))
    signatures = [f"v1,{_signature(key, message_id, timestamp, body)}" for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(key, headers, body, now):
    """Return the id of the message that ``body`` (bytes) is, or raise BadSignature.

    ``headers`` is any mapping, its names in any case; ``now`` an aware datetime. The same id again is the same
    message again: it is for the caller to remember those it has done.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, given = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    # "." would make the border of id and time a matter of opinion, and int() reads digits of every script.
    if not re.fullmatch(r"[!-\-/-~]{1,255}", message_id) or not re.fullmatch("[0-9]{1,11}", timestamp):
        raise BadSignature
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        raise BadSignature
    try:
        right = f"v1,{_signature(key, message_id, timestamp, body)}".encode()
    except ValueError as error:  # without a proper secret nobody can have signed
        raise BadSignature from error
    # Each is compared in the same time: how long it takes tells nothing.
    matches = [hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in given.split(" ")]
    if not any(matches):
        raise BadSignature
    return message_id


def _signature(key, message_id, timestamp, body):
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(_bytes_of(key), signed, hashlib.sha256).digest()).decode()


def _bytes_of(key):
    try:
        found = base64.b64decode(key.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not 24 <= len(found) <= 64:  # an empty one would be anybody's
        raise ValueError("A secret is whsec_ and Base64 of 24 to 64 bytes.")
    return found
