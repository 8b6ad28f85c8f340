"""What the rows of all kinds of imports have in common: where they are saved, and how their values are read."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from booking.domain.imports.tables import Column, Row

M = TypeVar("M", bound=models.Model)
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
YES, NO = {"yes", "y", "true", "1", "x"}, {"no", "n", "false", "0", ""}


class RowRefused(Exception):
    """A row cannot be imported: which column is to blame, if one is, and why."""

    def __init__(self, sentence: str, column: str = "") -> None:
        self.sentence, self.column = sentence, column
        super().__init__(sentence)


@dataclass
class Importing:
    """In whose name rows are imported, when, and whether others are told; remembers what rows have named before."""

    actor: str
    now: datetime
    is_announced: bool
    found: dict = field(default_factory=dict)


class Kind(NamedTuple):
    """The columns of a kind of rows, and ``save(values, importing)``: whether the row is new, or else RowRefused.

    ``lock(rows, importing)`` takes the locks of a chunk in the order in which they cannot deadlock.
    """

    columns: tuple[Column, ...]
    save: Callable[[dict[str, str], Importing], bool]
    lock: Callable[[Iterable[Row], Importing], None] = lambda rows, importing: None


def find_named(model: type[M], text: str, importing: Importing) -> M | None:
    """Return the row of a model with that name or external id, or None if there is none, or more than one."""
    key = (model, text.casefold())
    if key not in importing.found:
        rows = model._default_manager.filter(Q(name__iexact=text) | ~Q(external_id="") & Q(external_id=text))[:2]
        importing.found[key] = rows[0] if len(rows) == 1 else None
    return importing.found[key]


def get_named(model: type[M], values: dict[str, str], column: str, importing: Importing) -> M:
    """Return the row of a model that the column names; raises RowRefused."""
    text = values.get(column, "")
    if not text:
        raise RowRefused("It is empty.", column)
    found = find_named(model, text, importing)
    if found is None:
        raise RowRefused(f"There is no {model._meta.verbose_name} of that name, or more than one.", column)
    return found


def read_date(values: dict[str, str], column: str) -> date | None:
    """Return a date written 2026-12-01, 01/12/2026 or 01.12.2026, or None for an empty cell; raises RowRefused."""
    text = values.get(column, "")
    if not text:
        return None
    for pattern in DATES:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 (a date has no zone)
        except ValueError:
            continue
    raise RowRefused("Write it as 2026-12-01, or as 01/12/2026 with the day first.", column)


def read_time(values: dict[str, str], column: str) -> time:
    """Return a time of day written 9:30 or 09:30; raises RowRefused."""
    match = re.fullmatch(r"(\d{1,2})[:.](\d{2})(?::00)?", values.get(column, ""))
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise RowRefused("Write it as 09:30.", column)
    return time(int(match[1]), int(match[2]))


def read_flag(values: dict[str, str], column: str, *, default: bool = False) -> bool:
    """Return whether a cell says yes; raises RowRefused if it says neither yes nor no."""
    text = values.get(column, "").lower()
    if column not in values or text not in YES | NO:
        if text:
            raise RowRefused("Write yes or no.", column)
        return default
    return text in YES if text else default


def read_decimal(values: dict[str, str], column: str) -> Decimal:
    """Return a number written 60, 60.00 or 60,00, and 0 for an empty cell; raises RowRefused."""
    try:
        return Decimal(values.get(column, "").replace(",", ".") or 0)
    except InvalidOperation as error:
        raise RowRefused("Write a number such as 60.00.", column) from error


def check_fields(row: models.Model, *, exclude: Iterable[str] = ()) -> None:
    """Normalize and validate the fields of a new row; raises RowRefused for the first that is wrong."""
    try:
        row.clean_fields(exclude={*exclude})
        row.clean()
    except ValidationError as error:
        [(column, [sentence, *_]), *_] = error.message_dict.items()
        raise RowRefused(sentence, column) from error
