"""What a figure is: one number of a period beside that of the period before, and the table it is made of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import ceil

Cell = str | date | int | float | Decimal | None


class Unit(StrEnum):
    """What a number counts. Shares are between 0 and 1."""

    NUMBER = "number"
    SHARE = "share"
    DAYS = "days"
    MINUTES = "minutes"
    HOURS = "hours"
    MONEY = "money"


@dataclass(frozen=True)
class Figure:
    """A number, what it means, and its table: a first column of names or dates, then a unit for each other column.

    ``value`` and ``before`` are None where there is nothing to count. Of money, ``currency`` says which.
    """

    name: str
    title: str
    definition: str
    unit: Unit
    value: float | Decimal | None
    before: float | Decimal | None
    columns: Sequence[tuple[str, Unit]]
    rows: Sequence[tuple[Cell, ...]]
    currency: str = ""


def divide(part: float | Decimal, whole: float | Decimal) -> float | None:
    """Return the share that a part is of the whole, or None of nothing."""
    return float(part) / float(whole) if whole else None


def find_quantile(numbers: Counter[int], share: float) -> int | None:
    """Return the least of the values, counted in ``numbers``, that at least this share of them do not exceed."""
    left = ceil(numbers.total() * share)
    for value in sorted(numbers):
        left -= numbers[value]
        if left <= 0:
            return value
    return None
