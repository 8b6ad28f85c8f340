"""E-mails that nobody received: refused by the mail server, or sent back later with a report (RFC 3464)."""

import re
from email import message_from_bytes, policy
from email.message import Message
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import NamedTuple
from uuid import UUID

from booking.models import OutboxMessage, UndeliverableMail

# Refused for a policy of a server, perhaps of ours, and not for the address: such a mail is tried again.
POLICY = "5.7."
ENHANCED = re.compile(r"\b5\.[0-9]{1,3}\.[0-9]{1,3}\b")
MESSAGE_ID = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s]+>")


class Bounce(NamedTuple):
    """What a report says: which message failed, and the code why (RFC 3463)."""

    message_id: UUID
    code: str


def find_refusal(error: Exception) -> str:
    """Return the code with which a mail server has refused an address for good, or "" for any other error."""
    if isinstance(error, SMTPRecipientsRefused):
        [(number, reason), *_] = error.recipients.values()
    elif isinstance(error, SMTPDataError):
        number, reason = error.smtp_code, error.smtp_error
    else:
        return ""
    if not 550 <= number <= 559:
        return ""
    found = ENHANCED.search(reason.decode(errors="replace") if isinstance(reason, bytes) else reason)
    code = found[0] if found else str(number)
    return "" if code.startswith(POLICY) else code


def note_undeliverable(message: OutboxMessage, source: UndeliverableMail.Source, code: str) -> bool:
    """Store that a message about an appointment or an order was not delivered; return whether that is news.

    It has no subject where somebody has only asked for a link: then there is nobody to tell.
    """
    about = {f"{name}_id": message.payload[name] for name in ("appointment", "order") if name in message.payload}
    if not about:
        return False
    what = {"kind": message.kind, "source": source, "status_code": code[:16]}
    _, is_new = UndeliverableMail.objects.get_or_create(pk=message.pk, defaults=what | about)
    return is_new


def read_bounce(raw: bytes) -> Bounce | None:
    """Return the Bounce in a mail as it was received, or None if it is no report of a lasting failure.

    Anybody can write such a mail, but only who has received a message knows its id.
    """
    report = message_from_bytes(raw, policy=policy.compat32)
    if report.get_content_type() != "multipart/report":
        return None
    code, original = "", ""
    for part in report.walk():
        match part.get_content_type():
            case "message/delivery-status":
                code = code or _find_failure(part)
            case "message/rfc822":
                original = original or _get_message_id(part.get_payload())
            case "text/rfc822-headers":
                original = original or _find_message_id(_decode(part))
    return Bounce(UUID(original), code) if code and original else None


def take_bounce(raw: bytes) -> UndeliverableMail | None:
    """Store what a report says about one of our messages of the last month; return it, or None if there is none."""
    bounce = read_bounce(raw)
    message = bounce and OutboxMessage.objects.filter(pk=bounce.message_id, kind__startswith="email.").first()
    if not bounce or not message:
        return None
    is_new = note_undeliverable(message, UndeliverableMail.Source.RETURNED, bounce.code)
    return UndeliverableMail.objects.get(pk=message.pk) if is_new else None


def _find_failure(part):
    """Return the status of the first recipient whom a report says that it will never reach, or ""."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        status = ENHANCED.search(str(block.get("Status", "")))
        if str(block.get("Action", "")).strip().lower() == "failed" and status:
            return status[0]
    return ""


def _get_message_id(payload):
    originals = payload if isinstance(payload, list) else []
    return _find_message_id(str(originals[0].get("Message-ID", ""))) if originals else ""


def _decode(part: Message) -> str:
    content = part.get_payload(decode=True)
    headers = content.decode(errors="replace") if isinstance(content, bytes) else ""
    return str(message_from_bytes(headers.encode()).get("Message-ID", ""))


def _find_message_id(text):
    found = MESSAGE_ID.search(text)
    return found[1] if found else ""
