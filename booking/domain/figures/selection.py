"""Of which days, places and people figures are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection

MAX_DAYS = 366
MAX_DAILY = 35  # so many days are counted one by one, more of them by weeks
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Dates from the first to the last, both included, each in the zone of the location that is counted."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_weekly(self) -> bool:
        """Whether it is counted by weeks, from Monday, and not by days."""
        return self.days > MAX_DAILY

    @property
    def before(self) -> "Period":
        """The equally long period that ends the day before."""
        return Period(self.first - self.days * DAY, self.first - DAY)

    def list_buckets(self) -> list[date]:
        """Return the first date of each of its days or weeks; those of a cut week begin with the period."""
        days = [self.first + n * DAY for n in range(self.days)]
        return [day for day in days if not self.is_weekly or day == self.first or not day.weekday()]


@dataclass(frozen=True)
class Selection:
    """The period, the locations that may be seen and were chosen, perhaps one clinician or service, and the time."""

    period: Period
    location_ids: Sequence[UUID]
    now: datetime
    clinician_id: UUID | None = None
    service_id: UUID | None = None


# What follows FROM in each statement: the rows of a selection by a moment of theirs, and the local date of that moment.
# The bounds are a day wider than any zone needs, so that an index finds the rows.
SELECTED = """
      JOIN scheduling_location AS location ON location.id = {row}.location_id
     CROSS JOIN LATERAL (SELECT ({row}.{moment} AT TIME ZONE location.timezone)::date AS day) AS local
     WHERE {row}.{moment} BETWEEN %(earliest)s AND %(latest)s AND local.day BETWEEN %(first)s AND %(last)s
       AND {row}.location_id = ANY(%(locations)s)
       AND (%(clinician)s::uuid IS NULL OR {row}.clinician_id = %(clinician)s)
       AND (%(service)s::uuid IS NULL OR {row}.service_id = %(service)s)
"""
HOLDS = "booking_hold AS hold" + SELECTED.format(row="hold", moment="created_at")
VISITS = "booking_appointment AS visit" + SELECTED.format(row="visit", moment="starts_at")
# The first date of the day or the week that a row is counted in, as Period.list_buckets has them.
BUCKET = """
    CASE WHEN %(is_weekly)s THEN greatest(local.day - (extract(isodow FROM local.day)::int - 1), %(first)s::date)
         ELSE local.day END
"""


def fetch_rows(statement: str, selection: Selection, period: Period) -> list[tuple]:
    """Return the rows of a statement over HOLDS or VISITS, of a selection in a period."""
    parameters = {
        "earliest": datetime.combine(period.first - DAY, time(), UTC),
        "latest": datetime.combine(period.last + 2 * DAY, time(), UTC),
        "first": period.first,
        "last": period.last,
        "is_weekly": period.is_weekly,
        "locations": list(selection.location_ids),
        "clinician": selection.clinician_id,
        "service": selection.service_id,
        "now": selection.now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall()
