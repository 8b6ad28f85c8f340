"""Finding people by whatever staff are told: part of a name, an address, a number, a birth date."""

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, Q, UUIDField, Value
from django.db.models.functions import Reverse

from patients.descriptions import read_description
from patients.models import Patient
from patients.text import spellings

MAX_LISTED = 200  # whoever sees as many says more of whom they look for
MIN_LAST_DIGITS = 4  # of a phone number
CANDIDATES = 200  # where no index has the rows in order, as many are compared with what was asked for


def search_patients(text, *, limit, among=None):
    """Return up to ``limit`` of the patients that ``text`` describes, best match first.

    It may have words of the name, e-mail, phone, NHS number and birth date, in any order and cut short. Only
    where nobody fits, names that are spelled a little differently are found. Searches those who are not
    archived, or ``among`` a queryset. Each step is one scan of an index that reads little however many
    patients there are, so most common names are not sorted by anything else.
    """
    rows = (Patient.objects.filter(archived_at=None) if among is None else among).order_by()
    asked = read_description(text)
    found = {}
    for step in _steps(asked, rows, limit):
        found |= dict.fromkeys(step)
        if len(found) >= limit:
            break
    if asked.words and not found:
        found = dict.fromkeys(_misspelled(asked, _narrowed(rows, asked)))
    patients = rows.in_bulk(list(found)[:limit])
    return [patients[pk] for pk in found if pk in patients]


def get_search_steps(text, *, among):
    """Return the primary keys of the patients ``among`` a queryset that fit ``text`` best, for a list to show."""
    return [patient.pk for patient in search_patients(text, limit=MAX_LISTED, among=among)]


def get_list_order(patients, keys):
    """Order a queryset of patients as their primary keys are in the list."""
    listed = Value(keys, output_field=ArrayField(UUIDField()))
    return patients.order_by(Func(listed, F("pk"), function="array_position"))


def _steps(asked, rows, limit):
    """Yield lists of primary keys, better matches before worse ones."""
    if asked.births or asked.emails or (asked.words and asked.numbers):
        yield _by_words(asked, _narrowed(rows, asked), limit)
    elif asked.words:
        name = " ".join(asked.words)
        if len(asked.words) == 1:
            yield _in_order(rows, "name_words", f" {name} ", limit)  # exactly this last name
        yield _in_order(rows, "normalized_name", name, limit)
        yield _in_order(rows, "name_words", f" {name}", limit)
        if " " not in asked.text:
            yield _in_order(rows, "email", asked.text, limit)
        yield _by_words(asked, rows, limit)
    else:
        for field, start in asked.numbers:
            yield _in_order(rows, field, start, limit)
        if len(asked.digits) >= MIN_LAST_DIGITS:
            yield _in_order(rows.alias(phone_reversed=Reverse("phone")), "phone_reversed", asked.digits[::-1], limit)


def _in_order(rows, field, start, limit):
    rows = rows.filter(**{f"{field}__startswith": start}).exclude(**{field: ""})
    return list(rows.order_by(field).values_list("pk", flat=True)[:limit])


def _by_words(asked, rows, limit):
    """Patients in whose names each word begins one, in any order."""
    for word in asked.words:
        rows = rows.filter(name_words__contains=f" {word}")
    return _closest(asked, rows)[:limit]


def _misspelled(asked, rows):
    """Patients in whose names each word is one, but for a letter."""
    for word in asked.words:
        rows = rows.filter(name_spellings__overlap=spellings([word]))
    return _closest(asked, rows)


def _closest(asked, rows):
    """Return the primary keys of some of the rows, those first whose names are most like the words."""
    wanted = _pairs(asked.words)
    closeness = {}
    for pk, name in rows.values_list("pk", "normalized_name")[:CANDIDATES]:
        pairs = _pairs(name.split())
        closeness[pk] = (-len(wanted & pairs) / len(wanted | pairs), name)
    return sorted(closeness, key=closeness.get)


def _pairs(words):
    """Return the pairs of letters that follow each other in the words, a space before and after each."""
    return {pair for word in words for pair in zip(f" {word}", f"{word} ", strict=True)} or {""}


def _narrowed(rows, asked):
    """Return the rows with the birth date, e-mail and number asked for."""
    if asked.births:
        rows = rows.filter(date_of_birth__in=asked.births)
    for email in asked.emails:
        rows = rows.filter(email__startswith=email)
    number = Q()
    for field, start in asked.numbers:
        number |= Q(**{f"{field}__startswith": start}) & ~Q(**{field: ""})
    if len(asked.digits) >= MIN_LAST_DIGITS:
        number |= Q(phone__endswith=asked.digits)
    return rows.filter(number)
