"""Query expressions for the time zone that a time is shown and typed in."""

from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from scheduling.models.clinic import Location
from scheduling.models.hours import ExtraHours, WorkingHours


def get_home_zone() -> Coalesce:
    """Return an expression: the name of the time zone that most locations are in."""
    locations = Location.objects.order_by().values("timezone")
    return Coalesce(_most_common(locations, "timezone"), Value(settings.TIME_ZONE))


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


def _most_common(rows, name):
    return Subquery(rows.annotate(number=Count("pk")).order_by("-number", name).values(name)[:1])
