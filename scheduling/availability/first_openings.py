"""Find the first opening of many services at once, in a few queries whatever their number."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from scheduling.availability.openings import (
    Busy,
    as_instant,
    compute_open_starts,
    compute_working_time,
    get_local_dates,
)
from scheduling.availability.queries import load_busy, load_hours_of_all
from scheduling.availability.search import get_rules
from scheduling.models import Service

DAY = timedelta(days=1)
# Most have a time within days: what lies further ahead is read for the others only.
REACHES = (3 * DAY, 14 * DAY, 56 * DAY)
# Busy time that far beyond a range can be in the way of a start in it: the longest service and buffer.
MARGIN = 16 * 3600


class Way(NamedTuple):
    """Where or how a service is given."""

    location_id: UUID
    is_remote: bool


def find_first_openings(services: Collection[Service], *, now: datetime) -> dict[UUID, dict[Way, int | None]]:
    """Return ``{service id: {way: instant of its first opening, or None if there is none in the last of REACHES}}``.

    The ways are those in which somebody gives the service, now or later; a service without any is left out.
    """
    ways, weekly = _list_ways(services, now)
    found = {service.pk: dict.fromkeys(ways[service.pk]) for service in services if service.pk in ways}
    start = as_instant(now)
    for reach in REACHES:
        end = as_instant(now + reach)
        # Of a way with an opening nothing more is to be known.
        waiting = {
            (service, way): places
            for service in services
            for way, places in ways.get(service.pk, {}).items()
            if found[service.pk][way] is None and start < as_instant(now + service.horizon)
        }
        if not waiting:
            break
        everybody = {place for places in waiting.values() for place in places}
        busy = load_busy(everybody, start - MARGIN, end + MARGIN, now=now)
        taken, working = {}, {}
        for place in everybody:
            stretches = busy[place.clinician_id] + busy[place.location_id]
            taken[place] = Busy(sorted(stretches[::2]), sorted(stretches[1::2]))
            working[place] = compute_working_time(
                weekly[place], place.zone, *get_local_dates(place.zone, start, end + MARGIN)
            )
        for (service, way), places in waiting.items():
            earliest = max(start, as_instant(now + service.notice))
            latest = min(end, as_instant(now + service.horizon))
            for place in places:
                starts = compute_open_starts(working[place], taken[place], get_rules(service), earliest, latest)
                if starts:
                    found[service.pk][way] = latest = starts[0]
        start = end
    return found


def _list_ways(services, now):
    """Return ``{service id: {way: places}}`` and ``{place: weekly hours}``."""
    by_id = {service.pk: service for service in services}
    ways, weekly = defaultdict(lambda: defaultdict(list)), {}
    last = max((now + service.horizon for service in services), default=now).date()
    # Yesterday is today somewhere.
    for place, hours, service_ids in load_hours_of_all(first=now.date() - DAY, last=last + DAY):
        weekly[place] = hours
        for service_id in service_ids:
            service = by_id.get(service_id)
            if service and service.allows(is_remote=place.is_remote):
                ways[service_id][Way(place.location_id, place.is_remote)].append(place)
    return ways, weekly
