"""A clinician's private feed: an address where their own calendar reads their appointments."""

from datetime import timedelta
from hashlib import sha256

from django.utils import timezone

from booking.access.tokens import hash_token, new_token
from booking.integrations.calendars.event import entry_for_clinician, with_sequence
from booking.models import Appointment, CalendarFeed

HISTORY = timedelta(days=30)
READ_NOTE_INTERVAL = timedelta(minutes=1)


def make_feed(clinician):
    """Give a clinician's feed a new address and return its token, which cannot be shown again. Revokes an older one."""
    token, now = new_token(), timezone.now()
    fresh = {"token_hash": hash_token(token), "created_at": now, "last_read_at": None}
    CalendarFeed.objects.update_or_create(clinician=clinician, defaults=fresh)
    return token


def revoke_feed(feed):
    """Delete a feed: its address answers 404 from now on."""
    feed.delete()


def find_feed(token):
    """Return the feed with this token, or None if there is none or its clinician is inactive."""
    feeds = CalendarFeed.objects.select_related("clinician").filter(clinician__is_active=True)
    return feeds.filter(token_hash=hash_token(token)).first()


def list_entries(clinician, *, site, now):
    """Return the Entries of a clinician's appointments from 30 days ago on.

    Without the cancelled ones: a subscriber drops what the feed no longer has. Without those, too, whose approver has
    let the deadline pass: they are about to be cancelled.
    """
    appointments = Appointment.objects.filter(clinician=clinician, starts_at__gte=now - HISTORY)
    appointments = appointments.exclude(status=Appointment.Status.CANCELLED)
    appointments = appointments.exclude(status=Appointment.Status.PENDING, answer_by__lte=now)
    appointments = with_sequence(appointments).order_by("starts_at", "pk")
    return [entry_for_clinician(appointment, site=site) for appointment in appointments]


def note_reading(feed, entries, *, now):
    """Set the feed's ``etag`` and ``changed_at`` to what holds for these entries, and note that it was read.

    No row says when an appointment left the feed, so it is the reading that finds out what has changed since
    the one before.
    """
    etag = sha256(repr((feed.clinician.name, entries)).encode()).hexdigest()
    is_other = etag != feed.etag
    if is_other:
        # HTTP counts whole seconds: two versions must not share one.
        feed.etag, feed.changed_at = etag, max(now, feed.changed_at + timedelta(seconds=1))
    if is_other or feed.last_read_at is None or feed.last_read_at < now - READ_NOTE_INTERVAL:
        feed.last_read_at = now
        feed.save(update_fields=["etag", "changed_at", "last_read_at"])
