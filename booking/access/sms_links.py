"""Short links in text messages, and the addresses to which gateways report on them. Both are derived, as in e-mails."""

import base64
import hmac
from uuid import UUID

from django.conf import settings
from django.core import signing

from booking.access.tokens import hash_token, signing_keys
from booking.models import Reminder

LINK_BYTES = 9  # twelve characters: 72 bits, of which pages try few a minute
SIGNATURE_BYTES = 16


def reminder_token(reminder: Reminder) -> str:
    """Return the token of a reminder's short link. It ends when the links to its appointment are revoked."""
    return _reminder_token(settings.SECRET_KEY, reminder)


def find_reminder(token: str) -> Reminder | None:
    """Return the reminder that a short link is of, with its appointment, or None."""
    reminder = Reminder.objects.select_related("appointment").filter(link_hash=hash_token(token)).first()
    if reminder is None or token not in [_reminder_token(key, reminder) for key in signing_keys()]:
        return None
    return reminder


def report_token(text_id: UUID) -> str:
    """Return the token of the address to which the gateway reports on a text."""
    return _encode(text_id.bytes + _sign(settings.SECRET_KEY, "report on", text_id.hex)[:SIGNATURE_BYTES])


def read_report_token(token: str) -> UUID | None:
    """Return the id of the text that a report is about, or None if the address is forged."""
    try:
        read = signing.b64_decode(token.encode())
        id, signature = UUID(bytes=read[:16]), read[16:]
    except ValueError:
        return None
    expected = [_sign(key, "report on", id.hex)[:SIGNATURE_BYTES] for key in signing_keys()]
    return id if any(hmac.compare_digest(signature, each) for each in expected) else None


def _reminder_token(key, reminder):
    version = reminder.appointment.link_version
    return _encode(_sign(key, "short link of", f"{reminder.pk.hex} {version}")[:LINK_BYTES])


def _sign(key, what, of):
    return hmac.digest(key.encode(), f"{what} {of}".encode(), "sha256")


def _encode(secret):
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
