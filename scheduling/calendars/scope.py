"""How far ahead clinicians' calendars are read."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Max, OuterRef, Q

from scheduling.models import Calendar, Clinician
from scheduling.models.local_zones import get_clinician_zone

DAY = timedelta(days=1)
READ_AHEAD = timedelta(days=7)  # beyond what can be booked, so that time that becomes bookable is already known


class Scope(NamedTuple):
    """What to read: busy time in ``[start, end)``. A reading that ends before ``needed_until`` is too short.

    ``zone`` is the time zone of dates if the calendar names none.
    """

    start: datetime
    end: datetime
    needed_until: datetime
    zone: ZoneInfo


def get_scopes(calendars: Iterable[Calendar], now: datetime) -> dict[UUID, Scope]:
    """Return {clinician id: Scope of their calendars}, in one query."""
    clinicians = Clinician.objects.filter(pk__in={calendar.clinician_id for calendar in calendars})
    rows = clinicians.annotate(
        furthest=Max("services__horizon", filter=Q(services__is_active=True)), zone=get_clinician_zone(OuterRef("pk"))
    ).values_list("pk", "furthest", "zone")
    return {clinician_id: _scope(now, furthest or timedelta(), zone) for clinician_id, furthest, zone in rows}


def _scope(now, furthest, zone):
    # From midnight to midnight, so that the scope stays the same all day.
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    needed_until = now + furthest + 2 * DAY  # an appointment that starts at the horizon lasts a day at most
    return Scope(midnight - DAY, midnight + furthest + READ_AHEAD, needed_until, ZoneInfo(zone))
