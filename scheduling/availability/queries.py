"""What availability reads from the database: who works where and when, and what keeps them busy."""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache, partial
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.backends.utils import CursorWrapper

from scheduling.availability.intervals import clip, pairs, unpack
from scheduling.availability.openings import Hours, WeeklyHours, as_datetime
from scheduling.lib.pipelined_postgresql import execute_later
from scheduling.lib.reading import get_read_connection
from scheduling.models import Calendar, ExtraHours, Service, Slot, WorkingHours


@dataclass(frozen=True, slots=True)
class OpeningFilters:
    """Which openings to search; None leaves a choice open.

    ``ignored_slot_id`` is the slot of a booking that is being moved or confirmed: it does not count as taken.
    """

    service: Service
    clinician_ids: Sequence[UUID] | None = None
    location_id: UUID | None = None
    is_remote: bool | None = None
    ignored_slot_id: int | None = None


class Place(NamedTuple):
    """Where and how a clinician can be seen; ``zone`` is the location's time zone."""

    clinician_id: UUID
    clinician_name: str
    location_id: UUID
    location_name: str
    is_remote: bool
    zone: ZoneInfo


# Hand-written SQL, here and below: the ORM takes longer to build this statement than PostgreSQL to answer it.
# Extra hours are hours that are valid for one day; 1-1-1 and 9999-12-31 are the first and the last that Python knows.
ALL_HOURS = """
    SELECT clinician_id, location_id, is_remote, weekday, start_time, end_time, valid_from, valid_until, every_weeks
      FROM scheduling_workinghours
     UNION ALL
    SELECT clinician_id, location_id, is_remote, (date_part('isodow', date) - 1)::smallint, start_time, end_time,
           date, date, 1::smallint
      FROM scheduling_extrahours
"""
# A rule as text, of which parse_hours reads a list: its dates and weeks only if it has any.
RULES = """
    string_agg(concat_ws(' ', hours.weekday, hours.start_time, hours.end_time,
                         CASE WHEN coalesce(hours.valid_from, hours.valid_until) IS NOT NULL
                              THEN concat_ws(' ', coalesce(hours.valid_from, '0001-01-01'),
                                             coalesce(hours.valid_until, '9999-12-31'), hours.every_weeks) END), ','
               ORDER BY hours.weekday, hours.start_time, hours.valid_from, hours.end_time)
"""
_HOURS = f"""
    SELECT clinician.id, clinician.name, location.id, location.name, hours.is_remote, location.timezone,
           {RULES} AS rules{{column}}
      FROM ({ALL_HOURS}) AS hours
      JOIN scheduling_clinician AS clinician ON clinician.id = hours.clinician_id AND clinician.is_active
      JOIN scheduling_location AS location ON location.id = hours.location_id AND location.is_active
      {{offered}}
     WHERE (hours.valid_from IS NULL OR hours.valid_from <= %(last)s)
       AND (hours.valid_until IS NULL OR hours.valid_until >= %(first)s){{condition}}
     GROUP BY clinician.id, location.id, hours.is_remote
     ORDER BY clinician.name, clinician.id, rules
"""  # noqa: S608 nothing but the constants above goes in
# For each set of filters a statement of its own: with a filter that may be null, the plan for any value, on which
# PostgreSQL settles for what is prepared, reads the hours of a whole group of clinics.
_OF_CLINICIANS, _AT_LOCATION = " AND clinician.id = ANY(%(clinicians)s)", " AND location.id = %(location)s"
HOURS = {
    (of_clinicians, at_location): _HOURS.format(
        column="",
        offered="""JOIN scheduling_clinician_services AS offered
           ON offered.clinician_id = clinician.id AND offered.service_id = %(service)s""",
        condition=f" AND hours.is_remote = ANY(%(ways)s){_OF_CLINICIANS * of_clinicians}{_AT_LOCATION * at_location}",
    )
    for of_clinicians, at_location in product((False, True), repeat=2)
}
_SERVICES = """,
           ARRAY(SELECT service_id FROM scheduling_clinician_services WHERE clinician_id = clinician.id) AS services"""
HOURS_OF_ALL = _HOURS.format(column=_SERVICES, offered="", condition="")
HOURS_OF_ALL_AT = _HOURS.format(column=_SERVICES, offered="", condition=_AT_LOCATION)


def load_hours(filters: OpeningFilters, *, first: date = date.min, last: date = date.max) -> dict[Place, WeeklyHours]:
    """Return the hours of every place that offers the service, ordered by clinician name.

    Hours that are not valid on any date from ``first`` to ``last`` may be left out, and places that have no others.
    """
    return read_hours(query_hours(filters, first=first, last=last))


