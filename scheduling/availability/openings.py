"""Compute the openings of one clinician at one place from hours, busy time and the service's rules.

Pure: everything is an argument. Instants are whole seconds since 1970 UTC, because a sweep over
integers is several times faster than over datetimes. ``as_instant`` and ``as_datetime`` convert.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import lcm
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from scheduling.availability.intervals import Interval, clip, merge, subtract

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = 86_400
# No time zone is further from UTC than this, so a local day starts and ends within it of the UTC day.
MAX_UTC_OFFSET = 15 * 3_600


class Hours(NamedTuple):
    """Wall time on one weekday (0 is Monday); an ``end_time`` of 00:00 is the end of the day.

    On the dates from ``valid_from`` to ``valid_until`` only, both included, and only in every n-th week, counted from
    the week of ``valid_from``. Extra hours are valid for one day.
    """

    weekday: int
    start_time: time
    end_time: time
    valid_from: date = date.min
    valid_until: date = date.max
    every_weeks: int = 1

    def apply_on(self, day: date) -> bool:
        """Return whether these are hours of that date."""
        if self.weekday != day.weekday() or not self.valid_from <= day <= self.valid_until:
            return False
        return self.every_weeks == 1 or _count_weeks(self.valid_from, day) % self.every_weeks == 0


def _count_weeks(first, day):
    """Return how many weeks the week of ``day`` is after that of ``first``; a proleptic week begins on a Monday."""
    return (day.toordinal() - 1) // 7 - (first.toordinal() - 1) // 7


WeeklyHours = tuple[Hours, ...]


class Rules(NamedTuple):
    """A service's rules for its starts, in seconds."""

    duration: int
    buffer_before: int
    buffer_after: int
    step: int


class Busy(NamedTuple):
    """Busy time: the starts of all stretches, ascending, and separately the ends of all stretches, ascending.

    Which end belongs to which start does not matter: an instant is busy when more starts than ends precede it.
    So the stretches may overlap, and need not be paired or merged, which would take longer.
    """

    starts: list[int]
    ends: list[int]

    @classmethod
    def from_intervals(cls, intervals: Iterable[Interval]) -> Self:
        """Return the Busy of intervals in any order."""
        intervals = list(intervals)
        return cls(sorted(start for start, _ in intervals), sorted(end for _, end in intervals))


class WorkingTime(NamedTuple):
    """``spells``: the intervals in which an appointment must lie. ``grids``: (start, end, anchor) of their starts."""

    spells: list[Interval]
    grids: list[tuple[int, int, int]]


@lru_cache(maxsize=4096)
def split_day(zone: ZoneInfo, day: date) -> list[tuple[int, int, int]]:
    """Return the parts of a local calendar day that have one UTC offset each: ``[(start, end, midnight)]``.

    Wall time ``t`` seconds after midnight is the instant ``midnight + t``, if that lies in the part. An ordinary
    day has one part. A day with a clock change has two: skipped wall time is in neither, repeated wall time in both.
    """
    midnight = int(datetime.combine(day, time(), UTC).timestamp())
    before, after = midnight - MAX_UTC_OFFSET, midnight + DAY + MAX_UTC_OFFSET
    offset, later_offset = _offset(zone, before), _offset(zone, after)
    if offset == later_offset:
        return [(midnight - offset, midnight + DAY - offset, midnight - offset)]

    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    change = after
    first = (midnight - offset, min(midnight + DAY - offset, change), midnight - offset)
    second = (max(midnight - later_offset, change), midnight + DAY - later_offset, midnight - later_offset)
    return [part for part in (first, second) if part[0] < part[1]]


