"""Who can see a patient that stands at the desk, and when: what is free next, and where they can be squeezed in."""

from collections import defaultdict
from collections.abc import Collection
from copy import copy
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from booking.domain.booking_rules import list_taken
from scheduling.availability.intervals import clip, merge, subtract
from scheduling.availability.openings import as_datetime, as_instant, compute_working_time
from scheduling.availability.queries import OpeningFilters, list_busy, load_hours
from scheduling.availability.search import Opening, Reason, find_next_opening, open_times
from scheduling.models import Location, Service

ROUND = 5 * 60
OF_SLOTS = {Reason.TAKEN, Reason.HELD}


class Kind(StrEnum):
    """How a patient gets a time: it is free, lies between two visits against a rule, or is another's too."""

    FREE = "free"
    SQUEEZE = "squeeze"
    DOUBLE = "double"


class WalkInTime(NamedTuple):
    """A time for a walk-in. One that is not free, or is at shorter notice than the service's, needs an override."""

    starts_at: datetime
    clinician_name: str
    clinician_id: UUID
    kind: Kind


def find_walk_in_times(
    service: Service, location: Location, *, now: datetime, clinician_ids: Collection[UUID] | None = None
) -> list[WalkInTime]:
    """Return the next times today of each clinician who gives the service there in person, the soonest first.

    Of each the next free one, whatever the service's notice, and one to squeeze in or double where that is sooner. If
    nobody is free today, the next free time there is comes last.
    """
    service = copy(service)
    service.notice = timedelta()
    chosen = list(clinician_ids) if clinician_ids is not None else None
    filters = OpeningFilters(service, clinician_ids=chosen, location_id=location.pk, is_remote=False)
    today = now.astimezone(location.zone).date()
    end_at = datetime.combine(today + timedelta(days=1), time(), location.zone)
    places = load_hours(filters, first=today, last=today)
    names = {place.clinician_id: place.clinician_name for place in places}
    free = _list_first(open_times(filters, start_at=now, end_at=end_at, now=now))
    soonest = -(-as_instant(now) // ROUND) * ROUND
    squeezed = _find_squeezed(places, location, service, soonest, as_instant(end_at), today, now)
    found = []
    for clinician_id, name in names.items():
        best = free.get(clinician_id)
        if best is not None:
            found.append(WalkInTime(as_datetime(best), name, clinician_id, Kind.FREE))
        for kind, start in squeezed.get(clinician_id, {}).items():
            if start is not None and (best is None or start < best):
                found.append(WalkInTime(as_datetime(start), name, clinician_id, kind))
                best = start
    if not free and (later := find_next_opening(filters, now=now, after=end_at)):
        name = next(each.clinician_name for each in load_hours(filters) if each.clinician_id == later.clinician_id)
        found.append(WalkInTime(later.starts_at, name, later.clinician_id, Kind.FREE))
    return sorted(found)


def _list_first(openings: list[Opening]) -> dict[UUID, int]:
    first = {}
    for opening in openings:  # ascending
        first.setdefault(opening.clinician_id, opening.start)
    return first


def _find_squeezed(places, location, service, start, end, today, now):
    """Return {clinician id: {Kind: the first instant of that kind, or None}}."""
    clinician_ids = {place.clinician_id for place in places}
    away, visits, taken = defaultdict(list), defaultdict(list), defaultdict(list)
    for first, last, owner, reason in list_busy(clinician_ids, [location.pk], start, end, now=now):
        if reason not in OF_SLOTS:
            away[owner].append((first, last))
    for clinician_id, slot in list_taken(clinician_ids, as_datetime(start), as_datetime(end), now=now):
        visits[clinician_id].append((as_instant(slot.starts_at), as_instant(slot.ends_at)))
        taken[clinician_id].append((as_instant(slot.start), as_instant(slot.end)))
    duration, found = int(service.duration.total_seconds()), {}
    for place, weekly in places.items():
        clinician_id = place.clinician_id
        working = clip(compute_working_time(weekly, place.zone, today, today).spells, start, end)
        working = subtract(working, merge(away[clinician_id] + away[location.pk]))
        found[clinician_id] = {
            Kind.SQUEEZE: _find_gap(subtract(working, merge(visits[clinician_id])), duration),
            Kind.DOUBLE: _find_gap(subtract(working, _list_overlaps(taken[clinician_id])), duration),
        }
    return found


def _find_gap(intervals, duration):
    """Return the first round instant from which ``duration`` lies in one of the intervals, or None."""
    starts = ((-(-first // ROUND) * ROUND, last) for first, last in intervals)
    return next((first for first, last in starts if first + duration <= last), None)


def _list_overlaps(intervals):
    """Return where any two of the intervals overlap, merged."""
    found, furthest = [], 0
    for first, last in sorted(intervals):
        found.append((first, min(last, furthest)))  # merge drops what is empty
        furthest = max(furthest, last)
    return merge(found)