def query_hours(filters: OpeningFilters, *, first: date = date.min, last: date = date.max) -> CursorWrapper:
    """Return the cursor of load_hours, which is executed with the next statement."""
    service, is_remote = filters.service, filters.is_remote
    parameters = {
        "service": service.pk,
        "clinicians": filters.clinician_ids,
        "location": filters.location_id,
        "ways": [way for way in (False, True) if service.allows(is_remote=way) and is_remote in (None, way)],
        "first": first,
        "last": last,
    }
    statement = HOURS[filters.clinician_ids is not None, filters.location_id is not None]
    return execute_later(statement, parameters, connection=get_read_connection())


def read_hours(cursor: CursorWrapper) -> dict[Place, WeeklyHours]:
    """Return the hours of every place from the cursor of query_hours."""
    return {
        Place(clinician_id, clinician_name, location_id, location_name, remote, ZoneInfo(zone)): parse_hours(rules)
        for clinician_id, clinician_name, location_id, location_name, remote, zone, rules in cursor.fetchall()
    }


def load_hours_of_all(
    *, first: date, last: date, location_id: UUID | None = None
) -> list[tuple[Place, WeeklyHours, list[UUID]]]:
    """Return every place, or those at a location, its hours, and the ids of the services that its clinician offers.

    Ordered like load_hours.
    """
    parameters: dict[str, Any] = {"first": first, "last": last, "location": location_id}
    with get_read_connection().cursor() as cursor:
        cursor.execute(HOURS_OF_ALL_AT if location_id else HOURS_OF_ALL, parameters)
        return [
            (
                Place(clinician_id, clinician_name, location_id, location_name, remote, ZoneInfo(zone)),
                parse_hours(rules),
                service_ids,
            )
            for clinician_id, clinician_name, location_id, location_name, remote, zone, rules, service_ids in cursor
        ]


# Cached: many clinicians share a week, and it seldom changes.
@lru_cache(maxsize=4096)
def parse_hours(rules: str) -> WeeklyHours:
    """Return the hours that a statement has put as text, see RULES."""
    return tuple(_parse_rule(*rule.split(" ")) for rule in rules.split(","))


def _parse_rule(weekday, start_time, end_time, *validity):
    hours = Hours(int(weekday), time.fromisoformat(start_time), time.fromisoformat(end_time))
    if not validity:
        return hours
    valid_from, valid_until, every_weeks = validity
    return hours._replace(
        valid_from=date.fromisoformat(valid_from),
        valid_until=date.fromisoformat(valid_until),
        every_weeks=int(every_weeks),
    )


def as_hours(row: WorkingHours | ExtraHours) -> Hours:
    """Return the rule of a row."""
    if isinstance(row, ExtraHours):
        return Hours(row.date.weekday(), row.start_time, row.end_time, row.date, row.date)
    valid_from, valid_until = row.valid_from or date.min, row.valid_until or date.max
    return Hours(row.weekday, row.start_time, row.end_time, valid_from, valid_until, row.every_weeks)


# One lateral index scan per clinician on (clinician, upper(period)). A slot is at most a day long,
# which bounds the scan from above too; the GiST index would visit every clinician's window instead.
# A calendar that was not read lately, or not this far ahead, counts as busy if it withholds when unreachable.
# Stretches are packed, see intervals.py. Whole seconds, rounded outward: a partly busy second is busy.
PACKED = "int8send(floor(date_part('epoch', starts_at))::bigint) || int8send(ceil(date_part('epoch', ends_at))::bigint)"
NOW = "coalesce(%(now)s, statement_timestamp())"  # of a statement behind a lock: after the wait
BUSY_ROWS = f"""
    SELECT clinician.id, {PACKED} AS stretches, CASE WHEN expires_at IS NULL THEN 'taken' ELSE 'held' END AS reason
      FROM unnest(%(clinicians)s::uuid[]) AS clinician(id)
     CROSS JOIN LATERAL (
           SELECT lower(period) AS starts_at, upper(period) AS ends_at, expires_at FROM scheduling_slot
            WHERE clinician_id = clinician.id
              AND upper(period) > %(start)s AND upper(period) < %(end)s + %(longest)s
              AND lower(period) < %(end)s
              AND (expires_at IS NULL OR expires_at > {NOW})
              AND id IS DISTINCT FROM %(ignored_slot_id)s) AS slot
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
    SELECT location_id, stretches, 'holiday'
      FROM scheduling_busyday
     WHERE location_id = ANY(%(locations)s) AND day BETWEEN %(first_day)s AND %(last_day)s
     UNION ALL
    SELECT clinician_id, {PACKED}, 'calendar-unreachable'
      FROM (SELECT clinician_id, %(end)s AS ends_at,
                   CASE WHEN last_synced_at > {NOW} - %(stale)s THEN read_until ELSE %(start)s END AS starts_at
              FROM scheduling_calendar
             WHERE clinician_id = ANY(%(clinicians)s)
               AND kind = 'icalendar' AND is_active AND when_unreachable = 'withhold'
               AND (last_synced_at IS NULL OR last_synced_at <= {NOW} - %(stale)s OR read_until < %(end)s)) AS unknown
"""  # noqa: S608 nothing but the constants above goes in
# PostgreSQL expects ten members of an array, and so never settles for one plan for any parameters: it would make one
# anew for every opening that is asked about, in five times as long as it reads.
BUSY_ROWS_OF_ONE = (
    BUSY_ROWS.replace("unnest(%(clinicians)s::uuid[])", "(VALUES (%(clinician)s::uuid))")
    .replace("ANY(%(clinicians)s)", "%(clinician)s")
    .replace("ANY(%(locations)s)", "%(location)s")
)
BUSY_OF_EACH = f"SELECT id, string_agg(stretches, '') FROM ({BUSY_ROWS}) AS busy GROUP BY id"  # noqa: S608