def _offset(zone, instant):
    offset = datetime.fromtimestamp(instant, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


@lru_cache(maxsize=4096)
def compute_working_time(hours: WeeklyHours, zone: ZoneInfo, first: date, last: date) -> WorkingTime:
    """Return the WorkingTime of ``hours`` on the local dates ``first`` to ``last``, both included."""
    grids = []
    by_weekday = [[rule for rule in hours if rule.weekday == weekday] for weekday in range(7)]
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        for rule in by_weekday[day.weekday()]:
            if rule.apply_on(day):
                grids += _list_grids(rule, zone, day)
    grids.sort()
    return WorkingTime(spells=merge((start, end) for start, end, _ in grids), grids=grids)


def _list_grids(rule, zone, day):
    wall_start, wall_end = _seconds(rule.start_time), _seconds(rule.end_time) or DAY
    for start, end, midnight in split_day(zone, day):
        start, end = max(start, midnight + wall_start), min(end, midnight + wall_end)
        if start < end:
            yield start, end, midnight + wall_start


def find_overlap(one: Hours, zone: ZoneInfo, other: Hours, other_zone: ZoneInfo, *, today: date) -> date | None:
    """Return the first date of ``one`` on which both are hours at one time; None if there is none.

    Of hours that always were, dates from ``today`` count. Two rules that come every n and every m weeks have met
    once after the least common multiple; a year more sees all offsets that two time zones have from each other.
    """
    first = max(one.valid_from, other.valid_from)
    start = (today if first == date.min else first).toordinal() - 1
    weeks = lcm(one.every_weeks, other.every_weeks) + 53
    end = min(one.valid_until.toordinal() + 1, other.valid_until.toordinal() + 1, start + weeks * 7)
    for ordinal in range(start + (one.weekday + 1 - start) % 7, end + 1, 7):
        day = date.fromordinal(ordinal)
        if one.apply_on(day):
            # Elsewhere it may be another date.
            near = [day + timedelta(days=days) for days in (-1, 0, 1)]
            theirs = [grid for each in near if other.apply_on(each) for grid in _list_grids(other, other_zone, each)]
            if any(a < d and c < b for a, b, _ in _list_grids(one, zone, day) for c, d, _ in theirs):
                return day
    return None


def _seconds(wall):
    return wall.hour * 3_600 + wall.minute * 60 + wall.second


def compute_open_starts(working: WorkingTime, busy: Busy, rules: Rules, earliest: int, latest: int) -> list[int]:
    """Return the starts in ``[earliest, latest)`` that can be booked, ascending.

    The appointment itself lies in working time; with its buffers it does not overlap ``busy``.
    """
    duration, _, _, step = rules
    long_enough = [(start, end - duration + 1) for start, end in working.spells if end - start >= duration]
    windows = clip(long_enough, earliest, latest)
    possible = subtract(windows, _collisions(windows, busy, rules))

    starts = []
    at = 0
    for grid_start, grid_end, anchor in working.grids:
        while at < len(possible) and possible[at][1] <= grid_start:
            at += 1
        ahead = at
        while ahead < len(possible) and possible[ahead][0] < grid_end:
            first = max(possible[ahead][0], grid_start)
            starts.extend(range(first + (anchor - first) % step, min(possible[ahead][1], grid_end), step))
            ahead += 1
    if any(later[0] < earlier[1] for earlier, later in zip(working.grids, working.grids[1:], strict=False)):
        return sorted(set(starts))  # overlapping hours yield a start twice
    return starts


def _collisions(windows, busy, rules):
    """Return, as merged intervals, the starts near ``windows`` at which an appointment would overlap busy time."""
    duration, before, after, _ = rules
    starts, ends = busy
    found = []
    # Look only near the windows: most busy time of a calendar lies outside working hours.
    for start, end in windows:
        first, last = bisect_right(ends, start - before), bisect_left(starts, end - 1 + duration + after)
        # A start s collides with [a, b) when s - before < b and s + duration + after > a.
        found += [
            (a - duration - after + 1, b + before) for a, b in zip(starts[first:last], ends[first:last], strict=True)
        ]
    return merge(found)


def get_local_dates(zone: ZoneInfo, start: int, end: int) -> tuple[date, date]:
    """Return the first and the last local date that ``[start, end)`` touches."""
    last = max(start, end - 1)
    return datetime.fromtimestamp(start, zone).date(), datetime.fromtimestamp(last, zone).date()


def as_datetime(instant: int) -> datetime:
    """Return the UTC datetime of an instant."""
    return datetime.fromtimestamp(instant, UTC)


def as_instant(moment: datetime) -> int:
    """Return the first whole second at or after ``moment``, which keeps half-open bounds exact."""
    return -((EPOCH - moment) // SECOND)
