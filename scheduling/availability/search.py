"""Find the times that can be booked, and explain why others cannot: loads rows, asks openings.py.

Two queries, whatever the number of clinicians: working hours, then busy time.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from scheduling.availability.openings import (
    Busy,
    Rules,
    as_datetime,
    as_instant,
    compute_open_starts,
    compute_working_time,
    get_local_dates,
    split_day,
)
from scheduling.availability.queries import (
    OpeningFilters,
    Place,
    load_busy,
    load_busy_reasons,
    load_hours,
    query_busy,
    query_hours,
    read_busy_reasons,
    read_hours,
)
from scheduling.models import Service

DAY = timedelta(days=1)
LAST = as_instant(datetime.max.replace(tzinfo=UTC))
PlaceStarts = tuple[Place, list[int]]


class Opening(NamedTuple):
    """A time that can be booked; ``start`` and ``end`` are instants, without buffers."""

    start: int
    end: int
    clinician_id: UUID
    location_id: UUID
    is_remote: bool

    @property
    def starts_at(self) -> datetime:
        return as_datetime(self.start)

    @property
    def ends_at(self) -> datetime:
        return as_datetime(self.end)


class Reason(StrEnum):
    """Why a time is not offered; the value is what the API writes."""

    NOT_OFFERED_HERE = "not-offered-here"
    TOO_SOON = "too-soon"
    TOO_FAR = "too-far"
    CLOSED = "closed"
    TIME_OFF = "time-off"
    HOLIDAY = "holiday"
    TAKEN = "taken"
    HELD = "held"
    CALENDAR_BUSY = "calendar-busy"
    CALENDAR_UNREACHABLE = "calendar-unreachable"


def open_times(
    filters: OpeningFilters, *, start_at: datetime | date, end_at: datetime | date, now: datetime
) -> list[Opening]:
    """Return the openings that start in ``[start_at, end_at)``, earliest first.

    Two dates instead of datetimes are local dates of each place, both included. Notice and horizon count from ``now``.
    """
    openings = []
    duration = get_rules(filters.service).duration
    for place, starts in find_open_starts(filters, start_at=start_at, end_at=end_at, now=now):
        clinician_id, location_id, remote = place.clinician_id, place.location_id, place.is_remote
        openings += [Opening(start, start + duration, clinician_id, location_id, remote) for start in starts]
    openings.sort(key=attrgetter("start"))
    return openings


def find_open_starts(
    filters: OpeningFilters, *, start_at: datetime | date, end_at: datetime | date, now: datetime
) -> list[PlaceStarts]:
    """Return the same openings as ``open_times``, as (place, ascending start instants)."""
    service = filters.service
    if not service.is_active:
        return []
    rules = get_rules(service)
    hours = load_hours(filters, first=_day(start_at) - 2 * DAY, last=_day(end_at) + 3 * DAY)
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
        now=now,
        ignored_slot_id=filters.ignored_slot_id,
    )
    found = []
    for place, weekly in hours.items():
        if place.zone not in ranges:
            continue
        earliest, latest = ranges[place.zone]
        working = compute_working_time(
            weekly, place.zone, *get_local_dates(place.zone, earliest, latest + rules.duration)
        )
        taken = busy[place.clinician_id] + busy[place.location_id]
        taken = Busy(sorted(taken[::2]), sorted(taken[1::2]))
        found.append((place, compute_open_starts(working, taken, rules, earliest, latest)))
    return found


def _day(moment):
    """Return the date of a datetime somewhere, or the date itself: two days around it have that of every zone."""
    return moment.date() if isinstance(moment, datetime) else moment


def _bound(moment, zone, *, is_end=False):
    """Return a datetime's instant, or the first instant of a local date; with ``is_end`` the first one after it."""
    if isinstance(moment, datetime):
        return as_instant(moment)
    parts = split_day(zone, moment)
    return parts[-1][1] if is_end else parts[0][0]


def find_next_opening(filters: OpeningFilters, *, now: datetime, after: datetime | None = None) -> Opening | None:
    """Return the first opening at or after ``after`` (default ``now``) in the service's horizon, or None."""
    start_at, span = after or now, timedelta(days=14)
    while start_at < now + filters.service.horizon:
        openings = open_times(filters, start_at=start_at, end_at=start_at + span, now=now)
        if openings:
            return openings[0]
        start_at, span = start_at + span, span * 4
    return None


