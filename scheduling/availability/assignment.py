"""Which clinician gets a time when the caller names none: one for each start, by a fair rule.

Balanced: the clinician with the least booked time for the hours they have in the week of that date, Monday to Sunday
on the location's clock; of equals the one assigned longest ago, or never; then the first by name. A slot counts in the
week in which it begins, with its buffers, and while it is only held too. Hours are the working and extra hours
anywhere, without the clinician's own time off; a weight makes them count as more or fewer.

Days on which some of those who are asked have hours and others have not do not count: whoever works on Mondays only
is compared with the others by what Monday brings, so that each gets a share of Mondays. By the whole week the others,
busy on the other days too, would leave Mondays to that one. Between those whom that leaves equal the week decides.

The week is the calendar's. With overlapping weeks, such as one centred on each date, small differences add up: after
a thousand bookings some clinicians have a dozen more than others.
"""

import secrets
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple
from uuid import UUID

from django.db.models import Func

from scheduling.availability.intervals import Interval, clip, merge, pairs, subtract, unpack
from scheduling.availability.openings import as_datetime, compute_working_time, split_day
from scheduling.availability.queries import ALL_HOURS, PACKED, RULES, OpeningFilters, Place, parse_hours
from scheduling.availability.search import Opening, PlaceStarts, find_next_opening, find_open_starts
from scheduling.lib.reading import get_read_connection
from scheduling.models import Clinician, Slot

WEEK, EVERY_DAY = timedelta(days=7), tuple(range(7))
NEVER = datetime.min.replace(tzinfo=UTC)


class Assign(StrEnum):
    """Which of the clinicians that are free at a time are offered."""

    NONE = "none"
    RANDOM = "random"
    BALANCED = "balanced"


class Load(NamedTuple):
    """What the rule knows of a clinician, ``weight`` and all; ``booked`` is {ordinal of a date: seconds}."""

    last_assigned_at: datetime
    weight: float
    rules: str | None
    away: list[Interval]
    booked: dict[int, int]


class Week(NamedTuple):
    """The booked and the working seconds of each day of a clinician's week, Monday first."""

    booked: list[int]
    working: Sequence[int]


def assign_clinicians(
    found: list[PlaceStarts], how: Assign, *, now: datetime, ignored_slot_id: int | None = None
) -> list[PlaceStarts]:
    """Reduce the result of find_open_starts to one clinician for each start.

    Different locations, and in person and by video, are different offers: each keeps its own clinician.
    ``ignored_slot_id`` does not count as booked time.
    """
    if how == Assign.NONE:
        return found
    offers = defaultdict(list)
    for place, starts in found:
        if starts:
            offers[place.location_id, place.is_remote, place.zone].append((place, starts))
    several = [place for offer in offers.values() if len(offer) > 1 for place, _ in offer]
    loads = _load(several, *_span(found), now, ignored_slot_id) if how == Assign.BALANCED and several else {}
    assigned = []
    for (_, _, zone), offer in offers.items():
        if len(offer) == 1:
            assigned += offer
        elif how == Assign.RANDOM:
            assigned += _assign_randomly(offer)
        else:
            assigned += _assign_by_load(offer, zone, loads)
    return assigned


def rank_places(
    places: Sequence[Place], start: int, *, now: datetime, ignored_slot_id: int | None = None
) -> Sequence[Place]:
    """Return places that are free at ``start``, an instant, in the order in which the balanced rule prefers them."""
    if len({place.clinician_id for place in places}) < 2:
        return places
    loads = _load(places, start, start + 1, now, ignored_slot_id)
    weeks = {place: _get_week(loads, place, _monday(start, place.zone)) for place in places}
    days = _list_common_days(weeks.values())
    return sorted(places, key=lambda place: _rank(place, weeks[place], days, loads))


