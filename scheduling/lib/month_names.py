"""Months as people write them: a number, or a name in one of the languages of the pages, perhaps shortened."""

import unicodedata
from functools import cache

from django.conf import settings
from django.utils.dates import MONTHS
from django.utils.translation import override

MIN_LETTERS = 3
# Beside those that Django has: Arabic between Beirut and Baghdad, and German in Austria.
OTHERS = {
    "كانون الثاني": 1,
    "شباط": 2,
    "آذار": 3,
    "نيسان": 4,
    "أيار": 5,
    "حزيران": 6,
    "تموز": 7,
    "آب": 8,
    "أيلول": 9,
    "تشرين الأول": 10,
    "تشرين الثاني": 11,
    "كانون الأول": 12,
    "Jänner": 1,
    "Feber": 2,
    "Maerz": 3,
}


def read_month(text: str) -> int:
    """Return the number of the month that is written so; raises ValueError where it is none, or may be two."""
    if text.isdecimal():
        return int(text)
    word, names = _fold(text), _list_names()
    if word in names:
        return names[word]
    found = {number for name, number in names.items() if name.startswith(word)} if len(word) >= MIN_LETTERS else set()
    if len(found) != 1:
        raise ValueError(text)
    return found.pop()


@cache
def _list_names():
    names = {_fold(name): number for name, number in OTHERS.items()}
    for language, _ in settings.LANGUAGES:
        with override(language):
            names |= {_fold(str(name)): number for number, name in MONTHS.items()}
    return names


def _fold(text):
    """Return a word without what people leave out: capitals, accents, and a dot at its end."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split()).rstrip(".")
