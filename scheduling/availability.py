"""Which times can be booked, and why others cannot: loads the rows of a range, asks openings.py.

Two queries whatever the number of clinicians: working hours, then busy time.
"""

from array import array
from collections import defaultdict
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from .intervals import clip, pairs, unpack
from .models import Calendar, Slot
from .openings import Busy, Hours, Rules, as_datetime, as_instant, day_parts, local_dates, open_starts, working_time


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


class Place(NamedTuple):
    """Where and how a clinician can be seen; times there are told in ``zone``."""

    clinician_id: UUID
    clinician_name: str
    location_id: UUID
    location_name: str
    is_remote: bool
    zone: ZoneInfo


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
    duration = rules_of(service).duration
    for place, starts in open_starts_by_place(
        service=service, start_at=start_at, end_at=end_at, now=now, **filters
    ):
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
    rules = rules_of(service)
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
        now, ignoring,
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
        service=service, starts_at=starts_at, now=now, ignoring=ignoring,
        clinicians=[clinician], location=location, is_remote=is_remote,
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

    start, rules = as_instant(starts_at), rules_of(service)
    window = (start - rules.buffer_before, start + rules.duration + rules.buffer_after)
    busy = _reasons_busy(hours, *window, now, ignoring)
    found = {}
    for place, weekly in hours.items():
        working = working_time(weekly, place.zone, *local_dates(place.zone, start, start + rules.duration))
        found[place] = common | busy[place.clinician_id] | busy[place.location_id]
        if starts_at.microsecond or not open_starts(working, Busy([], []), rules, start, start + 1):
            found[place].add(Reason.CLOSED)
    return found


def rules_of(service):
    """Return the service's Rules in seconds."""
    durations = (service.duration, service.buffer_before, service.buffer_after, service.step)
    return Rules(*(int(duration.total_seconds()) for duration in durations))


# By hand, like what follows: the ORM takes longer to build this statement than PostgreSQL to answer it.
HOURS = """
    SELECT clinician.id, clinician.name, location.id, location.name, hours.is_remote, location.timezone,
           string_agg(concat_ws(' ', hours.weekday, hours.start_time, hours.end_time), ','
                      ORDER BY hours.weekday, hours.start_time) AS weekly
      FROM scheduling_workinghours AS hours
      JOIN scheduling_clinician AS clinician ON clinician.id = hours.clinician_id AND clinician.is_active
      JOIN scheduling_location AS location ON location.id = hours.location_id AND location.is_active
      JOIN scheduling_clinician_services AS offered
           ON offered.clinician_id = clinician.id AND offered.service_id = %(service)s
     WHERE (%(clinicians)s::uuid[] IS NULL OR clinician.id = ANY(%(clinicians)s))
       AND (%(location)s::uuid IS NULL OR location.id = %(location)s)
       AND hours.is_remote = ANY(%(ways)s)
     GROUP BY clinician.id, location.id, hours.is_remote
     ORDER BY clinician.name, clinician.id, weekly
"""


def load_hours(service, *, clinicians=None, location=None, is_remote=None):
    """Return {Place: its weekly Hours, a tuple} of who offers the service, ordered by name."""
    parameters = {
        "service": service.pk,
        "clinicians": clinicians if clinicians is None else [_id(clinician) for clinician in clinicians],
        "location": _id(location),
        "ways": [way for way in (False, True) if service.allows(is_remote=way) and is_remote in (None, way)],
    }
    with connection.cursor() as cursor:
        cursor.execute(HOURS, parameters)
        return {Place(*place, ZoneInfo(zone)): _read_weekly(weekly) for *place, zone, weekly in cursor}


# Many clinicians work alike, and tomorrow as today: each week is read once.
@lru_cache(maxsize=4096)
def _read_weekly(text):
    rules = [rule.split(" ") for rule in text.split(",")]
    return tuple(Hours(int(day), time.fromisoformat(start), time.fromisoformat(end)) for day, start, end in rules)


