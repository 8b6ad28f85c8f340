"""Holds, appointments, the log of what happened to them, and messages that wait to be sent."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from patients.fields import EmailField
from patients.models import Patient
from patients.text import validate_printable, validate_printable_lines
from scheduling.models import Clinician, Location, Service, Slot


class Booking(models.Model):
    """What holds and appointments share: who sees whom, for what, where and when."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT)
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    slot = models.OneToOneField(Slot, on_delete=models.SET_NULL, null=True, editable=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_remote = models.BooleanField("by video", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    @property
    def local_start(self):
        """The start in the location's time zone."""
        return self.starts_at.astimezone(self.location.zone)

    @property
    def local_end(self):
        """The end in the location's time zone."""
        return self.ends_at.astimezone(self.location.zone)


class Hold(Booking):
    """A patient's claim on a slot until ``expires_at``."""

    MOST_EXTENSIONS = 10

    class Status(models.TextChoices):
        ACTIVE = "active"
        CONFIRMED = "confirmed"
        RELEASED = "released"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    expires_at = models.DateTimeField()
    extensions = models.PositiveSmallIntegerField("times extended", default=0)
    holder = models.CharField(max_length=64, editable=False)
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index("expires_at", name="hold_active_expires", condition=Q(status="active")),
            models.Index("holder", name="hold_active_holder", condition=Q(status="active")),
        ]
        constraints = [
            models.CheckConstraint(name="hold_end_after_start", condition=Q(ends_at__gt=F("starts_at"))),
        ]

    def __str__(self):
        return f"{self.service} with {self.clinician}, {self.local_start:%a %d %b %Y %H:%M}"

    def is_live(self, now):
        """Return whether the hold can still be confirmed."""
        return self.status == self.Status.ACTIVE and self.expires_at > now

    def seconds_left(self, now):
        """Return the whole seconds until the hold expires, 0 when it is not live."""
        return int((self.expires_at - now).total_seconds()) if self.is_live(now) else 0

    @property
    def extensions_left(self):
        return max(0, self.MOST_EXTENSIONS - self.extensions)


class Appointment(Booking):
    """A confirmed claim on a slot. It has the id of the hold it came from."""

    REFERENCE_UNIQUE = "appointment_reference"

    class Status(models.TextChoices):
        PENDING = "pending"
        RESERVED = "reserved"
        CONFIRMED = "confirmed"
        IN_PROGRESS = "in_progress", "in progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        NO_SHOW = "no_show", "no-show"

    class CancellationReason(models.TextChoices):
        PATIENT_REQUEST = "patient_request", "the patient asked"
        PATIENT_UNWELL = "patient_unwell", "the patient is unwell"
        CLINICIAN_UNAVAILABLE = "clinician_unavailable", "the clinician is unavailable"
        CLINIC_CLOSED = "clinic_closed", "the clinic is closed"
        BOOKED_BY_MISTAKE = "booked_by_mistake", "booked by mistake"
        OTHER = "other", "another reason"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=11, editable=False)
    status = models.CharField(max_length=12, choices=Status)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    attendee_name = models.CharField(max_length=201, validators=[validate_printable])
    attendee_email = EmailField("attendee e-mail")
    attendee_phone = models.CharField(max_length=32, blank=True, validators=[validate_printable])
    notes = models.TextField(max_length=2000, blank=True, validators=[validate_printable_lines])
    meeting_url = models.URLField("video link", blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    currency = models.CharField(max_length=3)
    cancellation_reason = models.CharField(max_length=24, choices=CancellationReason, blank=True, editable=False)
    cancellation_note = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ["starts_at"]
        indexes = [
            models.Index("starts_at", name="appointment_starts_at"),
            models.Index("clinician", "starts_at", name="appointment_clinician_starts"),
        ]
        constraints = [
            models.UniqueConstraint("reference", name="appointment_reference"),
            models.CheckConstraint(name="appointment_end_after_start", condition=Q(ends_at__gt=F("starts_at"))),
            # An appointment that stands owns its time; only a cancelled one may be without.
            models.CheckConstraint(
                name="appointment_has_slot", condition=Q(slot__isnull=False) | Q(status="cancelled")
            ),
        ]

    def __str__(self):
        return f"{self.reference} {self.local_start:%a %d %b %Y %H:%M}"


class Event(models.Model):
    """Something that happened to a booking: the audit trail. Append-only, by a trigger in the database.

    A hold and its appointment share one id, so one ``sequence`` tells the whole story of a booking.
    ``data`` has ids, times and reasons, never a patient's values.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    booking_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    by = models.CharField(max_length=64)
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint("booking_id", "sequence", name="event_sequence")]

    def __str__(self):
        return self.kind


class OutboxMessage(models.Model):
    """Something to be done outside after a commit: written with its cause, run by a worker."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                "due_at", name="outbox_open_due", condition=Q(status__in=["waiting", "queued", "running"])
            )
        ]

    def __str__(self):
        return f"{self.kind} {self.id}"


class Heartbeat(models.Model):
    """The last time beat reached a worker and the worker reached the database; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seen_at = models.DateTimeField()

    def __str__(self):
        return self.seen_at.isoformat()
