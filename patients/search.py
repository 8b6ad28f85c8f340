"""Find patients by what staff are told: parts of a name, an e-mail address, a number, a birth date."""

from functools import reduce
from itertools import groupby, islice, product
from operator import attrgetter, or_
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, Q, QuerySet, UUIDField, Value
from django.db.models.functions import Reverse

from patients.descriptions import parse_description
from patients.models import Patient
from patients.text import list_joined_words, list_spellings

MAX_LISTED = 200  # in admin's list; a longer one calls for a narrower search
MIN_LAST_DIGITS = 4  # of a phone number
MAX_JOINED = 4  # words that are also tried together: each two or three of them cost a look into the index
MAX_CANDIDATES = 200  # rows to rank in Python when no index gives their order


def search_patients(text: str, *, limit: int, among: QuerySet[Patient] | None = None) -> list[Patient]:
    """Return up to ``limit`` of the patients that ``text`` describes, best match first.

    The text may have words of the name, e-mail, phone, NHS number and birth date, in any order and abbreviated.
    Names that are spelled slightly differently are found only if nobody else is. Searches the patients who are not
    archived, or ``among`` a queryset. Each step is one index scan that reads little, however many patients there
    are, so the many bearers of a common name come in no further order.
    """
    rows = (Patient.objects.filter(archived_at=None) if among is None else among).order_by()
    asked = parse_description(text)
    found = {}
    for step in _steps(asked, rows, limit):
        found |= dict.fromkeys(step)
        if len(found) >= limit:
            break
    if asked.words and not found:
        found = dict.fromkeys(_search_misspelled(asked, _narrow(rows, asked)))
    patients = rows.in_bulk(list(found)[:limit])
    namesakes = groupby((patients[pk] for pk in found if pk in patients), key=attrgetter("normalized_name"))
    return [patient for _, group in namesakes for patient in _sort_by_writing(asked.text, group)]


def _sort_by_writing(text, namesakes):
    """Return patients of one folded name, first those whose names have the words as they are written in ``text``."""
    words = text.split()
    return sorted(namesakes, key=lambda patient: sum(word not in str(patient).lower() for word in words))


def list_matching_keys(text: str, *, among: QuerySet[Patient]) -> list[UUID]:
    """Return the primary keys of up to MAX_LISTED patients ``among`` a queryset, best match first."""
    return [patient.pk for patient in search_patients(text, limit=MAX_LISTED, among=among)]


def order_by_keys(patients: QuerySet[Patient], keys: list[UUID]) -> QuerySet[Patient]:
    """Return a queryset of patients in the order of their primary keys in ``keys``."""
    listed = Value(keys, output_field=ArrayField(UUIDField()))
    return patients.order_by(Func(listed, F("pk"), function="array_position"))


def _steps(asked, rows, limit):
    """Yield lists of primary keys, better matches before worse ones."""
    if asked.birth_dates or asked.emails or (asked.words and asked.numbers):
        yield _search_words(asked, _narrow(rows, asked), limit)
    elif asked.words:
        name = " ".join(asked.words)
        if len(asked.words) == 1:  # exactly this last name, or this only name; "!" follows the space
            exact = rows.filter(name_words__gte=f" {name}", name_words__lt=f" {name}!")
            yield list(exact.order_by("name_words").values_list("pk", flat=True)[:limit])
        yield _search_prefix(rows, "normalized_name", name, limit)
        yield _search_prefix(rows, "name_words", f" {name}", limit)
        if " " not in asked.text:
            yield _search_prefix(rows, "email", asked.text, limit)
        yield _search_words(asked, rows, limit)
    else:
        for field, start in asked.numbers:
            yield _search_prefix(rows, field, start, limit)
        if len(asked.digits) >= MIN_LAST_DIGITS:
            yield _search_prefix(
                rows.alias(phone_reversed=Reverse("phone")), "phone_reversed", asked.digits[::-1], limit
            )


def _search_prefix(rows, field, start, limit):
    rows = rows.filter(**{f"{field}__startswith": start}).exclude(**{field: ""})
    return list(rows.order_by(field).values_list("pk", flat=True)[:limit])


def _search_words(asked, rows, limit):
    """Return the keys of patients whose names have, for each word, a name that begins with it.

    The word may be spelled with other umlauts, or be two that the name has written together.
    """
    matches = _match_words(asked.spellings)
    for words in _list_joined(asked):
        matches |= _match_words([word] for word in words)
    return _rank_by_similarity(asked, rows.filter(matches))[:limit]


def _list_joined(asked):
    return list_joined_words(asked.words) if len(asked.words) <= MAX_JOINED else []


def _match_words(spellings):
    matches = Q()
    for words in spellings:
        matches &= reduce(or_, [Q(name_words__contains=f" {word}") for word in words])
    return matches


def _search_misspelled(asked, rows):
    """Return the keys of patients whose names have each word, give or take a letter."""
    for word in asked.words:
        rows = rows.filter(name_spellings__overlap=list_spellings([word]))
    return _rank_by_similarity(asked, rows)


def _rank_by_similarity(asked, rows):
    """Return the keys of up to MAX_CANDIDATES rows, most similar names first."""
    wanted = [_pairs(words) for words in [*islice(product(*asked.spellings), 8), *_list_joined(asked)]]
    closeness = {}
    for pk, name in rows.values_list("pk", "normalized_name")[:MAX_CANDIDATES]:
        pairs = _pairs(name.split())
        # As asked for comes before the other spellings.
        closeness[pk] = (*min((-len(each & pairs) / len(each | pairs), at) for at, each in enumerate(wanted)), name)
    return sorted(closeness, key=lambda pk: closeness[pk])


def _pairs(words):
    """Return the pairs of adjacent letters in the words, with a space before and after each word."""
    return {pair for word in words for pair in zip(f" {word}", f"{word} ", strict=True)} or {""}


def _narrow(rows, asked):
    """Return the rows with the birth date, e-mail and number asked for."""
    if asked.birth_dates:
        rows = rows.filter(date_of_birth__in=asked.birth_dates)
    for email in asked.emails:
        rows = rows.filter(email__startswith=email)
    number = Q()
    for field, start in asked.numbers:
        number |= Q(**{f"{field}__startswith": start}) & ~Q(**{field: ""})
    if len(asked.digits) >= MIN_LAST_DIGITS:
        number |= Q(phone__endswith=asked.digits)
    return rows.filter(number)
