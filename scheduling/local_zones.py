"""Which time zone staff read and write a time in."""

from django.conf import settings
from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from scheduling.models import Location, WorkingHours


def get_home_zone():
    """Return, as an expression, the name of the zone that most locations are in."""
    locations = Location.objects.order_by().values("timezone")
    return Coalesce(_commonest(locations, "timezone"), Value(settings.TIME_ZONE))


def get_clinician_zone(clinician):
    """Return, as an expression, the name of the zone that ``clinician`` (an id or OuterRef) mostly works in."""
    hours = WorkingHours.objects.order_by().filter(clinician=clinician).values("location__timezone")
    return Coalesce(_commonest(hours, "location__timezone"), get_home_zone())


def get_time_off_zone():
    """Return, as an expression for a query of TimeOff, the name of the zone it is written in."""
    return Coalesce("location__timezone", get_clinician_zone(OuterRef("clinician")))


def _commonest(rows, name):
    return Subquery(rows.annotate(number=Count("pk")).order_by("-number", name).values(name)[:1])
