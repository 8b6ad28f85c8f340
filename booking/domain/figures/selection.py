"""Of which days, places and people figures are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from scheduling.models import Location

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


# The bounds of the days or weeks at each location are computed here, in its zone: asking PostgreSQL for the local date
# of each of 100,000 rows takes it longer than all the rest. ``bucket`` is 1 for the period before.
PLACES = """
      WITH place AS MATERIALIZED (
    SELECT id, array_agg(moment ORDER BY moment) AS bounds
      FROM unnest(%(places)s::uuid[], %(moments)s::timestamptz[]) AS bound(id, moment) GROUP BY id)
"""
SELECTED = """
      JOIN place ON place.id = {row}.location_id
     WHERE {row}.{moment} >= %(earliest)s AND {row}.{moment} < %(latest)s
       AND (%(clinician)s::uuid IS NULL OR {row}.clinician_id = %(clinician)s)
       AND (%(service)s::uuid IS NULL OR {row}.service_id = %(service)s)
"""
HOLDS = "booking_hold AS hold" + SELECTED.format(row="hold", moment="created_at")
VISITS = "booking_appointment AS visit" + SELECTED.format(row="visit", moment="starts_at")


def fetch_rows(statement: str, selection: Selection) -> tuple[list[tuple], list[tuple]]:
    """Return the rows of a statement with PLACES in the selection's period, and in the one before.

    The first column, a number of a bucket, becomes the first date of the day or week, or that of the period before.
    """
    period, buckets = selection.period, selection.period.list_buckets()
    edges = [period.before.first, *buckets, period.last + DAY]
    zones = dict(Location.objects.filter(pk__in=selection.location_ids).values_list("pk", "timezone"))
    moments = [
        (id, datetime.combine(day, time(), zone))
        for id, name in zones.items()
        for zone in [ZoneInfo(name)]
        for day in edges
    ]
    parameters = {
        "places": [id for id, _ in moments],
        "moments": [moment for _, moment in moments],
        "earliest": min((moment for _, moment in moments), default=selection.now),
        "latest": max((moment for _, moment in moments), default=selection.now),
        "clinician": selection.clinician_id,
        "service": selection.service_id,
        "now": selection.now,
    }
    now, before = [], []
    with connection.cursor() as cursor:
        cursor.execute(PLACES + statement, parameters)  # pyright: ignore[reportArgumentType]
        for bucket, *row in cursor:
            if bucket == 1:
                before.append((period.before.first, *row))
            elif 1 < bucket <= len(buckets) + 1:
                now.append((buckets[bucket - 2], *row))
    return now, before
