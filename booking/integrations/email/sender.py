"""Who e-mails are from, and the headers that say so."""

from email.utils import formataddr, parseaddr

from django.conf import settings
from django.utils.encoding import punycode  # pyright: ignore[reportAttributeAccessIssue]

from booking.models import OutboxMessage, get_branding


def get_sender_address() -> str:
    """Return the address that e-mails are from, without a name."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def get_sender() -> str:
    """Return whom patients' e-mails are from: the name that the clinic has chosen, with the address."""
    name = get_branding().sender_name
    return formataddr((name, get_sender_address())) if name else settings.DEFAULT_FROM_EMAIL


def get_envelope_sender() -> str:
    """Return the address that e-mails are sent back to when they cannot be delivered."""
    return settings.BOUNCE_ADDRESS or get_sender()


def make_headers(message: OutboxMessage) -> dict[str, str]:
    """Return the headers of an e-mail that identify it and say that no person wrote it."""
    domain = punycode(get_sender_address().rpartition("@")[2])
    return {
        # The same for every attempt: mail programs recognise a repeated message by it.
        "Message-ID": f"<{message.pk}@{domain}>",
        # So that nobody's out-of-office note answers it (RFC 3834).
        "Auto-Submitted": "auto-generated",
    }
