"""How much time clinicians offer, from their hours, and how much of it is booked."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from uuid import UUID

from django.db.models import Q

from booking.domain.figures.figure import Figure, Unit, divide
from booking.domain.figures.selection import DAY, Period, Selection
from scheduling.availability.intervals import Interval, merge, pairs, subtract, unpack
from scheduling.availability.openings import as_instant, compute_working_time
from scheduling.availability.queries import as_hours
from scheduling.models import Clinician, ExtraHours, Location, TimeOff, WorkingHours
from scheduling.models.calendars import BusyDay

Weeks = Mapping[tuple[UUID, date], int]


def compute_offered(selection: Selection, period: Period) -> Weeks:
    """Return {(clinician's id, Monday): minutes} that are offered: hours less time off, closed days and holidays.

    Of a week that the period cuts, what lies in it. Hours are as they are written down today, with their dates. What
    clinicians have in calendars of their own is not subtracted.
    """
    zones = {location.pk: location.zone for location in Location.objects.filter(pk__in=selection.location_ids)}
    away = _load_away(selection, period)
    mondays, offered = _list_mondays(period), defaultdict(int)
    # Past its cache, since a year of everybody's hours would drive the days that are booked now out of it; but many
    # share a week.
    compute = cache(partial(compute_working_time.__wrapped__, first=period.first, last=period.last))
    for (clinician_id, location_id), hours in _load_hours(selection, period).items():
        zone = zones[location_id]
        left = subtract(compute(tuple(hours), zone).spells, merge([*away[clinician_id], *away[location_id]]))
        starts = [as_instant(datetime.combine(monday, time(), zone)) for monday in mondays]
        for start, end in left:
            while start < end:  # a night's spell may reach over the end of a week
                week = bisect_right(starts, start)
                until = min(end, starts[week]) if week < len(starts) else end
                offered[clinician_id, mondays[week - 1]] += until - start
                start = until
    return defaultdict(int, {week: seconds // 60 for week, seconds in offered.items()})


def get_monday(day: date) -> date:
    return day - day.weekday() * DAY


def _list_mondays(period):
    first = get_monday(period.first)
    return [first + timedelta(weeks=n) for n in range((period.last - first).days // 7 + 1)]


def _load_hours(selection, period):
    rows = defaultdict(list)
    wanted = Q(location__in=selection.location_ids)
    if selection.clinician_id:
        wanted &= Q(clinician=selection.clinician_id)
    ended, not_begun = Q(valid_until__lt=period.first), Q(valid_from__gt=period.last)
    weekly = WorkingHours.objects.order_by().filter(wanted).exclude(ended).exclude(not_begun)
    extra = ExtraHours.objects.order_by().filter(wanted, date__range=(period.first, period.last))
    for row in [*weekly, *extra]:
        rows[row.clinician_id, row.location_id].append(as_hours(row))
    return rows


def _load_away(selection, period) -> Mapping[UUID, Iterable[Interval]]:
    """Return {clinician or location id: stretches of time off, closed days and holidays}."""
    away = defaultdict(list)
    first, last = (datetime.combine(day, time(), UTC) for day in (period.first - DAY, period.last + 2 * DAY))
    rows = TimeOff.objects.order_by().filter(ends_at__gt=first, starts_at__lt=last)
    for clinician_id, location_id, starts_at, ends_at in rows.values_list(
        "clinician", "location", "starts_at", "ends_at"
    ):
        away[clinician_id or location_id].append((as_instant(starts_at), as_instant(ends_at)))
    days = BusyDay.objects.filter(location__in=selection.location_ids, day__range=(first.date(), last.date()))
    for location_id, stretches in days.values_list("location", "stretches"):
        away[location_id] += pairs(unpack(bytes(stretches)))
    return away


def compute_utilisation(selection: Selection, booked: Weeks, booked_before: Weeks) -> list[Figure]:
    """Return the figures of all clinicians' utilisation and of each one's.

    ``booked`` is {(clinician's id, Monday): minutes of visits} of the period, ``booked_before`` of the one before. Both
    default to 0.
    """
    offered = compute_offered(selection, selection.period)
    offered_before = compute_offered(selection, selection.period.before)
    value = divide(sum(booked.values()), sum(offered.values()))
    value_before = divide(sum(booked_before.values()), sum(offered_before.values()))
    mondays = sorted({get_monday(bucket) for bucket in selection.period.list_buckets()})
    names = dict(Clinician.objects.filter(pk__in={id for id, _ in [*booked, *offered]}).values_list("pk", "name"))
    people = sorted(names, key=lambda id: names[id])
    weeks = []
    for monday in mondays:
        taken, open_time = (sum(each[id, monday] for id in people) for each in (booked, offered))
        weeks.append((monday, taken / 60, open_time / 60, divide(taken, open_time)))
    what = "Time of visits that are neither cancelled nor missed"
    return [
        Figure(
            name="utilisation",
            title="Utilisation",
            definition=f"{what}, without buffers, as a share of the hours that clinicians offer: working hours and "
            "extra hours as they are written down now, less time off, closed days and holidays. What is booked beside "
            "the hours can make it more than 100 %.",
            unit=Unit.SHARE,
            value=value,
            before=value_before,
            columns=[("Booked hours", Unit.HOURS), ("Offered hours", Unit.HOURS), ("Utilisation", Unit.SHARE)],
            rows=weeks,
        ),
        Figure(
            name="clinicians",
            title="Utilisation by clinician and week",
            definition=f"{what}, as a share of the hours that the clinician offers in that week. Empty where none "
            "are offered.",
            unit=Unit.SHARE,
            value=value,
            before=value_before,
            columns=[(f"{monday:%-d %b %Y}", Unit.SHARE) for monday in mondays],
            rows=[
                (names[id], *(divide(booked[id, monday], offered[id, monday]) for monday in mondays)) for id in people
            ],
        ),
    ]
