"""The e-mail addresses that visitors type: their pseudonyms, who has confirmed one, and how many mails one may get.

Nobody has to own an address to type it, so without a limit we would be a cannon for whoever wants to annoy somebody.
"""

from datetime import datetime

from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from booking.models import EmailAddress

# Mails a day that strangers can cause.
MAX_UNCONFIRMED = 3
MAX_CONFIRMED = 20

# Where dots in a name mean nothing.
DOTLESS = {"gmail.com", "googlemail.com"}

# Exact: of concurrent mails each waits for the row.
ALLOW = """
    INSERT INTO booking_emailaddress AS known (address_hash, sent_on, sent) VALUES (%(hash)s, %(today)s::date, 1)
    ON CONFLICT (address_hash) DO UPDATE SET
           sent = CASE WHEN known.sent_on = excluded.sent_on THEN known.sent + 1 ELSE 1 END, sent_on = excluded.sent_on
     WHERE known.sent_on IS DISTINCT FROM excluded.sent_on
        OR known.sent < CASE WHEN known.confirmed_at IS NULL THEN %(unconfirmed)s ELSE %(confirmed)s END
"""


def get_email_id(address: str) -> str:
    """Return a pseudonymous id of an e-mail address: the same for all the spellings that reach one mailbox."""
    name, _, domain = address.strip().lower().rpartition("@")
    name = name.partition("+")[0] or name
    if domain in DOTLESS:
        name, domain = name.replace(".", ""), "gmail.com"
    return salted_hmac("booking.email", f"{name}@{domain}", algorithm="sha256").hexdigest()  # pyright: ignore


def allow_email(address: str) -> bool:
    """Count a mail that a stranger has caused, and return whether it may be sent: a few a day to each address."""
    limits = {"unconfirmed": MAX_UNCONFIRMED, "confirmed": MAX_CONFIRMED}
    with connection.cursor() as cursor:
        cursor.execute(ALLOW, {"hash": _hash(address), "today": str(_today()), **limits})
        return cursor.rowcount == 1


def uncount_email(address: str) -> None:
    """Take back what allow_email has counted: the mail could not be sent."""
    row = EmailAddress.objects.filter(address_hash=_hash(address), sent_on=_today(), sent__gt=0)
    row.update(sent=F("sent") - 1)


def note_confirmed(address: str, *, at: datetime) -> None:
    """Store that who reads the mail of an address has pressed the link in it."""
    known, is_new = EmailAddress.objects.get_or_create(address_hash=_hash(address), defaults={"confirmed_at": at})
    if not is_new and known.confirmed_at is None:
        EmailAddress.objects.filter(pk=known.pk).update(confirmed_at=at)


def forget_address(address: str) -> None:
    """Delete what is known of an address."""
    EmailAddress.objects.filter(address_hash=_hash(address)).delete()


def forget_unconfirmed_addresses() -> None:
    """Delete the addresses that nobody has confirmed, once their mails no longer count."""
    EmailAddress.objects.filter(confirmed_at=None, sent_on__lt=_today()).delete()


def _hash(address):
    return bytes.fromhex(get_email_id(address))


def _today():
    return timezone.now().date()
