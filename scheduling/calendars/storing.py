"""Store what calendars say, each in one transaction that waits for no network."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from scheduling.availability.intervals import Interval, pack
from scheduling.availability.openings import as_datetime
from scheduling.calendars.base import NotUnderstood
from scheduling.calendars.reading import Reading
from scheduling.calendars.scope import Scope, get_ignored_fingerprints
from scheduling.lib.clock import database_now
from scheduling.models import BusyDay, Calendar, UnreadEvent
from scheduling.schedule_changes import mark_schedule_changed

DAY_SECONDS = 86_400
READ_INTERVAL = timedelta(minutes=5)
MAX_RETRY_INTERVAL = timedelta(hours=1)
MAX_UNREAD_EVENTS = 1000  # of one calendar


def get_readable_calendars() -> QuerySet[Calendar]:
    """Return the calendars whose busy time counts."""
    return Calendar.objects.filter(kind__in=Calendar.READ_KINDS, is_active=True)


@transaction.atomic
def store_reading(calendar: Calendar, reading: Reading, scope: Scope, *, at: datetime) -> None:
    """Store a reading that was made ``at`` a time, unless a later one is stored or the calendar has changed."""
    locked = _lock_unchanged(calendar)
    if locked is None or (locked.last_synced_at and locked.last_synced_at > at):
        return
    if reading.busy is None and locked.fingerprint != calendar.fingerprint:
        return  # the same as before, but what was read before has been discarded since
    changes_times = reading.busy is not None or locked.is_unreachable(at=at)
    if reading.busy is not None:
        store_busy(locked, reading.busy)
        store_unread_events(locked, reading.not_understood)
        locked.read_until = scope.end
    locked.etag, locked.last_modified = reading.etag, reading.last_modified
    # If staff have ignored an event since the reading began, or stopped ignoring it, it must be read again in full.
    is_last_word = scope.ignored == get_ignored_fingerprints([locked])[locked.pk]
    locked.fingerprint = reading.fingerprint if is_last_word else ""
    locked.last_synced_at, locked.last_error, locked.failures = at, "", 0
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
    if changes_times:
        mark_schedule_changed(clinician_id=locked.clinician_id, location_id=locked.location_id)


@transaction.atomic
def store_failure(calendar: Calendar, reason: str) -> None:
    """Store why a calendar could not be read, and when to retry. Keep the busy time known so far."""
    locked = _lock_unchanged(calendar)
    if locked is None:
        return
    locked.failures, locked.last_error = min(locked.failures + 1, 1000), reason[:200]
    locked.last_tried_at = database_now()
    locked.due_at = locked.last_tried_at + min(READ_INTERVAL * 2 ** min(locked.failures - 1, 10), MAX_RETRY_INTERVAL)
    locked.save(update_fields=["failures", "last_error", "last_tried_at", "due_at"])


def _lock_unchanged(calendar):
    """Return the calendar's row, locked, or None if it is no longer the calendar that was read."""
    locked = get_readable_calendars().select_for_update(no_key=True, of=("self",)).filter(pk=calendar.pk).first()
    names = ("kind", "url", "username", "password", "clinician_id", "location_id")
    is_same = locked and all(getattr(locked, name) == getattr(calendar, name) for name in names)
    return locked if is_same else None


def store_busy(calendar: Calendar, busy: Sequence[Interval]) -> None:
    """Replace a calendar's busy time by ``busy``, merged intervals of instants. Writes only the days that differ."""
    days = BusyDay.objects.filter(calendar=calendar)
    wanted = {day: pack(stretches) for day, stretches in split_by_day(busy).items()}
    known = {day: bytes(stretches) for day, stretches in days.values_list("day", "stretches")}
    days.filter(day__in=known.keys() - wanted.keys()).delete()
    BusyDay.objects.bulk_create(
        [
            BusyDay(
                calendar=calendar,
                clinician_id=calendar.clinician_id,
                location_id=calendar.location_id,
                day=day,
                stretches=stretches,
            )
            for day, stretches in wanted.items()
            if stretches != known.get(day)
        ],
        update_conflicts=True,
        unique_fields=["calendar", "day"],
        update_fields=["stretches"],
    )


def store_unread_events(calendar: Calendar, events: Iterable[NotUnderstood]) -> None:
    """Replace a calendar's events that were not understood. One that it had before stays ignored if it was."""
    days = {event.fingerprint: event.day for event in events}
    wanted = dict(list(days.items())[:MAX_UNREAD_EVENTS])
    rows = UnreadEvent.objects.filter(calendar=calendar)
    known = dict(rows.values_list("fingerprint", "day"))
    rows.filter(fingerprint__in=known.keys() - wanted.keys()).delete()
    UnreadEvent.objects.bulk_create(
        [
            UnreadEvent(calendar=calendar, fingerprint=fingerprint, day=day)
            for fingerprint, day in wanted.items()
            if fingerprint not in known or day != known[fingerprint]
        ],
        update_conflicts=True,
        unique_fields=["calendar", "fingerprint"],
        update_fields=["day"],
    )


@transaction.atomic
def set_ignored(calendar: Calendar, event_ids: Collection[int], *, is_ignored: bool) -> list[UnreadEvent]:
    """Ignore these events of a calendar, or stop ignoring them, and return those that it has.

    An ignored event blocks nothing from the next reading on, which is due at once.
    """
    locked = Calendar.objects.select_for_update(no_key=True, of=("self",)).get(pk=calendar.pk)
    events = list(locked.unread_events.filter(pk__in=event_ids))
    if not events:
        return []
    UnreadEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        ignored_at=timezone.now() if is_ignored else None
    )
    # Without a fingerprint it is read again in full: "not modified" would keep what was computed.
    Calendar.objects.filter(pk=locked.pk).update(fingerprint="", due_at=timezone.now())
    return events


def split_by_day(busy: Sequence[Interval]) -> dict[date, list[Interval]]:
    """Return {UTC date: its part of the intervals}."""
    days = defaultdict(list)
    for start, end in busy:
        while start < end:
            cut = min(end, (start // DAY_SECONDS + 1) * DAY_SECONDS)
            days[as_datetime(start).date()].append((start, cut))
            start = cut
    return days


@transaction.atomic
def discard_reading(calendar: Calendar) -> None:
    """Discard all that was read of a calendar, after a change of its address or kind, and let it be read anew."""
    locked = Calendar.objects.select_for_update(no_key=True, of=("self",)).get(pk=calendar.pk)
    locked.etag = locked.last_modified = locked.fingerprint = locked.last_error = ""
    locked.read_until = locked.last_synced_at = locked.last_tried_at = None
    locked.failures, locked.due_at = 0, timezone.now()
    locked.save()
    BusyDay.objects.filter(calendar=locked).delete()
    UnreadEvent.objects.filter(calendar=locked).delete()
    mark_schedule_changed(clinician_id=locked.clinician_id, location_id=locked.location_id)
