"""Webhook endpoints: addresses of other systems that receive events."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from booking.models.enums import ANNOUNCED_KINDS
from patients.fields import PlainTextField
from patients.text import validate_printable
from scheduling.lib.encrypted_field import EncryptedField


class WebhookEndpoint(models.Model):
    """An address that receives events, signed with its secret."""

    class Format(models.TextChoices):
        HOLDFAST = "holdfast"
        JUNCTION = "junction"

    # The events that endpoints can subscribe to.
    Kind = models.TextChoices("Kind", {kind.name: (kind.value, kind.value) for kind in ANNOUNCED_KINDS})

    deliveries: models.Manager

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField("address", max_length=500, help_text="Such as https://www.clinic.example/hooks.")
    description = PlainTextField(max_length=100, blank=True, validators=[validate_printable])
    format = models.CharField(max_length=10, choices=Format, default=Format.HOLDFAST)
    events = ArrayField(
        models.CharField(max_length=40, choices=Kind),  # pyright: ignore[reportArgumentType]
        default=list,
        blank=True,
        help_text="None: all, new kinds too.",
    )
    secret = EncryptedField(editable=False)
    old_secret = EncryptedField(blank=True, editable=False)
    old_secret_ends_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    # Whether the last delivery arrived quickly. Until then the endpoint shares workers with slow ones.
    answers_fast = models.BooleanField(default=False, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_because = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self):
        return self.description or str(self.id)
