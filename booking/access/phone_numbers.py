"""The phone numbers that texts go to: their pseudonyms, who has proved one, and how many texts one may get.

A text costs money and wakes people, so a number that somebody typed gets none but the code that proves it.
"""

from datetime import datetime

import phonenumbers
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from booking.models import PhoneNumber
from scheduling.lib.phones import split_phone

MAX_UNCONFIRMED = 3  # texts a day to a number that nobody has proved
# What is texted to the others is read by nobody, or costs what the owner of the number likes.
TEXTED_TYPES = {
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE,
}

# Exact: of concurrent texts each waits for the row.
ALLOW = """
    INSERT INTO booking_phonenumber AS known (number_hash, sent_on, sent) VALUES (%(hash)s, %(today)s::date, 1)
    ON CONFLICT (number_hash) DO UPDATE SET
           sent = CASE WHEN known.sent_on = excluded.sent_on THEN known.sent + 1 ELSE 1 END, sent_on = excluded.sent_on
     WHERE known.sent_on IS DISTINCT FROM excluded.sent_on OR known.sent < %(limit)s
"""


def get_number_id(number: str) -> str:
    """Return a pseudonymous id of a phone number in E.164, without its extension."""
    return salted_hmac("booking.phone", split_phone(number).number, algorithm="sha256").hexdigest()  # pyright: ignore


def can_be_texted(number: str) -> bool:
    """Return whether texts are sent at all, and to a number like that: a person's, of one of SMS_COUNTRIES."""
    if settings.SMS_BACKEND == "none" or split_phone(number).extension:
        return False
    try:
        read = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    country = phonenumbers.region_code_for_number(read)
    return country in settings.SMS_COUNTRIES and phonenumbers.number_type(read) in TEXTED_TYPES


def is_confirmed(number: str) -> bool:
    """Return whether somebody has proved that the number is theirs."""
    return PhoneNumber.objects.filter(number_hash=_hash(number)).exclude(confirmed_at=None).exists()


def note_confirmed(number: str, *, at: datetime) -> None:
    """Store that who reads the texts of a number has typed the code in one, or pressed its link."""
    known, is_new = PhoneNumber.objects.get_or_create(number_hash=_hash(number), defaults={"confirmed_at": at})
    if not is_new and known.confirmed_at is None:
        PhoneNumber.objects.filter(pk=known.pk).update(confirmed_at=at)


def allow_text(number: str, *, is_typed: bool = False) -> bool:
    """Count a text to a number and return whether it may be sent: SMS_PER_NUMBER a day, fewer to one just typed."""
    limit = min(MAX_UNCONFIRMED, settings.SMS_PER_NUMBER) if is_typed else settings.SMS_PER_NUMBER
    with connection.cursor() as cursor:
        cursor.execute(ALLOW, {"hash": _hash(number), "today": str(_today()), "limit": limit})
        return cursor.rowcount == 1


def uncount_text(number: str) -> None:
    """Take back what allow_text has counted: the text could not be sent."""
    row = PhoneNumber.objects.filter(number_hash=_hash(number), sent_on=_today(), sent__gt=0)
    row.update(sent=F("sent") - 1)


def forget_number(number: str) -> None:
    """Delete what is known of a number."""
    PhoneNumber.objects.filter(number_hash=_hash(number)).delete()


def forget_unconfirmed_numbers() -> None:
    """Delete the numbers that nobody has proved, once their texts no longer count."""
    PhoneNumber.objects.filter(confirmed_at=None, sent_on__lt=_today()).delete()


def _hash(number):
    return bytes.fromhex(get_number_id(number))


def _today():
    return timezone.now().date()
