"""How far ahead calendars are read, and which of their events staff ignore."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Max, OuterRef, Q, Subquery

from scheduling.models import Calendar, Clinician, Location, Service, UnreadEvent
from scheduling.models.local_zones import get_clinician_zone

DAY = timedelta(days=1)
READ_AHEAD = timedelta(days=7)  # beyond what can be booked, so that time that becomes bookable is already known


class Scope(NamedTuple):
    """What to read: busy time in ``[start, end)``. A reading that ends before ``needed_until`` is too short.

    ``zone`` is the time zone of dates if the calendar names none; of holidays, in any case. ``ignored`` has the
    fingerprints of the events that staff ignore.
    """

    start: datetime
    end: datetime
    needed_until: datetime
    zone: ZoneInfo
    ignored: frozenset[str]


def get_scopes(calendars: Collection[Calendar], now: datetime) -> dict[UUID, Scope]:
    """Return {calendar id: its Scope}, in as many queries for one calendar as for many."""
    clinicians = Clinician.objects.filter(pk__in={calendar.clinician_id for calendar in calendars})
    clinicians = clinicians.annotate(furthest=Max("services__horizon", filter=Q(services__is_active=True)))
    rows = [*clinicians.values_list("pk", "furthest", get_clinician_zone(OuterRef("pk")))]
    if location_ids := {calendar.location_id for calendar in calendars if calendar.location_id}:
        # As far as anything can be booked: a few days more of holidays cost nothing.
        services = Service.objects.filter(is_active=True).order_by("-horizon").values("horizon")[:1]
        rows += Location.objects.filter(pk__in=location_ids).values_list("pk", Subquery(services), "timezone")
    reach = {owner: (horizon or timedelta(), ZoneInfo(zone)) for owner, horizon, zone in rows}
    ignored = get_ignored_fingerprints(calendars)
    return {
        calendar.pk: _scope(now, *reach[calendar.clinician_id or calendar.location_id], ignored[calendar.pk])
        for calendar in calendars
    }


def get_ignored_fingerprints(calendars: Collection[Calendar]) -> defaultdict[UUID, frozenset[str]]:
    """Return {calendar id: fingerprints of its events that staff ignore}."""
    found = defaultdict(set)
    events = UnreadEvent.objects.filter(calendar__in=calendars, ignored_at__isnull=False)
    for calendar_id, fingerprint in events.values_list("calendar_id", "fingerprint"):
        found[calendar_id].add(fingerprint)
    return defaultdict(frozenset, {calendar_id: frozenset(those) for calendar_id, those in found.items()})


def _scope(now, furthest, zone, ignored):
    # From midnight to midnight, so that the scope stays the same all day.
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    needed_until = now + furthest + 2 * DAY  # an appointment that starts at the horizon lasts a day at most
    return Scope(midnight - DAY, midnight + furthest + READ_AHEAD, needed_until, zone, ignored)