def find_nearest_openings(
    filters: OpeningFilters,
    *,
    near: datetime,
    now: datetime,
    limit: int = 3,
    rank: Callable[[Opening], float] = lambda opening: 0,
) -> list[Opening]:
    """Return up to ``limit`` openings with the starts nearest to ``near``, one for each start, earliest first.

    Those of the lowest ``rank`` come before all others, which fill up what they leave.
    """
    # Widen step by step: most often the nearest are within hours, and then there is little to read.
    for reach in (timedelta(hours=3), timedelta(days=1), timedelta(days=14)):
        openings = open_times(filters, start_at=near - reach, end_at=near + reach, now=now)
        one_per_start = {}
        for opening in sorted(openings, key=rank):
            one_per_start.setdefault(opening.start, opening)
        if sum(rank(opening) == 0 for opening in one_per_start.values()) >= limit:
            break
    target = as_instant(near)
    chosen = sorted(
        one_per_start.values(), key=lambda opening: (rank(opening), abs(opening.start - target), opening.start)
    )
    return sorted(chosen[:limit], key=lambda opening: (rank(opening), opening))


def explain(filters: OpeningFilters, *, starts_at: datetime, now: datetime) -> dict[Place, set[Reason]]:
    """Return, for each place that offers the service, the reasons why ``starts_at`` is not an opening there.

    A place without reasons offers that start.
    """
    hours, window = load_hours(filters), _get_window(filters.service, starts_at)
    busy = load_busy_reasons(hours, *window, now=now, ignored_slot_id=filters.ignored_slot_id)
    return _explain(filters.service, hours, busy, starts_at, now)


def get_not_offered_reasons(filters: OpeningFilters, *, starts_at: datetime, now: datetime) -> set[Reason]:
    """Return why the one place that ``filters`` name does not offer ``starts_at``; empty if it does."""
    return get_not_offered_reasons_later(filters, starts_at=starts_at, now=now)(now)


def get_not_offered_reasons_later(
    filters: OpeningFilters, *, starts_at: datetime, now: datetime | None = None
) -> Callable[[datetime], set[Reason]]:
    """Have read with the next statement what the reasons follow from; return a function of ``now`` that returns them.

    It is read behind a lock that is taken ahead, and in its round trip; without ``now`` for the time that it is then.
    """
    window = _get_window(filters.service, starts_at)
    hours, busy = query_hours(filters), query_busy(filters, *window, now=now)

    def get_reasons(now):
        found = _explain(filters.service, read_hours(hours), read_busy_reasons(busy, *window), starts_at, now)
        [reasons] = found.values() or [{Reason.NOT_OFFERED_HERE}]
        return reasons

    return get_reasons


def _get_window(service, starts_at):
    """Return the instants between which an appointment at ``starts_at`` takes time, buffers included."""
    start, rules = as_instant(starts_at), get_rules(service)
    return start - rules.buffer_before, min(start + rules.duration + rules.buffer_after, LAST)


def _explain(service, hours, busy, starts_at, now):
    common = set()
    if not service.is_active:
        common.add(Reason.NOT_OFFERED_HERE)
    if starts_at < now + service.notice:
        common.add(Reason.TOO_SOON)
    if starts_at >= now + service.horizon:
        # Look no further: a start beyond the horizon may also end beyond the last date that Python knows.
        return dict.fromkeys(hours, common | {Reason.TOO_FAR})

    start, rules = as_instant(starts_at), get_rules(service)
    found = {}
    for place, weekly in hours.items():
        working = compute_working_time(weekly, place.zone, *get_local_dates(place.zone, start, start + rules.duration))
        reasons = busy[place.clinician_id] | busy[place.location_id]
        found[place] = common | set(map(Reason, reasons))
        if starts_at.microsecond or not compute_open_starts(working, Busy([], []), rules, start, start + 1):
            found[place].add(Reason.CLOSED)
    return found


def get_rules(service: Service) -> Rules:
    """Return the service's Rules in seconds."""
    durations = (service.duration, service.buffer_before, service.buffer_after, service.step)
    return Rules(*(int(duration.total_seconds()) for duration in durations))
