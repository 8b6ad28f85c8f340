"""The openings of one clinician at one place, from hours, busy time and the service's rules.

Pure: everything is an argument. Instants are whole seconds since 1970 UTC, because a sweep over
integers is several times faster than over datetimes. ``as_instant`` and ``as_datetime`` translate.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from scheduling.availability.intervals import clip, merge, subtract

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = 86_400
# No place on earth is further than this from UTC, so a local day lies within it of the UTC day.
MAX_UTC_OFFSET = 15 * 3_600


class Hours(NamedTuple):
    """Wall time on one weekday (0 is Monday), from–to; a ``to`` of 00:00 is the day's end."""

    weekday: int
    start_time: time
    end_time: time


WeeklyHours = tuple[Hours, ...]


class Rules(NamedTuple):
    """What a service asks of a start, in seconds."""

    duration: int
    buffer_before: int
    buffer_after: int
    step: int


class Busy(NamedTuple):
    """When somebody is busy: the starts of all stretches, ascending, and by themselves the ends of all stretches.

    Which end belongs to which start does not matter: whoever is busy at an instant has more starts before it
    than ends. So the stretches may overlap, and are neither paired nor merged, which would take longer.
    """

    starts: list
    ends: list

    @classmethod
    def of(cls, intervals):
        """Return it for pairs in any order."""
        return cls(sorted(start for start, _ in intervals), sorted(end for _, end in intervals))


class WorkingTime(NamedTuple):
    """``spells``: where an appointment must lie. ``grids``: (start, end, anchor) of the starts in them."""

    spells: list
    grids: list


@lru_cache(maxsize=4096)
def day_parts(zone, day):
    """Return the parts of a local calendar day with one UTC offset each: ``[(start, end, midnight)]``.

    ``midnight`` is the instant from which wall time counts in that part: wall time ``t`` seconds after
    midnight is the instant ``midnight + t``, provided that lies in the part. An ordinary day has one
    part; a day with a clock change has two, so that skipped wall time is nowhere and repeated wall
    time is in both.
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
    return int(datetime.fromtimestamp(instant, zone).utcoffset().total_seconds())


@lru_cache(maxsize=4096)
def working_time(hours, zone, first, last):
    """Return the WorkingTime of weekly ``hours`` (a tuple) on the local dates ``first`` to ``last``."""
    grids = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        for rule in hours:
            if rule.weekday != day.weekday():
                continue
            wall_start = _seconds(rule.start_time)
            wall_end = _seconds(rule.end_time) or DAY
            for start, end, midnight in day_parts(zone, day):
                start, end = max(start, midnight + wall_start), min(end, midnight + wall_end)
                if start < end:
                    grids.append((start, end, midnight + wall_start))
    grids.sort()
    return WorkingTime(spells=merge((start, end) for start, end, _ in grids), grids=grids)


def _seconds(wall):
    return wall.hour * 3_600 + wall.minute * 60 + wall.second


def open_starts(working, busy, rules, earliest, latest):
    """Return the starts in ``[earliest, latest)`` that can be booked, ascending.

    The appointment itself lies in working time; with its buffers it shares no time with ``busy``, a Busy.
    """
    duration, _, _, step = rules
    fitting = [(start, end - duration + 1) for start, end in working.spells if end - start >= duration]
    windows = clip(fitting, earliest, latest)
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
        return sorted(set(starts))  # rules that overlap offer a start twice
    return starts


def _collisions(windows, busy, rules):
    """Return the starts in or near the windows at which an appointment would meet busy time, merged."""
    duration, before, after, _ = rules
    starts, ends = busy
    found = []
    # Most of what a calendar has lies outside working hours: only what is near a window is looked at.
    for start, end in windows:
        first, last = bisect_right(ends, start - before), bisect_left(starts, end - 1 + duration + after)
        # A start s collides with [a, b) when s - before < b and s + duration + after > a.
        found += [
            (a - duration - after + 1, b + before) for a, b in zip(starts[first:last], ends[first:last], strict=True)
        ]
    return merge(found)


def local_dates(zone, start, end):
    """Return the first and last local date that ``[start, end)`` touches."""
    last = max(start, end - 1)
    return datetime.fromtimestamp(start, zone).date(), datetime.fromtimestamp(last, zone).date()


def as_datetime(instant):
    """Return the UTC datetime of an instant."""
    return datetime.fromtimestamp(instant, UTC)


def as_instant(moment):
    """Return the first whole second at or after ``moment``, so that half-open bounds stay exact."""
    return -((EPOCH - moment) // SECOND)
