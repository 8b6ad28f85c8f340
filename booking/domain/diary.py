"""Read the clinic's diary: who works at one location, who comes, and what is still free."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate

from booking.models import Appointment, Hold, StrandedVisit
from scheduling.availability.intervals import Interval, clip, merge, subtract
from scheduling.availability.openings import (
    WeeklyHours,
    as_datetime,
    as_instant,
    compute_working_time,
    split_day,
)
from scheduling.availability.queries import list_busy, load_hours_of_all
from scheduling.models import Location, TimeOff

LONGEST_VISIT = timedelta(days=1)
# What the diary shows as visits and holds; of other busy time it says only why.
BOOKED = {"taken", "held"}

STRANDED = StrandedVisit.objects.filter(appointment=OuterRef("pk"), settled_at=None)


class Block(NamedTuple):
    """Time that is not free for another reason than a visit here; ``reason`` is a Reason, or "elsewhere"."""

    start: int
    end: int
    reason: str
    note: str = ""


class Column(NamedTuple):
    """One clinician's day at one location, in instants; ``day_start`` is its local midnight."""

    clinician_id: UUID
    clinician_name: str
    day: date
    day_start: int
    day_end: int
    hours: list[Interval]
    free: list[Interval]
    blocks: list[Block]
    appointments: list[Appointment]
    holds: list[Hold]


def list_columns(
    location: Location,
    first: date,
    last: date,
    *,
    appointments: QuerySet[Appointment],
    holds: QuerySet[Hold],
    clinician_ids: Collection[UUID] | None = None,
    now: datetime,
) -> list[Column]:
    """Return a column for each clinician who works or has visits there, on each local date from first to last.

    Only those of ``appointments`` and ``holds`` are shown, and only the clinicians of ``clinician_ids``; each of these
    has a column for every day. Ordered by name, then by day. ``is_stranded`` of an appointment says that the clinic has
    left it without its time.
    """
    start, end = split_day(location.zone, first)[0][0], split_day(location.zone, last)[-1][1]
    wanted = Q() if clinician_ids is None else Q(clinician__in=clinician_ids)
    there = Q(
        wanted,
        location=location,
        starts_at__gte=as_datetime(start) - LONGEST_VISIT,
        starts_at__lt=as_datetime(end),
        ends_at__gt=as_datetime(start),
    )
    # Prefetched, as hundreds of visits share a few services and clinicians.
    rows = appointments.filter(there).annotate(is_stranded=Exists(STRANDED)).prefetch_related("service", "clinician")
    visits = list(rows.order_by("starts_at", "pk"))
    live = holds.filter(there, status=Hold.Status.ACTIVE, expires_at__gt=now)
    held = list(live.select_related("service", "clinician").order_by("starts_at", "pk"))

    names: dict[UUID, str] = {}
    weekly: dict[UUID, WeeklyHours] = defaultdict(tuple)
    for place, rules, _services in load_hours_of_all(first=first, last=last, location_id=location.pk):
        if clinician_ids is None or place.clinician_id in clinician_ids:
            names[place.clinician_id] = place.clinician_name
            weekly[place.clinician_id] += rules
    names |= {booking.clinician_id: booking.clinician.name for booking in [*visits, *held]}
    visits_of, held_of = _group(visits), _group(held)
    busy = _list_busy_by_owner(names, location, start, end, now)
    notes = _list_notes(names, location, start, end)

    columns = []
    days = [date.fromordinal(each) for each in range(first.toordinal(), last.toordinal() + 1)]
    for clinician_id, name in sorted(names.items(), key=lambda item: (item[1], item[0])):
        for day in days:
            parts = split_day(location.zone, day)
            span = parts[0][0], parts[-1][1]
            hours = clip(compute_working_time(weekly[clinician_id], location.zone, day, day).spells, *span)
            mine = [each for each in visits_of[clinician_id] if _touches(each, span)]
            mine_held = [each for each in held_of[clinician_id] if _touches(each, span)]
            if not (hours or mine or mine_held or clinician_ids is not None):
                continue
            taken = [each for each in busy[clinician_id] + busy[location.pk] if each[0] < span[1] and each[1] > span[0]]
            free = subtract(hours, merge((a, b) for a, b, _ in taken))
            blocks = _list_blocks(taken, [*mine, *mine_held], notes[clinician_id] + notes[location.pk], span)
            columns.append(Column(clinician_id, name, day, *span, hours, free, blocks, mine, mine_held))
    return columns


def _group(bookings):
    groups = defaultdict(list)
    for each in bookings:
        groups[each.clinician_id].append(each)
    return groups


def _touches(booking, span):
    return booking.starts_at < as_datetime(span[1]) and booking.ends_at > as_datetime(span[0])


def _list_busy_by_owner(clinician_ids, location, start, end, now):
    busy = defaultdict(list)
    for first, last, owner, reason in list_busy(clinician_ids, [location.pk], start, end, now=now):
        busy[owner].append((first, last, reason))
    return busy


def _list_notes(clinician_ids, location, start, end):
    """Return (start, end, note) of time off by clinician or location."""
    notes = defaultdict(list)
    whose = Q(clinician__in=clinician_ids) | Q(location=location)
    rows = TimeOff.objects.filter(whose, ends_at__gt=as_datetime(start), starts_at__lt=as_datetime(end))
    for clinician_id, location_id, first, last, note in rows.values_list(
        "clinician", "location", "starts_at", "ends_at", "reason"
    ):
        notes[clinician_id or location_id].append((as_instant(first), as_instant(last), note))
    return notes


def _list_blocks(taken, shown, notes, span):
    """Return what keeps the clinician busy beside the bookings shown, each reason's stretches merged."""
    known = [(as_instant(each.starts_at), as_instant(each.ends_at)) for each in shown]
    stretches = defaultdict(list)
    for first, last, reason in taken:
        if reason not in BOOKED:
            stretches[reason].append((first, last))
        elif not any(start < last and end > first for start, end in known):
            stretches["elsewhere"].append((first, last))
    return sorted(
        Block(first, last, reason, _find_note(notes, first, last) if reason == "time-off" else "")
        for reason, all_of_it in stretches.items()
        for first, last in clip(merge(all_of_it), *span)
    )


def _find_note(notes, first, last):
    return ", ".join(dict.fromkeys(note for start, end, note in notes if note and start < last and end > first))


def count_visits(
    location: Location, first: date, last: date, *, appointments: QuerySet[Appointment]
) -> dict[date, dict[str, int]]:
    """Return for each local date with visits how many there are, and how many of them wait to be confirmed."""
    zone: ZoneInfo = location.zone
    start, end = split_day(zone, first)[0][0], split_day(zone, last)[-1][1]
    rows = appointments.filter(
        location=location, starts_at__gte=as_datetime(start), starts_at__lt=as_datetime(end)
    ).exclude(status=Appointment.Status.CANCELLED)
    by_day = rows.order_by().values(day=TruncDate("starts_at", tzinfo=zone))
    tentative = Count("pk", filter=Q(status__in=Appointment.TENTATIVE))
    return {row.pop("day"): row for row in by_day.annotate(visits=Count("pk"), tentative=tentative)}