def find_next_assigned(
    filters: OpeningFilters, how: Assign, *, now: datetime, after: datetime | None = None
) -> Opening | None:
    """Return the next opening, as find_next_opening does, with the clinician that the rule assigns."""
    opening = find_next_opening(filters, now=now, after=after)
    if opening is None or how == Assign.NONE:
        return opening
    at = opening.starts_at
    found = find_open_starts(filters, start_at=at, end_at=at + timedelta(seconds=1), now=now)
    places = [place for place, starts in found if starts]
    if not places:  # taken between the two queries
        return find_next_assigned(filters, how, now=now, after=after)
    if how == Assign.RANDOM:
        place = secrets.choice(places)
    else:
        place = rank_places(places, opening.start, now=now, ignored_slot_id=filters.ignored_slot_id)[0]
    return opening._replace(clinician_id=place.clinician_id, location_id=place.location_id, is_remote=place.is_remote)


def note_assignment(clinician_id: UUID) -> None:
    """Record that the rule has just assigned a time to this clinician, who is now last among equals."""
    Clinician.objects.filter(pk=clinician_id).update(last_assigned_at=Func(function="clock_timestamp"))


def _assign_randomly(offer):
    free = defaultdict(list)
    for place, starts in offer:
        for start in starts:
            free[start].append(place)
    chosen = {start: secrets.choice(places) for start, places in free.items()}
    return _group_by_place(chosen)


def _assign_by_load(offer, zone, loads):
    chosen = {}
    first, last = _span(offer)
    monday = _monday(first, zone)
    while _midnight(monday, zone) < last:
        weeks = {place: _get_week(loads, place, monday) for place, _ in offer}
        for days, number, until in _list_comparisons(weeks.values()):
            begins, ends = (_midnight(monday + timedelta(days=day), zone) for day in (number, until))
            # Worst ranked first: better ones overwrite their starts.
            for place, starts in sorted(offer, key=lambda one: _rank(one[0], weeks[one[0]], days, loads), reverse=True):
                chosen |= dict.fromkeys(starts[bisect_left(starts, begins) : bisect_left(starts, ends)], place)
        monday += WEEK
    return _group_by_place(chosen)


def _list_comparisons(weeks):
    """Return ``(days to compare by, first day, day after the last)`` for the parts of a week that are decided alike."""
    patterns = {tuple(map(bool, week.working)): week for week in weeks}
    if len(patterns) == 1:
        return [(EVERY_DAY, 0, 7)]
    parts = groupby(
        range(7), key=lambda day: _list_common_days(week for pattern, week in patterns.items() if pattern[day])
    )
    return [(days, (numbers := list(same))[0], numbers[-1] + 1) for days, same in parts]


def _list_common_days(weeks):
    """Return the days on which all of them work or none does."""
    patterns = {tuple(map(bool, week.working)) for week in weeks}
    if len(patterns) < 2:
        return EVERY_DAY
    return tuple(day for day, works in enumerate(zip(*patterns, strict=True)) if len(set(works)) == 1)


def _group_by_place(chosen):
    starts = defaultdict(list)
    for start in sorted(chosen):
        starts[chosen[start]].append(start)
    return list(starts.items())


def _rank(place, week, days, loads):
    load = loads[place.clinician_id, place.zone.key]
    whole = _share(week, EVERY_DAY, load.weight)
    by_days = whole if days is EVERY_DAY else _share(week, days, load.weight)
    return by_days, whole, load.last_assigned_at, place.clinician_name, place.clinician_id


def _share(week, days, weight):
    booked, working = sum(map(week.booked.__getitem__, days)), sum(map(week.working.__getitem__, days))
    return booked / ((working or 1) * weight)


def _get_week(loads, place, monday):
    load = loads[place.clinician_id, place.zone.key]
    first = monday.toordinal()
    booked = [load.booked.get(day, 0) for day in range(first, first + 7)]
    if not load.rules:
        return Week(booked, [0] * 7)
    working = _count_working(load.rules, place.zone, monday)
    if load.away:
        days = _list_spells(load.rules, place.zone, monday)
        working = [_total(subtract(spells, load.away)) for spells in days]
    return Week(booked, working)


@lru_cache(maxsize=4096)
def _count_working(rules, zone, monday):
    return tuple(_total(spells) for spells in _list_spells(rules, zone, monday))


