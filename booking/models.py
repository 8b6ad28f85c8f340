"""Holds, appointments, the log of what happened to them, and messages that wait to be sent."""

import re
import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
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
    def padded_period(self):
        """The time it takes of the clinician: with the service's buffers."""
        return DateTimeTZRange(
            self.starts_at - self.service.buffer_before, self.ends_at + self.service.buffer_after
        )

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
    lasting = models.DurationField(help_text="What an extension gives it: as its location was set when it was placed.")
    extensions = models.PositiveSmallIntegerField("times extended", default=0)
    holder = models.CharField(max_length=64, editable=False)
    visitor = models.CharField(max_length=64, blank=True, editable=False, help_text="Who, of a holder many share.")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index("expires_at", name="hold_active_expires", condition=Q(status="active")),
            models.Index("holder", name="hold_active_holder", condition=Q(status="active")),
            models.Index("visitor", name="hold_active_visitor", condition=Q(status="active") & ~Q(visitor="")),
            models.Index("holder", "created_at", name="hold_holder_created"),
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
        permissions = [
            ("view_all_appointment", "Can view the appointments of every clinician"),
            ("decide_appointment", "Can confirm and cancel appointments"),
            ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
        ]
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

    @property
    def cutoff_at(self):
        """Until when the patient may change or cancel it."""
        return self.starts_at - self.service.cancellation_notice

    def can_change(self, now):
        """Return whether the patient may still give it another time or cancel it."""
        return self.status in ("pending", "reserved", "confirmed") and now <= self.cutoff_at


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


def validate_origin(origin):
    """Raise ValidationError unless ``origin`` is as browsers write it: scheme and host, perhaps a port."""
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
        raise ValidationError("Write an origin such as https://www.clinic.example, without a path.", code="origin")


class ApiKey(models.Model):
    """What a program shows to use the API. The key itself is shown once; here is only its SHA-256."""

    class Kind(models.TextChoices):
        SECRET = "secret", "secret, for servers"
        PUBLISHABLE = "publishable", "publishable, for browsers"

    class Scope(models.TextChoices):
        READ_APPOINTMENT_TYPES = "read_appointment_types", "read services, clinicians and locations"
        READ_AVAILABILITY = "read_availability", "read availability"
        WRITE_HOLDS = "write_holds", "place and confirm holds of its own"
        READ_PATIENTS = "read_patients", "search and read patients"
        WRITE_PATIENTS = "write_patients", "create and change patients"
        READ_APPOINTMENTS = "read_appointments", "list and read appointments"
        WRITE_APPOINTMENTS = "write_appointments", "book, reschedule, cancel and mark appointments"

    PUBLIC_SCOPES = [Scope.READ_APPOINTMENT_TYPES, Scope.READ_AVAILABILITY, Scope.WRITE_HOLDS]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A key and those it was rotated into are one holder: the new one goes on with the old one's holds.
    holder = models.UUIDField(default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, validators=[validate_printable])
    kind = models.CharField(max_length=12, choices=Kind)
    start = models.CharField(max_length=12, editable=False, help_text="Its first characters, to tell it by.")
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    allowed_origins = ArrayField(
        models.CharField(max_length=200, validators=[validate_origin]), default=list, blank=True,
        help_text="The sites whose pages may use it, such as https://www.clinic.example.",
    )
    requests_per_minute = models.PositiveIntegerField(default=600, validators=[MinValueValidator(1)])
    most_live_holds = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: any number.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"
        indexes = [GinIndex(fields=["allowed_origins"], name="api_key_origins")]

    def __str__(self):
        return f"{self.name} ({self.start}…)"

    def clean(self):
        """A publishable key can do only what any visitor of the clinic's site may do, and only there."""
        if not self.is_publishable:
            return
        if not set(self.scopes or []) <= set(self.PUBLIC_SCOPES):
            raise ValidationError({"scopes": "A publishable key is seen by everyone: it cannot have these scopes."})
        if not self.allowed_origins:
            raise ValidationError({"allowed_origins": "A publishable key works only on the sites it lists."})

    @property
    def is_publishable(self):
        return self.kind == self.Kind.PUBLISHABLE

    def may(self, scope):
        """Return whether the key has the scope, and its kind may have it."""
        return scope in self.scopes and (not self.is_publishable or scope in self.PUBLIC_SCOPES)

    @property
    def actor(self):
        """How holds and events name the key, and those it was rotated from or into."""
        return f"key:{self.holder}"

    def is_live(self, now):
        """Return whether the key is accepted."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def state(self, now):
        """Return live, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "live" if self.is_live(now) else "expired"


class IdempotentAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, written in the transaction of its effect."""

    api_key_holder = models.UUIDField()
    route = models.CharField(max_length=300)
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.BinaryField(default=bytes)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index("created_at", name="idempotent_answer_created")]
        constraints = [
            models.UniqueConstraint("api_key_holder", "route", "idempotency_key", name="idempotent_answer_once")
        ]

    def __str__(self):
        return f"{self.route} {self.status}"
