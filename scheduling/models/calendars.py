"""Clinicians' calendars elsewhere, and the busy time read from them."""

import uuid
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from scheduling.lib.encrypted_field import EncryptedField
from scheduling.models.clinic import Clinician, Location


class Calendar(models.Model):
    """A calendar elsewhere.

    A clinician's busy time counts here, or their appointments are written to it; a location is closed on the all-day
    events of its holidays.
    """

    busy_days: models.Manager
    unread_events: models.Manager

    class Kind(models.TextChoices):
        ICALENDAR = "icalendar", "read: its busy time is not offered"
        CALDAV = "caldav", "write: appointments are put into it"
        HOLIDAYS = "holidays", "holidays: the location is closed on its all-day events"

    READ_KINDS = (Kind.ICALENDAR, Kind.HOLIDAYS)

    class WhenUnreachable(models.TextChoices):
        WITHHOLD = "withhold", "offer none of their times"
        OFFER = "offer", "offer their times as last read"

    STALE_AFTER = timedelta(hours=1)  # counts as unreachable when the last successful reading is this old

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician_id: UUID  # None for holidays
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, null=True, blank=True, related_name="calendars")
    location_id: UUID | None
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, blank=True, related_name="calendars")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ICALENDAR)
    url = EncryptedField("address", help_text="Its private iCalendar address, or that of a CalDAV collection.")
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedField(blank=True)
    when_unreachable = models.CharField(
        max_length=10,
        choices=WhenUnreachable,
        default=WhenUnreachable.WITHHOLD,
        help_text="What to do with the clinician's times while it cannot be read.",
    )
    is_active = models.BooleanField("active", default=True)
    # Validators of the last version read: sent back, they let the server answer "not modified".
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)  # hash of what mattered in that version
    read_until = models.DateTimeField("known until", null=True, editable=False)  # busy time beyond is unknown
    failures = models.PositiveSmallIntegerField("failures in a row", default=0, editable=False)
    due_at = models.DateTimeField("next read", default=timezone.now, editable=False)
    last_tried_at = models.DateTimeField(null=True, editable=False)
    last_synced_at = models.DateTimeField("last reached", null=True, editable=False)
    last_error = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ["clinician", "name"]
        indexes = [
            models.Index("due_at", name="calendar_due", condition=Q(kind__in=["icalendar", "holidays"], is_active=True))
        ]
        constraints = [
            models.CheckConstraint(
                name="calendar_of_one",
                condition=Q(kind="holidays", clinician__isnull=True, location__isnull=False)
                | (~Q(kind="holidays") & Q(clinician__isnull=False, location__isnull=True)),
                violation_error_message="Holidays belong to a location, every other calendar to a clinician.",
            ),
        ]

    def __str__(self):
        return f"{self.name} of {self.clinician or self.location}"

    def is_unreachable(self, *, at: datetime) -> bool:
        """Return whether the last reading is too old to rely on."""
        return self.last_synced_at is None or self.last_synced_at <= at - self.STALE_AFTER


class BusyDay(models.Model):
    """Busy time of a clinician or a location on one UTC date, by one calendar. May overlap slots and other calendars.

    ``stretches`` is packed by intervals.pack: availability reads thousands at a time, and a row for each
    would take longer than everything else.
    """

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="busy_days", db_index=False)
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    day = models.DateField()
    stretches = models.BinaryField()

    class Meta:
        indexes = [
            models.Index("clinician", "day", name="busy_day_clinician"),
            models.Index("location", "day", name="busy_day_location", condition=Q(location__isnull=False)),
        ]
        constraints = [models.UniqueConstraint("calendar", "day", name="busy_day_of_calendar")]

    def __str__(self):
        return f"{self.day:%Y-%m-%d}"


class UnreadEvent(models.Model):
    """An event of a calendar that was not understood, as it was last read.

    ``day`` is the local date that it blocks, the first of several; null if it has no readable start and blocks
    nothing. ``fingerprint`` is a hash of its text, which is not stored: an event that changes is a new one.
    """

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="unread_events")
    fingerprint = models.CharField(max_length=64)
    day = models.DateField(null=True)
    found_at = models.DateTimeField(default=timezone.now)
    ignored_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["day", "id"]
        constraints = [models.UniqueConstraint("calendar", "fingerprint", name="unread_event_once")]

    def __str__(self):
        return f"{self.day:%Y-%m-%d}" if self.day else "without a date"
