"""Which time zone staff read and write a time in."""

from django.conf import settings
from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from .models import Location, WorkingHours


def home_zone():
    """Return, as an expression, the name of the zone that most locations are in."""
    locations = Location.objects.order_by().values("timezone")
    return Coalesce(_commonest(locations, "timezone"), Value(settings.TIME_ZONE))


def zone_where(clinician):
    """Return, as an expression, the name of the zone that ``clinician`` (an id or OuterRef) mostly works in."""
    hours = WorkingHours.objects.order_by().filter(clinician=clinician).values("location__timezone")
    return Coalesce(_commonest(hours, "location__timezone"), home_zone())


def zone_of_time_off():
    """Return, as an expression for a query of TimeOff, the name of the zone it is written in."""
    return Coalesce("location__timezone", zone_where(OuterRef("clinician")))


def _commonest(rows, name):
    return Subquery(rows.annotate(number=Count("pk")).order_by("-number", name).values(name)[:1])


def written(moment, zone, *, unless=None, pattern="%a %-d %b %Y, %H:%M"):
    """Write a moment as wall time in ``zone``, with the zone's short name unless ``zone`` is ``unless``."""
    moment = moment.astimezone(zone)
    return moment.strftime(pattern) + ("" if str(zone) == str(unless) else f" {zone_short(moment)}")


def zone_short(moment):
    """Return the abbreviation of an aware datetime's zone: BST, or UTC+04 where people use none."""
    short = f"{moment:%Z}"
    return f"UTC{short}" if short[0] in "+-" else short
