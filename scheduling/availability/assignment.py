"""Which clinician gets a time when the caller names none: one for each start, by a fair rule.

Balanced: the clinician with the least booked time in the week of that date, Monday to Sunday on the location's clock;
of equals the one assigned longest ago, or never; then the first by name. A slot counts in the week in which it begins,
with its buffers, and while it is only held too.

The week is the calendar's. With overlapping weeks, such as one centred on each date, small differences add up: after
a thousand bookings some clinicians have a dozen more than others.
"""

import secrets
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Func

from scheduling.availability.openings import as_datetime, split_day
from scheduling.availability.queries import OpeningFilters, Place
from scheduling.availability.search import Opening, PlaceStarts, find_next_opening, find_open_starts
from scheduling.models import Clinician, Slot

WEEK = timedelta(days=7)
NEVER = datetime.min.replace(tzinfo=UTC)


class Assign(StrEnum):
    """Which of the clinicians that are free at a time are offered."""

    NONE = "none"
    RANDOM = "random"
    BALANCED = "balanced"


class Load(NamedTuple):
    """What the rule knows of a clinician; ``booked`` is {Monday: seconds}."""

    last_assigned_at: datetime
    booked: dict[date, float]


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
    loads = _load_booked(several, *_span(found), now, ignored_slot_id) if how == Assign.BALANCED and several else {}
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
    loads = _load_booked(places, start, start + 1, now, ignored_slot_id)
    return sorted(places, key=lambda place: _rank(place, _monday(start, place.zone), loads))


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
    while (begins := _midnight(monday, zone)) < last:
        ends = _midnight(monday + WEEK, zone)
        # Worst ranked first: better ones overwrite their starts.
        for place, starts in sorted(offer, key=lambda one: _rank(one[0], monday, loads), reverse=True):
            chosen |= dict.fromkeys(starts[bisect_left(starts, begins) : bisect_left(starts, ends)], place)
        monday += WEEK
    return _group_by_place(chosen)


def _group_by_place(chosen):
    starts = defaultdict(list)
    for start in sorted(chosen):
        starts[chosen[start]].append(start)
    return list(starts.items())


def _rank(place, monday, loads):
    load = loads[place.clinician_id, place.zone.key]
    return load.booked[monday], load.last_assigned_at, place.clinician_name, place.clinician_id


def _span(found):
    """Return the first start, and the instant after the last start."""
    return min(starts[0] for _, starts in found if starts), max(starts[-1] for _, starts in found if starts) + 1


def _monday(start, zone):
    day = datetime.fromtimestamp(start, zone).date()
    return day - timedelta(days=day.weekday())


def _midnight(day, zone):
    return split_day(zone, day)[0][0]


BOOKED_SECONDS = """
    SELECT clinician.id, week.zone, clinician.last_assigned_at, week.monday, date_part('epoch', slots.booked)
      FROM unnest(%(clinicians)s::uuid[], %(zones)s::text[]) AS asked(id, zone)
      JOIN scheduling_clinician AS clinician USING (id)
      JOIN unnest(%(week_zones)s::text[], %(mondays)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS week(zone, monday, starts_at, ends_at) USING (zone)
     CROSS JOIN LATERAL (
           SELECT sum(upper(period) - lower(period)) AS booked
             FROM scheduling_slot
            WHERE clinician_id = clinician.id
              AND upper(period) > week.starts_at AND upper(period) < week.ends_at + %(longest)s
              AND lower(period) >= week.starts_at AND lower(period) < week.ends_at
              AND (expires_at IS NULL OR expires_at > %(now)s)
              AND id IS DISTINCT FROM %(ignored_slot_id)s) AS slots
"""


def _load_booked(places, first, last, now, ignored_slot_id):
    """Return {(clinician id, zone name): Load} for each week between the instants ``first`` and ``last``."""
    zones_of_clinicians = {(place.clinician_id, place.zone.key): place.zone for place in places}
    weeks = [week for zone in set(zones_of_clinicians.values()) for week in _weeks(zone, first, last)]
    zones, mondays, starts, ends = zip(*weeks, strict=True)
    parameters = {
        "clinicians": [clinician_id for clinician_id, _ in zones_of_clinicians],
        "zones": [zone for _, zone in zones_of_clinicians],
        "week_zones": list(zones),
        "mondays": list(mondays),
        "starts": list(starts),
        "ends": list(ends),
        "longest": Slot.MAX_DURATION,
        "now": now,
        "ignored_slot_id": ignored_slot_id,
    }
    loads = {}
    with connection.cursor() as cursor:
        cursor.execute(BOOKED_SECONDS, parameters)
        for clinician_id, zone, last_assigned_at, monday, seconds in cursor:
            load = loads.setdefault((clinician_id, zone), Load(last_assigned_at or NEVER, {}))
            load.booked[monday] = seconds or 0
    return loads


def _weeks(zone, first, last):
    """Yield (zone name, Monday, start, end) of each week between the instants ``first`` and ``last``."""
    monday = _monday(first, zone)
    while (begins := _midnight(monday, zone)) <= last:
        yield zone.key, monday, as_datetime(begins), as_datetime(_midnight(monday + WEEK, zone))
        monday += WEEK
