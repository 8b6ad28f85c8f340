"""Who is given a time when whoever books does not mind: one clinician for each start, by a fair rule.

Balanced: whoever has the least booked time in the week of that date, Monday to Sunday on the location's clock;
of equals whoever was assigned longest ago, or never; of equals again the first by name. A slot counts, with its
buffers and while it is only held too, in the week in which it begins.

The week is the calendar's: among weeks that overlap, such as those centred on each date, a little more here
and a little less there adds up, and after a thousand bookings some have a dozen more than others.
"""

import secrets
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.db import connection
from django.db.models import Func

from scheduling.availability.openings import as_datetime, day_parts
from scheduling.availability.search import next_opening, open_starts_by_place
from scheduling.models import Clinician, Slot

WEEK = timedelta(days=7)
NEVER = datetime.min.replace(tzinfo=UTC)


class Assign(StrEnum):
    """Which of the clinicians who are free at a time are offered."""

    NONE = "none"
    RANDOM = "random"
    BALANCED = "balanced"


class Load(NamedTuple):
    """What the rule asks about a clinician: ``booked`` is {Monday: seconds}."""

    last_assigned_at: datetime
    booked: dict


def assign(found, how, *, now, ignoring=None):
    """Return of what open_starts_by_place found one clinician for each start, in the same form.

    Different locations, and in person and by video, are different offers: each keeps its own. ``ignoring``
    is the slot of one's own hold: it does not count as booked.
    """
    if how == Assign.NONE:
        return found
    offers = defaultdict(list)
    for place, starts in found:
        if starts:
            offers[place.location_id, place.is_remote, place.zone].append((place, starts))
    several = [place for offer in offers.values() if len(offer) > 1 for place, _ in offer]
    loads = _loads(several, *_span(found), now, ignoring) if how == Assign.BALANCED and several else {}
    assigned = []
    for (_, _, zone), offer in offers.items():
        if len(offer) == 1:
            assigned += offer
        elif how == Assign.RANDOM:
            assigned += _by_lot(offer)
        else:
            assigned += _by_load(offer, zone, loads)
    return assigned


def in_turn(places, start, *, now, ignoring=None):
    """Return Places that are free at ``start``, an instant, in the order in which the rule prefers them."""
    if len({place.clinician_id for place in places}) < 2:
        return places
    loads = _loads(places, start, start + 1, now, ignoring)
    return sorted(places, key=lambda place: _rank(place, _monday(start, place.zone), loads))


def next_assigned(how, *, now, ignoring=None, after=None, **filters):
    """Return what next_opening does, with one of the clinicians who are free then."""
    opening = next_opening(now=now, ignoring=ignoring, after=after, **filters)
    if opening is None or how == Assign.NONE:
        return opening
    at = opening.starts_at
    found = open_starts_by_place(start_at=at, end_at=at + timedelta(seconds=1), now=now, ignoring=ignoring, **filters)
    places = [place for place, starts in found if starts]
    if not places:  # taken between the two looks
        return next_assigned(how, now=now, ignoring=ignoring, after=after, **filters)
    if how == Assign.RANDOM:
        place = secrets.choice(places)
    else:
        place = in_turn(places, opening.start, now=now, ignoring=ignoring)[0]
    return opening._replace(clinician_id=place.clinician_id, location_id=place.location_id, is_remote=place.is_remote)


def note_assignment(clinician_id):
    """Remember that a clinician was given a time by the rule, as the last of all for now."""
    Clinician.objects.filter(pk=clinician_id).update(last_assigned_at=Func(function="clock_timestamp"))


def _by_lot(offer):
    free = defaultdict(list)
    for place, starts in offer:
        for start in starts:
            free[start].append(place)
    chosen = {start: secrets.choice(places) for start, places in free.items()}
    return _by_place(chosen)


def _by_load(offer, zone, loads):
    chosen = {}
    first, last = _span(offer)
    monday = _monday(first, zone)
    while (begins := _midnight(monday, zone)) < last:
        ends = _midnight(monday + WEEK, zone)
        # The worst first, so that the better ones take their starts from them.
        for place, starts in sorted(offer, key=lambda one: _rank(one[0], monday, loads), reverse=True):
            chosen |= dict.fromkeys(starts[bisect_left(starts, begins) : bisect_left(starts, ends)], place)
        monday += WEEK
    return _by_place(chosen)


def _by_place(chosen):
    starts = defaultdict(list)
    for start in sorted(chosen):
        starts[chosen[start]].append(start)
    return list(starts.items())


def _rank(place, monday, loads):
    load = loads[place.clinician_id, place.zone.key]
    return load.booked[monday], load.last_assigned_at, place.clinician_name, place.clinician_id


def _span(found):
    """Return the first start and the end of the last."""
    return min(starts[0] for _, starts in found if starts), max(starts[-1] for _, starts in found if starts) + 1


def _monday(start, zone):
    day = datetime.fromtimestamp(start, zone).date()
    return day - timedelta(days=day.weekday())


def _midnight(day, zone):
    return day_parts(zone, day)[0][0]


LOADS = """
    SELECT clinician.id, week.zone, clinician.last_assigned_at, week.monday, date_part('epoch', slots.booked)
      FROM unnest(%(clinicians)s::uuid[], %(zones)s::text[]) AS who(id, zone)
      JOIN scheduling_clinician AS clinician USING (id)
      JOIN unnest(%(week_zones)s::text[], %(mondays)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS week(zone, monday, starts_at, ends_at) USING (zone)
     CROSS JOIN LATERAL (
           SELECT sum(upper(period) - lower(period)) AS booked
             FROM scheduling_slot
            WHERE clinician_id = who.id
              AND upper(period) > week.starts_at AND upper(period) < week.ends_at + %(longest)s
              AND lower(period) >= week.starts_at AND lower(period) < week.ends_at
              AND (expires_at IS NULL OR expires_at > %(now)s)
              AND id IS DISTINCT FROM %(ignoring)s) AS slots
"""


def _loads(places, first, last, now, ignoring):
    """Return {(clinician id, zone's name): Load} for the weeks from that of ``first`` to that of ``last``, instants."""
    who = {(place.clinician_id, place.zone.key): place.zone for place in places}
    weeks = [week for zone in set(who.values()) for week in _weeks(zone, first, last)]
    zones, mondays, starts, ends = zip(*weeks, strict=True)
    parameters = {
        "clinicians": [clinician_id for clinician_id, _ in who],
        "zones": [zone for _, zone in who],
        "week_zones": list(zones),
        "mondays": list(mondays),
        "starts": list(starts),
        "ends": list(ends),
        "longest": Slot.MAX_DURATION,
        "now": now,
        "ignoring": ignoring,
    }
    loads = {}
    with connection.cursor() as cursor:
        cursor.execute(LOADS, parameters)
        for clinician_id, zone, last_assigned_at, monday, seconds in cursor:
            load = loads.setdefault((clinician_id, zone), Load(last_assigned_at or NEVER, {}))
            load.booked[monday] = seconds or 0
    return loads


def _weeks(zone, first, last):
    """Yield the zone's name, the Monday, the beginning and the end of each week from ``first`` to ``last``."""
    monday = _monday(first, zone)
    while (begins := _midnight(monday, zone)) <= last:
        yield zone.key, monday, as_datetime(begins), as_datetime(_midnight(monday + WEEK, zone))
        monday += WEEK
