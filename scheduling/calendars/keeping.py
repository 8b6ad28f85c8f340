"""Writes down what calendars say: each as one transaction, in which nobody waits for a network."""

from collections import defaultdict
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, OuterRef, Q
from django.utils import timezone

from ..intervals import pack
from ..models import BusyDay, Calendar, Clinician
from ..openings import as_datetime
from ..slots import database_now
from ..zones import zone_where
from .reading import Scope

DAY, DAY_SECONDS = timedelta(days=1), 86_400
READ_EVERY = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
AHEAD = timedelta(days=7)  # read beyond what can be booked, so that time passing makes nothing unknown


def reading_ones():
    """Return the query of the calendars whose busy time counts."""
    return Calendar.objects.filter(kind=Calendar.Kind.ICALENDAR, is_active=True)


def scopes_of(calendars, now):
    """Return {clinician id: what to read of their calendars}, in one query."""
    clinicians = Clinician.objects.filter(pk__in={calendar.clinician_id for calendar in calendars})
    rows = clinicians.annotate(
        furthest=Max("services__horizon", filter=Q(services__is_active=True)), zone=zone_where(OuterRef("pk"))
    ).values_list("pk", "furthest", "zone")
    return {clinician_id: _scope(now, furthest or timedelta(), zone) for clinician_id, furthest, zone in rows}


def _scope(now, furthest, zone):
    # From midnight to midnight, so that what is read is the same all day.
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    needed_until = now + furthest + 2 * DAY  # what begins at the horizon lasts a day at most
    return Scope(midnight - DAY, midnight + furthest + AHEAD, needed_until, ZoneInfo(zone))


@transaction.atomic
def keep(calendar, reading, scope, *, at):
    """Write down what a calendar said when it was asked ``at`` a time, unless something later is known."""
    locked = _same(calendar)
    if locked is None or (locked.last_synced_at and locked.last_synced_at > at):
        return
    if reading.busy is None and locked.fingerprint != calendar.fingerprint:
        return  # it says what it said before, but that has been forgotten meanwhile
    if reading.busy is not None:
        write_busy(locked, reading.busy)
        locked.read_until = scope.end
    locked.etag, locked.last_modified = reading.etag, reading.last_modified
    locked.fingerprint, locked.last_synced_at, locked.last_error, locked.failures = reading.fingerprint, at, "", 0
    locked.last_tried_at, locked.due_at = at, at + READ_EVERY
    locked.save(
        update_fields=[
            "read_until", "etag", "last_modified", "fingerprint", "last_synced_at", "last_error", "failures",
            "last_tried_at", "due_at",
        ]
    )


@transaction.atomic
def keep_failure(calendar, reason):
    """Write down that a calendar could not be read; what is known of it stays."""
    locked = _same(calendar)
    if locked is None:
        return
    locked.failures, locked.last_error = min(locked.failures + 1, 1000), reason[:200]
    locked.last_tried_at = database_now()
    locked.due_at = locked.last_tried_at + min(READ_EVERY * 2 ** min(locked.failures - 1, 10), LONGEST_WAIT)
    locked.save(update_fields=["failures", "last_error", "last_tried_at", "due_at"])


def _same(calendar):
    """Return the calendar locked, or None if it is not any more the one that was read."""
    locked = reading_ones().select_for_update(no_key=True).filter(pk=calendar.pk).first()
    names = ("url", "username", "password", "clinician_id")
    is_same = locked and all(getattr(locked, name) == getattr(calendar, name) for name in names)
    return locked if is_same else None


def write_busy(calendar, busy):
    """Make ``busy``, merged intervals of instants, what is known of a calendar; only days that differ are touched."""
    wanted = {day: pack(stretches) for day, stretches in by_day(busy).items()}
    for known in calendar.busy_days.all():
        if wanted.get(known.day) == bytes(known.stretches):
            del wanted[known.day]
        elif known.day not in wanted:
            known.delete()
    BusyDay.objects.bulk_create(
        [
            BusyDay(calendar=calendar, clinician_id=calendar.clinician_id, day=day, stretches=stretches)
            for day, stretches in wanted.items()
        ],
        update_conflicts=True, unique_fields=["calendar", "day"], update_fields=["stretches"],
    )


def by_day(busy):
    """Return {date of UTC: its part of the intervals}."""
    days = defaultdict(list)
    for start, end in busy:
        while start < end:
            cut = min(end, (start // DAY_SECONDS + 1) * DAY_SECONDS)
            days[as_datetime(start).date()].append((start, cut))
            start = cut
    return days


@transaction.atomic
def start_anew(calendar):
    """Forget what was read of a calendar that is another one now, or none that is read: to be read soon, if it is."""
    locked = Calendar.objects.select_for_update(no_key=True).get(pk=calendar.pk)
    locked.etag = locked.last_modified = locked.fingerprint = locked.last_error = ""
    locked.read_until = locked.last_synced_at = locked.last_tried_at = None
    locked.failures, locked.due_at = 0, timezone.now()
    locked.save()
    locked.busy_days.all().delete()
