"""All figures at once."""

from booking.domain.figures import bookings, visits
from booking.domain.figures.figure import Figure
from booking.domain.figures.selection import MAX_DAYS, Selection


def compute_figures(selection: Selection) -> list[Figure]:
    """Return the figures of a selection, in the order in which they are shown. Raises ValueError beyond MAX_DAYS."""
    if not 0 < selection.period.days <= MAX_DAYS:
        raise ValueError(f"a period has 1 to {MAX_DAYS} days")
    return [*bookings.compute(selection), *visits.compute(selection)]