def _id(thing):
    """Return the id of an object, or an id as it is."""
    return getattr(thing, "pk", thing)


# One lateral index scan per clinician on (clinician, upper(period)). A slot is at most a day long,
# which bounds the scan from above too; the GiST index would visit every clinician's window instead.
# A calendar that cannot be reached, or has not been read so far ahead, may say anything: if its
# clinician's times are to be withheld then, they count as busy.
# Stretches are packed, see intervals.py. Whole seconds, outward: what is busy for part of one is busy for all of it.
PACKED = "int8send(floor(date_part('epoch', starts_at))::bigint) || int8send(ceil(date_part('epoch', ends_at))::bigint)"
BUSY_ROWS = f"""
    SELECT who.id, {PACKED} AS stretches, CASE WHEN expires_at IS NULL THEN 'taken' ELSE 'held' END AS reason
      FROM unnest(%(clinicians)s::uuid[]) AS who(id)
     CROSS JOIN LATERAL (
           SELECT lower(period) AS starts_at, upper(period) AS ends_at, expires_at FROM scheduling_slot
            WHERE clinician_id = who.id
              AND upper(period) > %(start)s AND upper(period) < %(end)s + %(longest)s
              AND lower(period) < %(end)s
              AND (expires_at IS NULL OR expires_at > %(now)s)
              AND id IS DISTINCT FROM %(ignoring)s) AS slot
     UNION ALL
    SELECT coalesce(clinician_id, location_id), {PACKED}, 'time-off'
      FROM scheduling_timeoff
     WHERE ends_at > %(start)s AND starts_at < %(end)s
       AND (clinician_id = ANY(%(clinicians)s) OR location_id = ANY(%(locations)s))
     UNION ALL
    SELECT clinician_id, stretches, 'calendar-busy'
      FROM scheduling_busyday
     WHERE clinician_id = ANY(%(clinicians)s) AND day BETWEEN %(first_day)s AND %(last_day)s
     UNION ALL
    SELECT clinician_id, {PACKED}, 'calendar-unreachable'
      FROM (SELECT clinician_id, %(end)s AS ends_at,
                   CASE WHEN last_synced_at > %(now)s - %(stale)s THEN read_until ELSE %(start)s END AS starts_at
              FROM scheduling_calendar
             WHERE clinician_id = ANY(%(clinicians)s)
               AND kind = 'icalendar' AND is_active AND when_unreachable = 'withhold'
               AND (last_synced_at IS NULL OR last_synced_at <= %(now)s - %(stale)s OR read_until < %(end)s)) AS unknown
"""  # noqa: S608 nothing but the constant above goes in
BUSY_OF_EACH = f"SELECT id, string_agg(stretches, '') FROM ({BUSY_ROWS}) AS busy GROUP BY id"  # noqa: S608


def load_busy(hours, start, end, now, ignoring=None):
    """Return {clinician or location id: array [start, end, …]} of what shares time with ``[start, end)``, in instants.

    There may be more around it, in any order.
    """
    busy = defaultdict(partial(array, "q"))
    for owner, stretches in _run(BUSY_OF_EACH, hours, start, end, now, ignoring):
        busy[owner] = unpack(stretches)
    return busy


def _reasons_busy(hours, start, end, now, ignoring):
    """Return {clinician or location id: set of Reasons} of what shares time with ``[start, end)``."""
    reasons = defaultdict(set)
    for owner, stretches, reason in _run(BUSY_ROWS, hours, start, end, now, ignoring):
        if clip(pairs(unpack(stretches)), start, end):
            reasons[owner].add(Reason(reason))
    return reasons


def _run(sql, hours, start, end, now, ignoring):
    parameters = {
        "clinicians": list({place.clinician_id for place in hours}),
        "locations": list({place.location_id for place in hours}),
        "start": as_datetime(start), "end": as_datetime(end), "now": now,
        "first_day": as_datetime(start).date(), "last_day": as_datetime(end).date(),
        "longest": Slot.LONGEST, "ignoring": ignoring, "stale": Calendar.STALE_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