def _list_spells(rules, zone, monday):
    spells = compute_working_time(parse_hours(rules), zone, monday, monday + timedelta(days=6)).spells
    midnights = [_midnight(monday + timedelta(days=day), zone) for day in range(8)]
    return [clip(spells, *day) for day in pairwise(midnights)]


def _total(intervals):
    return sum(end - start for start, end in intervals)


def _span(found):
    """Return the first start, and the instant after the last start."""
    return min(starts[0] for _, starts in found if starts), max(starts[-1] for _, starts in found if starts) + 1


def _monday(start, zone):
    day = datetime.fromtimestamp(start, zone).date()
    return day - timedelta(days=day.weekday())


def _midnight(day, zone):
    return split_day(zone, day)[0][0]


# One index scan per clinician, as for busy time. The packed pairs of ``booked`` are the ordinal of a date, and seconds.
LOADS = f"""
    SELECT clinician.id, asked.zone, clinician.last_assigned_at, clinician.weight::float8,
           work.rules,
           (SELECT string_agg({PACKED}, '')
              FROM scheduling_timeoff
             WHERE clinician_id = clinician.id AND ends_at > begins_at AND starts_at < until) AS away,
           (SELECT string_agg(int8send(day) || int8send(seconds), '')
              FROM (SELECT ((lower(period) AT TIME ZONE asked.zone)::date - date '0001-01-01' + 1)::bigint AS day,
                           round(date_part('epoch', sum(upper(period) - lower(period))))::bigint AS seconds
                      FROM scheduling_slot
                     WHERE clinician_id = clinician.id
                       AND upper(period) > begins_at AND upper(period) < until + %(longest)s
                       AND lower(period) >= begins_at AND lower(period) < until
                       AND (expires_at IS NULL OR expires_at > %(now)s)
                       AND id IS DISTINCT FROM %(ignored_slot_id)s
                     GROUP BY day) AS days) AS booked
      FROM unnest(%(clinicians)s::uuid[], %(zones)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS asked(id, zone, begins_at, until)
      JOIN scheduling_clinician AS clinician USING (id)
      LEFT JOIN (SELECT hours.clinician_id, {RULES} AS rules
                   FROM ({ALL_HOURS}) AS hours
                   JOIN scheduling_location AS location ON location.id = hours.location_id AND location.is_active
                  WHERE hours.clinician_id = ANY(%(clinicians)s)
                    AND (hours.valid_from IS NULL OR hours.valid_from <= %(last_day)s)
                    AND (hours.valid_until IS NULL OR hours.valid_until >= %(first_day)s)
                  GROUP BY hours.clinician_id) AS work ON work.clinician_id = clinician.id
"""  # noqa: S608 nothing but the constants above goes in


def _load(places, first, last, now, ignored_slot_id):
    """Return {(clinician id, zone name): Load} for the weeks of the instants ``first`` to ``last``."""
    asked = {(place.clinician_id, place.zone.key): place.zone for place in places}
    mondays = {zone: (_monday(first, zone), _monday(last, zone) + WEEK) for zone in set(asked.values())}
    bounds = [[as_datetime(_midnight(day, zone)) for day in mondays[zone]] for zone in asked.values()]
    parameters = {
        "clinicians": [clinician_id for clinician_id, _ in asked],
        "zones": [zone for _, zone in asked],
        "starts": [start for start, _ in bounds],
        "ends": [end for _, end in bounds],
        "first_day": min(start for start, _ in mondays.values()),
        "last_day": max(end for _, end in mondays.values()),
        "longest": Slot.MAX_DURATION,
        "now": now,
        "ignored_slot_id": ignored_slot_id,
    }
    loads = {}
    with get_read_connection().cursor() as cursor:
        cursor.execute(LOADS, parameters)
        for clinician_id, zone, last_assigned_at, weight, rules, away, booked in cursor:
            away, booked = (pairs(unpack(packed)) if packed else [] for packed in (away, booked))
            loads[clinician_id, zone] = Load(last_assigned_at or NEVER, weight, rules, merge(away), dict(booked))
    return loads
