"""Query expressions for the time zone that a time is shown and typed in."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from scheduling.models.clinic import Clinician, Location
from scheduling.models.hours import ExtraHours, WorkingHours


def get_home_zone() -> Coalesce:
    """Return an expression: the name of the time zone that most locations are in."""
    locations = Location.objects.order_by().values("timezone")
    return Coalesce(_most_common(locations, "timezone"), Value(settings.TIME_ZONE))


def find_home_zone() -> ZoneInfo:
    """Return the time zone that most locations are in."""
    return ZoneInfo(Location.objects.values_list(get_home_zone(), flat=True).first() or settings.TIME_ZONE)


def get_clinician_zone(clinician: UUID | F) -> Coalesce:
    """Return an expression: the name of the time zone that a clinician (an id or OuterRef) mostly works in."""
    weekly, extra = (
        _most_common(
            hours.objects.order_by().filter(clinician=clinician).values("location__timezone"), "location__timezone"
        )
        for hours in (WorkingHours, ExtraHours)
    )
    return Coalesce(weekly, extra, get_home_zone())


def get_time_off_zone() -> Coalesce:
    """Return an expression for a TimeOff query: the name of the time zone that its times are typed in."""
    return Coalesce("location__timezone", get_clinician_zone(OuterRef("clinician")))


def find_time_off_zone(*, clinician: Clinician | None, location: Location | None) -> ZoneInfo:
    """Return the time zone in which time off of the clinician or the location is typed."""
    if location:
        return location.zone
    name = get_clinician_zone(clinician.pk) if clinician else get_home_zone()
    names = Location.objects.annotate(zone_name=name).values_list("zone_name", flat=True)
    return ZoneInfo(names.first() or settings.TIME_ZONE)


def _most_common(rows, name):
    return Subquery(rows.annotate(number=Count("pk")).order_by("-number", name).values(name)[:1])
