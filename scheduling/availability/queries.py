"""What availability reads from the database: who works where and when, and what keeps them busy."""

from array import array
from collections import defaultdict
from datetime import time
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from scheduling.availability.intervals import clip, pairs, unpack
from scheduling.availability.openings import Hours, as_datetime
from scheduling.models import Calendar, Slot


class Place(NamedTuple):
    """Where and how a clinician can be seen; times there are told in ``zone``."""

    clinician_id: UUID
    clinician_name: str
    location_id: UUID
    location_name: str
    is_remote: bool
    zone: ZoneInfo


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


def load_why_busy(hours, start, end, now, ignoring=None):
    """Return {clinician or location id: set of Reason values} of what shares time with ``[start, end)``."""
    reasons = defaultdict(set)
    for owner, stretches, reason in _run(BUSY_ROWS, hours, start, end, now, ignoring):
        if clip(pairs(unpack(stretches)), start, end):
            reasons[owner].add(reason)
    return reasons


def _run(sql, hours, start, end, now, ignoring):
    parameters = {
        "clinicians": list({place.clinician_id for place in hours}),
        "locations": list({place.location_id for place in hours}),
        "start": as_datetime(start),
        "end": as_datetime(end),
        "now": now,
        "first_day": as_datetime(start).date(),
        "last_day": as_datetime(end).date(),
        "longest": Slot.MAX_DURATION,
        "ignoring": ignoring,
        "stale": Calendar.STALE_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
