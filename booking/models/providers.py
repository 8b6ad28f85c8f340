"""Approvers, stored as Provider: who must acknowledge an appointment."""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from scheduling.lib.encrypted_field import EncryptedField
from scheduling.models import Location, Service


class Provider(models.Model):
    """An approver, who must acknowledge the appointments of some services or at some locations.

    A service's own provider comes before its location's; without either it is the clinic itself, at once.
    """

    # The kinds that patients see as the clinic.
    IN_HOUSE = ("clinic", "staff")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True, help_text="How programs know it: appointments say it.")
    kind = models.CharField(max_length=20, help_text="One of booking.integrations.approvers.APPROVERS.")
    services = models.ManyToManyField(Service, related_name="providers", blank=True)
    locations = models.ManyToManyField(Location, related_name="providers", blank=True)
    answer_within = models.DurationField(
        default=timedelta(minutes=15),
        validators=[MinValueValidator(timedelta(minutes=1)), MaxValueValidator(timedelta(days=2))],
        help_text="Without an answer by then an appointment is cancelled. A caller of the API can name another time.",
    )
    url = EncryptedField("address", blank=True, help_text="Of the other system, such as https://lab.example/holdfast.")
    secret = EncryptedField(blank=True, editable=False, help_text="Signs what the two systems say to each other.")
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "approver"

    def __str__(self):
        return self.name

    @property
    def public_name(self):
        """The name that patients see: an upstream system's, or empty for the clinic and its staff."""
        return "" if self.kind in self.IN_HOUSE else self.name


class Acknowledgement(NamedTuple):
    """The state of a booking's acknowledgement when its appointment is created.

    ``status`` is an Appointment.Status: pending until ``answer_by``, reserved or confirmed; ``reference`` is
    the provider's own id for it. ``asked`` is the sequence of the event with which another system was asked.
    """

    status: str
    provider: Provider | None = None
    reference: str = ""
    answer_by: datetime | None = None
    asked: int = 0
