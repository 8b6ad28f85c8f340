"""Read phone numbers as people write them, and write them for programs and for people."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

MAX_LENGTH = 32  # of a number with its extension, in the form of RFC 3966
MAX_EXTENSION_DIGITS = 7
MAX_TYPED = 64  # so that two numbers in one field can be named as such
ANY = "ZZ"  # what phonenumbers calls no country in particular
REGIONS = {*phonenumbers.SUPPORTED_REGIONS, ANY}
WITH_COUNTRY_CODE = re.compile(r"(tel:)?[+＋]")
# Reserved for fiction. For other countries libphonenumber has an example.
EXAMPLES = {"GB": "+442079460000", "US": "+12125550142"}
# How some countries call an extension; libphonenumber knows ext, x, #, int, anexo, доб and others.
EXTENSION = re.compile(
    r"[\s,;/]*(?:\b(?:ext(?:ensi[oó]n|n)?[\s.]*(?:no|nr|number)|durchwahl|nebenstelle|dw|nst|app|apparat|klappe|poste|"
    r"interno|wew|toestel|tst|ramal|добавочный)\b|ext[\s.]*#|内線|内线|內線|转|轉|내선)[\s.:]*(?=\d{1,7}\s*$)",
    re.I,
)
WORD = re.compile(r"[^\W\d_]{2,}")
# What stands between two numbers, but hardly within one.
BETWEEN = re.compile(r"[^\d\s().+\-]")


class BadPhone(ValidationError):
    """The text is no phone number of the countries in question."""


class Phone(NamedTuple):
    """A phone number in E.164, or as it was typed if somebody insisted, and an extension in digits, if any."""

    number: str
    extension: str = ""

    def __str__(self):
        """Return the number alone if it has no extension, else both in the form of RFC 3966."""
        return f"tel:{self.number};ext={self.extension}" if self.extension else self.number


def list_phone_countries(country: str | None = None) -> list[str]:
    """Return the countries that a number without country code may be of: that of its place, if known, the clinic's."""
    return [country, settings.DEFAULT_PHONE_REGION] if country else [settings.DEFAULT_PHONE_REGION]


def read_phone(text: str, countries: Iterable[str], *, is_checked: bool = True) -> Phone:
    """Return the Phone in ``text``; raises BadPhone.

    A number without country code is one of the first of ``countries`` (ISO 3166-1, two letters) in which there can
    be such a number; they are not read further than that. With ``is_checked`` false a number that is valid nowhere
    is taken as it is.
    """
    text = EXTENSION.sub(" ext. ", text.strip())
    tried = {}
    for country in [ANY] if WITH_COUNTRY_CODE.match(text) else map(str.upper, countries):
        if country in tried or country not in REGIONS:
            continue
        try:
            number = phonenumbers.parse(text, country)
        except NumberParseException as error:
            tried[country] = error
            continue
        tried[country] = number
        if phonenumbers.is_valid_number(number) and not _has_words_behind(text, number, country):
            return _check_extension(number, text, tried)
    if is_checked or not _count_digits(text) or len(text) > MAX_LENGTH:
        raise _explain(text, tried, [*tried, *countries])
    return _keep(text, tried)


def split_phone(written: str) -> Phone:
    """Return the Phone that ``str(phone)`` wrote."""
    number, _separator, extension = written.removeprefix("tel:").partition(";ext=")
    return Phone(number, extension)


def format_phone(written: str, country: str) -> str:
    """Return a Phone that was written with ``str`` as people write it: +44 20 7946 0000 ext. 204.

    A number without country code is taken for one of ``country``; what is none there is returned as it is.
    """
    try:
        number = phonenumbers.parse(written, country)
    except NumberParseException:
        return written
    if not written.startswith(("+", "tel:+")) and not phonenumbers.is_valid_number(number):
        return written
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _has_words_behind(text, number, country):
    """Return whether ``text`` has a valid number and then words, whose letters were read as digits of ``number``.

    In 1-800-FLOWERS they are its digits.
    """
    word = None if number.extension else WORD.search(text)
    return bool(word) and _is_number(text[: word.start()], [country], phonenumbers.is_valid_number)


def _check_extension(number, text, tried):
    phone = _as_phone(number)
    if len(phone.extension) > MAX_EXTENSION_DIGITS:
        if not WORD.search(text) and _has_two_numbers(text, tried):
            raise _two_numbers()
        raise BadPhone(
            _("The extension is too long: it may have %(number)s digits."),
            code="long_extension",
            params={"number": MAX_EXTENSION_DIGITS},
        )
    return phone


