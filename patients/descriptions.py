"""Parse a typed description of a person: names, e-mail, numbers and birth date, in any order."""

import re
import unicodedata
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import phonenumbers
from django.conf import settings

from patients.text import clean_text, list_umlaut_spellings

MAX_LENGTH = 200  # characters; the rest is ignored
MAX_WORDS = 8
MIN_DIGITS = 3

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DATES = [
    re.compile(rf"(?<![\d+]){pattern}(?![\d-])")
    for pattern in (
        r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)",
        r"(?P<day>\d\d?)(?P<separator>[./ -])(?P<month>\d\d?)(?P=separator)(?P<year>\d{4})",
        r"(?P<day>\d\d?)[./-](?P<month>\d\d?)[./-](?P<year>\d\d)",
        r"(?P<day>\d\d?)(?:st|nd|rd|th)?[ ./-]*(?P<month>[a-z]{3,9})[ .,/-]*(?P<year>\d{4})",
    )
]
NUMBER = re.compile(r"[\d()+./-]*\d[\d()+./-]*")


class Description(NamedTuple):
    """What a text says about a person.

    ``text`` is all of it, normalized. ``spellings`` has, for each of the ``words``, the word itself and how else it
    may be spelled. ``numbers`` has (field, prefix) for each number that the digits may begin; ``digits`` are all
    digits, to match the end of a phone number.
    """

    text: str
    words: list[str]
    spellings: list[list[str]]
    emails: list[str]
    numbers: list[tuple[str, str]]
    digits: str
    birth_dates: list[date]


def parse_description(text: str) -> Description:
    """Return the Description in ``text``; no text is an error."""
    text = unicodedata.normalize("NFKC", clean_text(text[:MAX_LENGTH])).lower()
    rest = text = "".join(character if character.isprintable() else " " for character in text).strip()
    birth_dates = []

    def extract(match):
        found = list(_possible_dates(**match.groupdict()))
        birth_dates.extend(found)
        return " " if found else match[0]

    for pattern in DATES:
        rest = pattern.sub(extract, rest)
    spellings, emails, number = [], [], ""
    for token in rest.replace("(0)", " ").split():
        if "@" in token:
            emails.append(token)
        elif NUMBER.fullmatch(token):
            number += re.sub(r"[^0-9+]", "", token)
        else:
            # Of an endless token a longer spelling is cut off earlier, and has fewer words.
            each_word = zip(*map(str.split, list_umlaut_spellings(token)), strict=False)
            spellings += [list(dict.fromkeys(words)) for words in each_word]
    digits = number.lstrip("+")
    spellings = spellings[:MAX_WORDS]
    words = [word for word, *_ in spellings]
    return Description(text, words, spellings, emails, list(_possible_numbers(number)), digits, birth_dates)


def _possible_dates(year, month, day, separator=None):
    """Yield the dates that may be meant: two if the year has no century."""
    if month[:3] in MONTHS:
        month = MONTHS.index(month[:3]) + 1
    for century in ("",) if len(year) == 4 else ("19", "20"):
        with suppress(ValueError):  # no such day
            yield date(int(century + year), int(month), int(day))


def _possible_numbers(number):
    """Yield (field, prefix) for a phone number with or without its country code, and for an NHS number."""
    digits = number.lstrip("+0")
    if len(digits) < MIN_DIGITS:
        return
    yield "phone", f"+{digits}"
    if not number.startswith(("+", "00")):
        yield "phone", f"+{phonenumbers.country_code_for_region(settings.DEFAULT_PHONE_REGION)}{digits}"
        yield "nhs_number", number
