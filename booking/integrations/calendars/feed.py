"""A clinician's private feed: an address from which a calendar program reads their appointments."""

from datetime import datetime, timedelta
from hashlib import sha256

from django.utils import timezone

from booking.access.tokens import hash_token, new_token
from booking.integrations.calendars.event import Entry, annotate_sequence, make_clinician_entry
from booking.models import Appointment, CalendarFeed
from scheduling.models import Clinician

HISTORY = timedelta(days=30)
REFRESH_INTERVAL = timedelta(minutes=15)  # how often programs that obey a feed read it
READ_RECORD_INTERVAL = timedelta(minutes=1)


def make_feed(clinician: Clinician) -> str:
    """Give a clinician's feed a new address, revoke the old one, and return the token; only its hash is stored."""
    token, now = new_token(), timezone.now()
    fresh = {"token_hash": hash_token(token), "created_at": now, "last_read_at": None}
    CalendarFeed.objects.update_or_create(clinician=clinician, defaults=fresh)
    return token


def revoke_feed(feed: CalendarFeed) -> None:
    """Delete a feed, so that its address answers 404."""
    feed.delete()


def find_feed(token: str) -> CalendarFeed | None:
    """Return the active clinician's feed with this token, or None."""
    feeds = CalendarFeed.objects.select_related("clinician").filter(clinician__is_active=True)
    return feeds.filter(token_hash=hash_token(token)).first()


def list_entries(clinician: Clinician, *, site: str, now: datetime) -> list[Entry]:
    """Return the entries of a clinician's appointments from 30 days ago on.

    Omits cancelled appointments, since a subscriber drops what a feed no longer has, and unanswered ones past their
    deadline, which are about to be cancelled.
    """
    appointments = Appointment.objects.filter(clinician=clinician, starts_at__gte=now - HISTORY)
    appointments = appointments.exclude(status=Appointment.Status.CANCELLED)
    appointments = appointments.exclude(status=Appointment.Status.PENDING, answer_by__lte=now)
    appointments = annotate_sequence(appointments).order_by("starts_at", "pk")
    return [make_clinician_entry(appointment, site=site) for appointment in appointments]


def record_reading(feed: CalendarFeed, entries: list[Entry], *, now: datetime) -> None:
    """Update the feed's ``etag`` and ``changed_at`` for these entries, and record that it was read.

    No row says when an appointment left the feed, so each reading compares the feed with the previous one.
    """
    etag = sha256(repr((feed.clinician.name, entries)).encode()).hexdigest()
    has_changed = etag != feed.etag
    if has_changed:
        # Last-Modified has whole seconds: two versions must not share one.
        feed.etag, feed.changed_at = etag, max(now, feed.changed_at + timedelta(seconds=1))
    if has_changed or feed.last_read_at is None or feed.last_read_at < now - READ_RECORD_INTERVAL:
        feed.last_read_at = now
        feed.save(update_fields=["etag", "changed_at", "last_read_at"])
