"""Writes down what calendars say: each as one transaction, in which nobody waits for a network."""

from collections import defaultdict
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from scheduling.availability.intervals import pack
from scheduling.availability.openings import as_datetime
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar

DAY_SECONDS = 86_400
READ_INTERVAL = timedelta(minutes=5)
MAX_WAIT = timedelta(hours=1)


def calendars_to_read():
    """Return the query of the calendars whose busy time counts."""
    return Calendar.objects.filter(kind=Calendar.Kind.ICALENDAR, is_active=True)


@transaction.atomic
def store_reading(calendar, reading, scope, *, at):
    """Write down what a calendar said when it was asked ``at`` a time, unless something later is known."""
    locked = _same(calendar)
    if locked is None or (locked.last_synced_at and locked.last_synced_at > at):
        return
    if reading.busy is None and locked.fingerprint != calendar.fingerprint:
        return  # it says what it said before, but that has been forgotten meanwhile
    if reading.busy is not None:
        store_busy(locked, reading.busy)
        locked.read_until = scope.end
    locked.etag, locked.last_modified = reading.etag, reading.last_modified
    locked.fingerprint, locked.last_synced_at, locked.last_error, locked.failures = reading.fingerprint, at, "", 0
    locked.last_tried_at, locked.due_at = at, at + READ_INTERVAL
    locked.save(
        update_fields=[
            "read_until",
            "etag",
            "last_modified",
            "fingerprint",
            "last_synced_at",
            "last_error",
            "failures",
            "last_tried_at",
            "due_at",
        ]
    )


@transaction.atomic
def store_failure(calendar, reason):
    """Write down that a calendar could not be read; what is known of it stays."""
    locked = _same(calendar)
    if locked is None:
        return
    locked.failures, locked.last_error = min(locked.failures + 1, 1000), reason[:200]
    locked.last_tried_at = database_now()
    locked.due_at = locked.last_tried_at + min(READ_INTERVAL * 2 ** min(locked.failures - 1, 10), MAX_WAIT)
    locked.save(update_fields=["failures", "last_error", "last_tried_at", "due_at"])


def _same(calendar):
    """Return the calendar locked, or None if it is not any more the one that was read."""
    locked = calendars_to_read().select_for_update(no_key=True).filter(pk=calendar.pk).first()
    names = ("url", "username", "password", "clinician_id")
    is_same = locked and all(getattr(locked, name) == getattr(calendar, name) for name in names)
    return locked if is_same else None


def store_busy(calendar, busy):
    """Make ``busy``, merged intervals of instants, what is known of a calendar; only days that differ are touched."""
    wanted = {day: pack(stretches) for day, stretches in by_day(busy).items()}
    known = {day: bytes(stretches) for day, stretches in calendar.busy_days.values_list("day", "stretches")}
    calendar.busy_days.filter(day__in=known.keys() - wanted.keys()).delete()
    BusyDay.objects.bulk_create(
        [
            BusyDay(calendar=calendar, clinician_id=calendar.clinician_id, day=day, stretches=stretches)
            for day, stretches in wanted.items()
            if stretches != known.get(day)
        ],
        update_conflicts=True,
        unique_fields=["calendar", "day"],
        update_fields=["stretches"],
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
def forget_reading(calendar):
    """Forget what was read of a calendar that is another one now, or none that is read: to be read soon, if it is."""
    locked = Calendar.objects.select_for_update(no_key=True).get(pk=calendar.pk)
    locked.etag = locked.last_modified = locked.fingerprint = locked.last_error = ""
    locked.read_until = locked.last_synced_at = locked.last_tried_at = None
    locked.failures, locked.due_at = 0, timezone.now()
    locked.save()
    locked.busy_days.all().delete()
