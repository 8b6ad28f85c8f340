"""Days on which locations are closed, such as public holidays: each is a row of time off of each location."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Q

from scheduling.lib.public_holidays import Holiday
from scheduling.models import Location, TimeOff
from scheduling.schedule_changes import mark_schedule_changed


def list_closed(locations: Sequence[Location], days: Iterable[date]) -> dict[date, list[Location]]:
    """Return at which of the locations each day is closed from its beginning to its end, by one row."""
    periods = {(location.pk, *find_period(location, day)): day for day in days for location in locations}
    rows = TimeOff.objects.filter(location__in=locations, starts_at__in={start for _, start, _ in periods})
    closed = {(row.location_id, row.starts_at, row.ends_at) for row in rows}  # pyright: ignore
    found: dict[date, list[Location]] = {}
    for location in locations:
        for (location_id, start, end), day in periods.items():
            if location_id == location.pk and (location_id, start, end) in closed:
                found.setdefault(day, []).append(location)
    return found


@transaction.atomic
def close_days(
    locations: Sequence[Location], *, closed: Iterable[Holiday], opened: Iterable[Holiday] = ()
) -> tuple[int, int]:
    """Close the locations on some days and open them again on others; return how many closures came and went.

    A day that is closed already stays as it is. Only whole days with the holiday's name are opened: who has closed a
    location for another reason has theirs.
    """
    mark_schedule_changed()  # locks all locations, in the order in which everybody does
    closed = list(closed)
    known = list_closed(locations, [holiday.day for holiday in closed])
    new = [
        TimeOff(location=location, starts_at=start, ends_at=end, reason=holiday.name[:100])
        for holiday in closed
        for location in locations
        if location not in known.get(holiday.day, [])
        for start, end in [find_period(location, holiday.day)]
    ]
    TimeOff.objects.bulk_create(new)
    gone = Q(pk__in=[])
    for holiday in opened:
        for location in locations:
            start, end = find_period(location, holiday.day)
            gone |= Q(location=location, starts_at=start, ends_at=end, reason=holiday.name[:100])
    return len(new), TimeOff.objects.filter(gone).delete()[0]


def find_period(location: Location, day: date) -> tuple[datetime, datetime]:
    """Return when a date begins and ends at a location."""
    start, end = (datetime.combine(each, time(), location.zone) for each in (day, day + timedelta(days=1)))
    return start, end
