"""Who looked at whom, who was erased, and who signed in."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models


class PatientAccess(models.Model):
    """Somebody has seen patients: one row per page or answer. Append-only, by a trigger in the database.

    ``patient_ids`` are those shown, and never the words that were searched for.
    """

    class Action(models.TextChoices):
        VIEW = "view"
        SEARCH = "search"
        EXPORT = "export"
        API_READ = "api_read", "read over the API"

    id = models.BigAutoField(primary_key=True)
    action = models.CharField(max_length=8, choices=Action)
    actor = models.CharField(max_length=64)
    patient_ids = ArrayField(models.UUIDField())
    page = models.CharField(max_length=100, help_text="The route, not the address.")
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "patient accesses"
        indexes = [
            BrinIndex("created_at", name="patient_access_created", autosummarize=True),
            GinIndex("patient_ids", name="patient_access_patients"),
        ]

    def __str__(self):
        return f"{self.action} by {self.actor}"


class Erasure(models.Model):
    """A patient whose data were erased: done again after a backup is restored. It has nothing but the id."""

    patient_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    erased_at = models.DateTimeField(editable=False)
    actor = models.CharField(max_length=64, editable=False)

    class Meta:
        ordering = ["-erased_at"]

    def __str__(self):
        return str(self.patient_id)


class SignInEvent(models.Model):
    """A sign-in of staff, a failed one, or a change of who may do what. Append-only, by a trigger in the database."""

    class Kind(models.TextChoices):
        SIGNED_IN = "signed_in", "signed in"
        FAILED = "failed", "failed"
        DELAYED = "delayed", "refused, too soon after failures"
        SIGNED_OUT = "signed_out", "signed out"
        RESET_REQUESTED = "reset_requested", "password reset asked for"
        PASSWORD_CHANGED = "password_changed", "password changed"
        SECOND_FACTOR_CHANGED = "second_factor_changed", "second factor changed"
        RIGHTS_CHANGED = "rights_changed", "rights changed"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=24, choices=Kind)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    # People type passwords into the wrong field: what was typed as a name is stored as an HMAC.
    account = models.CharField(max_length=64, blank=True)
    network = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "sign-in event"
        ordering = ["-id"]
        indexes = [
            models.Index("account", "created_at", name="sign_in_account"),
            models.Index("network", "created_at", name="sign_in_network"),
            BrinIndex("created_at", name="sign_in_created", autosummarize=True),
        ]

    def __str__(self):
        return self.kind
