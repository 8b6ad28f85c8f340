"""People whom another system knows by an id before the clinic knows who they are."""

import uuid

from django.db import models
from django.utils import timezone

from patients.models import Patient


class ClientUser(models.Model):
    """A user of another system: an id for a person whose first order says who that is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client_user_id = models.CharField(max_length=100, unique=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, related_name="client_users")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self):
        return str(self.id)
