"""Which times can be booked, and why others cannot: loads the rows of a range, asks openings.py.

Two queries whatever the number of clinicians: working hours, then busy time.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from scheduling.availability.openings import (
    Busy,
    Rules,
    as_datetime,
    as_instant,
    day_parts,
    local_dates,
    open_starts,
    working_time,
)
from scheduling.availability.queries import load_busy, load_hours, load_why_busy


class Opening(NamedTuple):
    """A time that can be booked; ``start`` and ``end`` are seconds since 1970 UTC, without buffers."""

    start: int
    end: int
    clinician_id: UUID
    location_id: UUID
    is_remote: bool

    @property
    def starts_at(self):
        return as_datetime(self.start)

    @property
    def ends_at(self):
        return as_datetime(self.end)


class Reason(StrEnum):
    """Why a time is not offered; the value is what the API writes."""

    NOT_OFFERED_HERE = "not-offered-here"
    TOO_SOON = "too-soon"
    TOO_FAR = "too-far"
    CLOSED = "closed"
    TIME_OFF = "time-off"
    TAKEN = "taken"
    HELD = "held"
    CALENDAR_BUSY = "calendar-busy"
    CALENDAR_UNREACHABLE = "calendar-unreachable"


def open_times(*, service, start_at, end_at, now, **filters):
    """Return the openings that start in ``[start_at, end_at)``, earliest first.

    Instead of datetimes both may be dates: local dates of each place, both included. ``clinicians``
    (objects or ids), ``location`` and ``is_remote`` narrow the search. ``ignoring`` is the slot of one's
    own hold: it does not count as taken. Notice and horizon count from ``now``.
    """
    openings = []
    duration = get_rules(service).duration
    for place, starts in open_starts_by_place(service=service, start_at=start_at, end_at=end_at, now=now, **filters):
        clinician_id, location_id, remote = place.clinician_id, place.location_id, place.is_remote
        openings += [Opening(start, start + duration, clinician_id, location_id, remote) for start in starts]
    openings.sort(key=attrgetter("start"))
    return openings


def open_starts_by_place(
    *, service, start_at, end_at, now, clinicians=None, location=None, is_remote=None, ignoring=None
):
    """Return what open_times does as ``[(Place, ascending starts in seconds since 1970 UTC)]``."""
    if not service.is_active:
        return []
    rules = get_rules(service)
    hours = load_hours(service, clinicians=clinicians, location=location, is_remote=is_remote)
    soonest, furthest = as_instant(now + service.notice), as_instant(now + service.horizon)
    ranges = {
        zone: (max(soonest, _bound(start_at, zone)), min(furthest, _bound(end_at, zone, is_end=True)))
        for zone in {place.zone for place in hours}
    }
    ranges = {zone: (earliest, latest) for zone, (earliest, latest) in ranges.items() if earliest < latest}
    if not ranges:
        return []
    busy = load_busy(
        hours,
        min(earliest for earliest, _ in ranges.values()) - rules.buffer_before,
        max(latest for _, latest in ranges.values()) + rules.duration + rules.buffer_after,
        now,
        ignoring,
    )
    found = []
    for place, weekly in hours.items():
        if place.zone not in ranges:
            continue
        earliest, latest = ranges[place.zone]
        working = working_time(weekly, place.zone, *local_dates(place.zone, earliest, latest + rules.duration))
        taken = busy[place.clinician_id] + busy[place.location_id]
        taken = Busy(sorted(taken[::2]), sorted(taken[1::2]))
        found.append((place, open_starts(working, taken, rules, earliest, latest)))
    return found


def _bound(moment, zone, *, is_end=False):
    """Return the instant of a datetime, or that at which a local date begins or, as an end, has ended."""
    if isinstance(moment, datetime):
        return as_instant(moment)
    parts = day_parts(zone, moment)
    return parts[-1][1] if is_end else parts[0][0]


def next_opening(*, service, now, after=None, **filters):
    """Return the first opening at or after ``after`` (default ``now``) in the service's horizon, or None."""
    start_at, span = after or now, timedelta(days=14)
    while start_at < now + service.horizon:
        openings = open_times(service=service, start_at=start_at, end_at=start_at + span, now=now, **filters)
        if openings:
            return openings[0]
        start_at, span = start_at + span, span * 4
    return None


def nearest_openings(*, service, near, now, count=3, **filters):
    """Return up to ``count`` openings whose starts are nearest to ``near``, earliest first."""
    # Most often they are within hours, and then there is little to read.
    for reach in (timedelta(hours=3), timedelta(days=1), timedelta(days=14)):
        openings = open_times(service=service, start_at=near - reach, end_at=near + reach, now=now, **filters)
        one_per_start = {opening.start: opening for opening in reversed(openings)}
        if len(one_per_start) >= count:
            break
    target = as_instant(near)
    chosen = sorted(one_per_start.values(), key=lambda opening: (abs(opening.start - target), opening.start))
    return sorted(chosen[:count])


def why_not(*, service, clinician, location, starts_at, is_remote, now, ignoring=None):
    """Return the set of Reasons why that time is not an opening; empty when it is one."""
    [reasons] = explain(
        service=service,
        starts_at=starts_at,
        now=now,
        ignoring=ignoring,
        clinicians=[clinician],
        location=location,
        is_remote=is_remote,
    ).values() or [{Reason.NOT_OFFERED_HERE}]
    return reasons


def explain(*, service, starts_at, now, ignoring=None, **filters):
    """Return ``{Place: set of Reasons}`` for a start: the places that could offer it, and why each does not."""
    hours = load_hours(service, **filters)
    common = set()
    if not service.is_active:
        common.add(Reason.NOT_OFFERED_HERE)
    if starts_at < now + service.notice:
        common.add(Reason.TOO_SOON)
    if starts_at >= now + service.horizon:
        # What is beyond the horizon is not looked at: it may be beyond the calendar too.
        return dict.fromkeys(hours, common | {Reason.TOO_FAR})

    start, rules = as_instant(starts_at), get_rules(service)
    window = (start - rules.buffer_before, start + rules.duration + rules.buffer_after)
    busy = load_why_busy(hours, *window, now, ignoring)
    found = {}
    for place, weekly in hours.items():
        working = working_time(weekly, place.zone, *local_dates(place.zone, start, start + rules.duration))
        reasons = busy[place.clinician_id] | busy[place.location_id]
        found[place] = common | set(map(Reason, reasons))
        if starts_at.microsecond or not open_starts(working, Busy([], []), rules, start, start + 1):
            found[place].add(Reason.CLOSED)
    return found


def get_rules(service):
    """Return the service's Rules in seconds."""
    durations = (service.duration, service.buffer_before, service.buffer_after, service.step)
    return Rules(*(int(duration.total_seconds()) for duration in durations))
