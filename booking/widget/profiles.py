"""A page about each clinician and each place, for those who want to know before they come."""

from collections import defaultdict
from datetime import time, timedelta
from itertools import groupby
from typing import NamedTuple

from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from booking.ops.replicas import from_replica
from booking.widget.pages import page, refuse_not_found, show
from booking.widget.views import get_bookable_services
from scheduling.availability.intervals import merge
from scheduling.lib.spoken_languages import name_languages
from scheduling.models import Clinician, Location, WorkingHours
from scheduling.models.hours import list_workplaces

DAY_MINUTES = 24 * 60


class DayHours(NamedTuple):
    """When a place is open on some days of the week, such as Monday to Friday: the spells as pairs of times."""

    days: str
    spells: list[tuple[time, time]]


@page("GET")
@from_replica
def clinician(request, id):
    """Show who a clinician is, what they offer and where."""
    found = Clinician.objects.select_related("photo").filter(pk=id, is_active=True, has_page=True).first()
    if found is None:
        return refuse_not_found(request)
    workplaces = list_workplaces("location_id", clinician=found, is_remote=False, from_day=get_yesterday())
    context = {
        "clinician": found,
        "languages": name_languages(found.languages),
        "services": get_bookable_services().filter(clinicians=found, is_private=False),
        "locations": Location.objects.filter(pk__in=[pk for (pk,) in workplaces], is_active=True),
    }
    return show(request, "widget/clinician.html", context)


@page("GET")
@from_replica
def location(request, id):
    """Show where a place is, how to get in, when it is open and who works there."""
    found = Location.objects.select_related("photo").filter(pk=id, is_active=True).first()
    if found is None:
        return refuse_not_found(request)
    working = list_workplaces("clinician_id", location=found, is_remote=False, from_day=get_yesterday())
    people = Clinician.objects.filter(pk__in=[pk for (pk,) in working], is_active=True, has_page=True)
    context = {
        "location": found,
        "opening_hours": list_opening_hours(found),
        "clinicians": people.select_related("photo"),
    }
    return show(request, "widget/location.html", context)


def get_yesterday():
    return timezone.now().date() - timedelta(days=1)  # it is yesterday somewhere


def list_opening_hours(location):
    """Return the DayHours of a place: when anybody works there in an ordinary week, days that are alike together."""
    today = timezone.localdate(timezone=location.zone)
    rules = WorkingHours.objects.filter(location=location, is_remote=False, every_weeks=1, clinician__is_active=True)
    rules = rules.exclude(valid_until__lt=today).exclude(valid_from__gt=today)
    worked = defaultdict(list)
    for weekday, start, end in rules.values_list("weekday", "start_time", "end_time"):
        worked[weekday].append((get_minute(start), get_minute(end) or DAY_MINUTES))
    spells = {day: tuple(merge(worked[day])) for day in sorted(worked)}
    hours = []
    for (_run, same), days in groupby(enumerate(spells), lambda pair: (pair[1] - pair[0], spells[pair[1]])):
        first, *others = (day for _position, day in days)
        hours.append(DayHours(name_days(first, others[-1] if others else first), [as_times(spell) for spell in same]))
    return hours


def name_days(first, last):
    if first == last:
        return str(WEEKDAYS[first])
    # Translators: such as “Monday to Friday”.
    return _("%(first)s to %(last)s") % {"first": WEEKDAYS[first], "last": WEEKDAYS[last]}


def get_minute(moment):
    return moment.hour * 60 + moment.minute


def as_times(spell):
    return tuple(time(minute // 60 % 24, minute % 60) for minute in spell)