def _as_phone(number):
    extension = phonenumbers.normalize_digits_only(number.extension or "")
    return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164), extension)


def _keep(text, tried):
    """Return the number that cannot be checked: in E.164 if it has the length of one, else as it was typed."""
    for country, number in tried.items():
        is_possible = isinstance(number, PhoneNumber) and phonenumbers.is_possible_number(number)
        # A zero that is no trunk prefix is kept as it is typed: +440207946 is nobody's.
        if is_possible and not number.italian_leading_zero and not _has_words_behind(text, number, country):
            phone = _as_phone(number)
            if len(phone.extension) <= MAX_EXTENSION_DIGITS:
                return phone
    return Phone(text)


def _explain(text, tried, countries):
    """Return the BadPhone that says what is wrong with ``text``, as a number of the first country tried."""
    if _has_two_numbers(text, countries):
        return _two_numbers()
    country, number = next(iter(tried.items()), (ANY, None))
    style = PhoneNumberFormat.INTERNATIONAL if country == ANY else PhoneNumberFormat.NATIONAL
    if country == ANY and isinstance(number, PhoneNumber):
        country = phonenumbers.region_code_for_country_code(number.country_code or 0)
    params = {"country": country, "example": phonenumbers.format_number(_get_example(country), style)}
    code = _find_reason(text, number) if number else "invalid"
    return BadPhone(SENTENCES[code], code=code, params=params)


SENTENCES = {
    "too_short": _("That phone number is too short. Write all of it, such as %(example)s."),
    "too_long": _(
        "That phone number is too long. Write one such as %(example)s, or one of another country with + and its "
        "country code."
    ),
    "not_in_country": _(
        "There is no such phone number in this country (%(country)s). Write one such as %(example)s, "
        "or one of another country with + and its country code."
    ),
    "no_country_code": _("No country has the code after the +. Write a number such as %(example)s."),
    "words": _("Write only the phone number here, without words, such as %(example)s."),
    "invalid": _("Write a phone number such as %(example)s."),
}
PARSE_ERRORS = {
    NumberParseException.INVALID_COUNTRY_CODE: "no_country_code",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    NumberParseException.TOO_SHORT_NSN: "too_short",
    NumberParseException.TOO_LONG: "too_long",
}
LENGTHS = {
    ValidationResult.TOO_SHORT: "too_short",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too_short",
    ValidationResult.TOO_LONG: "too_long",
    ValidationResult.INVALID_COUNTRY_CODE: "no_country_code",
}


def _find_reason(text, number):
    """Return the key in SENTENCES for what phonenumbers.parse returned or raised."""
    is_read = isinstance(number, PhoneNumber)
    if WORD.search(text) and not text.startswith("tel:") and not (is_read and number.extension):
        return "words" if _count_digits(text) else "invalid"
    if not is_read:
        return PARSE_ERRORS.get(number.error_type, "too_short" if _count_digits(text) else "invalid")
    reason = LENGTHS.get(phonenumbers.is_possible_number_with_reason(number), "not_in_country")
    return "too_short" if reason == "not_in_country" and _is_beginning(number) else reason


def _is_beginning(number):
    """Return whether the number becomes a valid one by a few digits more."""
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    country = phonenumbers.region_code_for_country_code(number.country_code)
    national = digits.removeprefix(f"+{number.country_code}")
    longer = [national + "0" * count for count in range(1, 6)]
    return any(_is_number(each, [country], phonenumbers.is_valid_number) for each in longer)


def _two_numbers():
    return BadPhone(_("These are two phone numbers. Write only one here."), code="two_numbers")


def _has_two_numbers(text, countries):
    """Return whether ``text`` can be cut into two phone numbers between two of its digits."""
    for gap in re.finditer(r"\D+", text):
        before, after = text[: gap.start()], text[gap.start() :]
        # Where nothing else parts them, both must be valid: +49 30 12345 678 is not two short numbers.
        check = phonenumbers.is_possible_number if BETWEEN.search(gap[0]) else phonenumbers.is_valid_number
        if all(_is_number(part, countries, check) for part in (before, after)):
            return True
    return False


def _is_number(text, countries, check):
    if _count_digits(text) < 6:
        return False
    for country in countries:
        try:
            if check(phonenumbers.parse(text, country)):
                return True
        except NumberParseException:
            continue
    return False


def _count_digits(text):
    return sum(character.isdecimal() for character in text)


def _get_example(country):
    """Return a number of the country; of the clinic's first one where libphonenumber knows none."""
    known = EXAMPLES.get(country)
    number = None if known else phonenumbers.example_number(country)
    return number or phonenumbers.parse(known or EXAMPLES["GB"])