def load_busy(
    places: Collection[Place], start: int, end: int, *, now: datetime, ignored_slot_id: int | None = None
) -> Mapping[UUID, array]:
    """Return {clinician or location id: array [start, end, …]} of the busy time that overlaps ``[start, end)``.

    All in instants. The stretches may reach beyond the range, overlap each other and come in any order.
    """
    busy = defaultdict(partial(array, "q"))
    for owner, stretches in _fetch_busy(BUSY_OF_EACH, places, start, end, now, ignored_slot_id):
        busy[owner] = unpack(stretches)
    return busy


def load_busy_reasons(
    places: Collection[Place], start: int, end: int, *, now: datetime, ignored_slot_id: int | None = None
) -> Mapping[UUID, set[str]]:
    """Return {clinician or location id: set of Reason values} of the busy time that overlaps ``[start, end)``."""
    return read_busy_reasons(_fetch_busy(BUSY_ROWS, places, start, end, now, ignored_slot_id), start, end)


def query_busy(filters: OpeningFilters, start: int, end: int, *, now: datetime | None) -> CursorWrapper:
    """Return the cursor of what keeps the only clinician and the location of ``filters`` busy.

    It is executed with the next statement; without ``now`` for the time that it is then.
    """
    [clinician_id] = filters.clinician_ids or []
    parameters = _get_parameters([clinician_id], [filters.location_id], start, end, now, filters.ignored_slot_id)
    one = {"clinician": clinician_id, "location": filters.location_id}
    return execute_later(BUSY_ROWS_OF_ONE, parameters | one)


def read_busy_reasons(rows: Iterable[tuple], start: int, end: int) -> Mapping[UUID, set[str]]:
    """Return {clinician or location id: set of Reason values} of the rows of query_busy."""
    reasons = defaultdict(set)
    for owner, stretches, reason in rows:
        if clip(pairs(unpack(stretches)), start, end):
            reasons[owner].add(reason)
    return reasons


def list_busy(
    clinician_ids: Collection[UUID], location_ids: Collection[UUID], start: int, end: int, *, now: datetime
) -> list[tuple[int, int, UUID, str]]:
    """Return ``(start, end, clinician or location id, Reason value)`` of each busy stretch in ``[start, end)``."""
    rows = _fetch_rows(BUSY_ROWS, clinician_ids, location_ids, start, end, now, None)
    return sorted(
        (first, last, owner, reason)
        for owner, stretches, reason in rows
        for first, last in clip(pairs(unpack(stretches)), start, end)
    )


def _fetch_busy(sql, places, start, end, now, ignored_slot_id):
    clinician_ids, location_ids = {place.clinician_id for place in places}, {place.location_id for place in places}
    return _fetch_rows(sql, clinician_ids, location_ids, start, end, now, ignored_slot_id)


def _fetch_rows(sql, *bounds):
    with get_read_connection().cursor() as cursor:
        cursor.execute(sql, _get_parameters(*bounds))
        return cursor.fetchall()


def _get_parameters(clinician_ids, location_ids, start, end, now, ignored_slot_id):
    return {
        "clinicians": list(clinician_ids),
        "locations": list(location_ids),
        "start": as_datetime(start),
        "end": as_datetime(end),
        "now": now,
        "first_day": as_datetime(start).date(),
        "last_day": as_datetime(end).date(),
        "longest": Slot.MAX_DURATION,
        "ignored_slot_id": ignored_slot_id,
        "stale": Calendar.STALE_AFTER,
    }
