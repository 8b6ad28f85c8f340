"""Nobody works in two places at once: hours that would say so are refused when they are new or changed."""

from collections.abc import Iterable
from datetime import date

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scheduling.availability.openings import find_overlap
from scheduling.availability.queries import as_hours
from scheduling.models import ExtraHours, WorkingHours

HoursRow = WorkingHours | ExtraHours


class OverlappingHours(Exception):
    """The clinician works at another location at that time; ``other`` is the row that says so, ``day`` when."""

    message = _("The clinician works at another location at that time.")

    def __init__(self, other: HoursRow, day: date):
        self.other, self.day = other, day
        super().__init__(f"On {day:%-d %B %Y} this overlaps {other} at {other.location}.")


def check_overlap(row: HoursRow, others: Iterable[HoursRow]) -> None:
    """Raise OverlappingHours for the first of the clinician's other rows that is elsewhere at the same time.

    At the same location hours may overlap: in person and by video are entered so.
    """
    for other in others:
        if other.location != row.location:
            places = (as_hours(row), row.location.zone, as_hours(other), other.location.zone)
            if day := find_overlap(*places, today=timezone.now().date()):
                raise OverlappingHours(other, day)
