"""How far ahead clinicians' calendars are read."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Max, OuterRef, Q

from scheduling.models import Clinician
from scheduling.models.local_zones import get_clinician_zone

DAY = timedelta(days=1)
AHEAD = timedelta(days=7)  # read beyond what can be booked, so that time passing makes nothing unknown


class Scope(NamedTuple):
    """What to read: busy time within ``[start, end)``, of which all until ``needed_until`` must be known.

    Dates are those of ``zone`` where the calendar names none.
    """

    start: datetime
    end: datetime
    needed_until: datetime
    zone: ZoneInfo


def list_scopes(calendars, now):
    """Return {clinician id: what to read of their calendars}, in one query."""
    clinicians = Clinician.objects.filter(pk__in={calendar.clinician_id for calendar in calendars})
    rows = clinicians.annotate(
        furthest=Max("services__horizon", filter=Q(services__is_active=True)), zone=get_clinician_zone(OuterRef("pk"))
    ).values_list("pk", "furthest", "zone")
    return {clinician_id: _scope(now, furthest or timedelta(), zone) for clinician_id, furthest, zone in rows}


def _scope(now, furthest, zone):
    # From midnight to midnight, so that what is read is the same all day.
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    needed_until = now + furthest + 2 * DAY  # what begins at the horizon lasts a day at most
    return Scope(midnight - DAY, midnight + furthest + AHEAD, needed_until, ZoneInfo(zone))
