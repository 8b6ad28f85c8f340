"""Details that a visitor of a page has typed, and of whom nobody knows yet whether they will book."""

from django.db import models
from django.utils import timezone

from patients.fields import EmailField, PlainTextField
from patients.models import Patient
from patients.text import validate_name, validate_printable


class PatientDraft(models.Model):
    """What a page with a publishable key has sent of a person before it books for them.

    Nothing is matched and nobody becomes a patient until a hold is confirmed with it, once, by the same key from
    the same origin. The id it is known by is random and shown once; only its SHA-256 is stored.
    """

    DETAILS = ["first_name", "last_name", "date_of_birth", "email", "phone", "phone_extension"]

    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    api_key_holder = models.UUIDField(editable=False)
    origin = models.CharField(max_length=200, editable=False)
    network = models.CharField(max_length=64, editable=False, help_text="Where the visitor has come from.")
    first_name = PlainTextField(max_length=100, validators=[validate_name])
    last_name = PlainTextField(max_length=100, validators=[validate_name])
    date_of_birth = models.DateField(null=True)
    email = EmailField(blank=True)
    phone = PlainTextField(max_length=32, blank=True, validators=[validate_printable])
    phone_extension = models.CharField(max_length=15, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)

    class Meta:
        indexes = [
            models.Index("expires_at", name="patient_draft_expires"),
            models.Index("network", "expires_at", name="patient_draft_network"),
        ]

    def __str__(self):
        return f"until {self.expires_at:%H:%M}"

    def make_candidate(self):
        """Return the person as an unsaved Patient, to be found or created."""
        return Patient(**{name: getattr(self, name) for name in self.DETAILS})
