"""API keys, and stored responses of idempotent requests."""

import re
import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from patients.fields import PlainTextField
from patients.text import validate_printable


def validate_origin(origin):
    """Raise ValidationError unless ``origin`` is a scheme and a host, with an optional port, as browsers send it."""
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
        raise ValidationError("Write an origin such as https://www.clinic.example, without a path.", code="origin")


class ApiKey(models.Model):
    """A program's credential for the API. The key itself is shown once; only its SHA-256 is stored."""

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
        READ_ANSWERS = "read_answers", "read what patients have answered before their visits"
        WRITE_ORDERS = "write_orders", "create, read and book orders"
        WRITE_LOCATIONS = "write_locations", "change how long holds live at a location"
        WRITE_CATALOGUE = "write_catalogue", "keep external ids and metadata with services, clinicians and locations"
        READ_SCHEDULE = "read_schedule", "read working hours and time off"
        WRITE_SCHEDULE = "write_schedule", "change working hours and time off, and read why somebody is away"
        MANAGE_WEBHOOKS = "manage_webhooks", "manage webhook endpoints and their deliveries"

    VISITOR_SCOPES = [Scope.READ_APPOINTMENT_TYPES, Scope.READ_AVAILABILITY, Scope.WRITE_HOLDS]
    # With these a page writes down a PatientDraft, and its searches find nobody: see may_draft.
    DRAFT_SCOPES = [Scope.READ_PATIENTS, Scope.WRITE_PATIENTS]
    PUBLIC_SCOPES = [*VISITOR_SCOPES, *DRAFT_SCOPES]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A key and those that replace it share one holder, so that the new key keeps the old one's holds.
    holder = models.UUIDField(default=uuid.uuid4, editable=False)
    name = PlainTextField(max_length=100, validators=[validate_printable])
    kind = models.CharField(max_length=12, choices=Kind)
    start = models.CharField(max_length=12, editable=False, help_text="Its first characters, to tell it by.")
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    allowed_origins = ArrayField(
        models.CharField(max_length=200, validators=[validate_origin]),
        default=list,
        blank=True,
        help_text="The sites whose pages may use it, such as https://www.clinic.example.",
    )
    requests_per_minute = models.PositiveIntegerField(default=600, validators=[MinValueValidator(1)])
    max_live_holds = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: any number.")
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
        """Limit a publishable key to the scopes of any visitor, and to the clinic's own sites."""
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
        """Return whether the key has the scope, and its kind may use it: a publishable one reaches no patient."""
        return scope in self.scopes and (not self.is_publishable or scope in self.VISITOR_SCOPES)

    def may_draft(self, scope):
        """Return whether this is a publishable key with one of the DRAFT_SCOPES, which reach no patient."""
        return self.is_publishable and scope in self.DRAFT_SCOPES and scope in self.scopes

    @property
    def actor(self):
        """The name of the key in holds and events, shared with the keys that it replaces and that replace it."""
        return f"key:{self.holder}"

    def is_live(self, now):
        """Return whether the key is accepted."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def state(self, now):
        """Return live, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "live" if self.is_live(now) else "expired"


class AccessToken(models.Model):
    """A token that an API key was exchanged for (RFC 6749, section 4.4). Only its SHA-256 is stored."""

    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, editable=False)
    scopes = ArrayField(models.CharField(max_length=32), editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)

    class Meta:
        indexes = [models.Index("expires_at", name="access_token_expires")]

    def __str__(self):
        return f"of {self.api_key}"


class IdempotentAnswer(models.Model):
    """The response to a request with an Idempotency-Key, stored in the transaction of its effect."""

    api_key_holder = models.UUIDField()
    route = models.CharField(max_length=300)
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.BinaryField(default=bytes)
    headers = models.JSONField(default=dict)
    # The ids in the body: the answers about a person are deleted when that person is erased.
    about = ArrayField(models.UUIDField(), default=list, db_default=[])  # pyright: ignore[reportCallIssue]
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index("created_at", name="idempotent_answer_created")]
        constraints = [
            models.UniqueConstraint("api_key_holder", "route", "idempotency_key", name="idempotent_answer_once")
        ]

    def __str__(self):
        return f"{self.route} {self.status}"
