"""Orders: requests for a known patient to be seen."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from booking.models.client_users import ClientUser
from patients.fields import PlainTextField
from patients.models import Patient
from patients.text import validate_printable
from scheduling.lib.integration_fields import ExternalIdField, MetadataField
from scheduling.models import Service


class Order(models.Model):
    """A request for a known patient to be seen for a service: a referral, a lab order.

    The address is where to visit the patient, for a service that is given at home.
    """

    appointments: models.Manager
    token: str  # plain, where it was found by it; the database has the hash

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient_id: uuid.UUID
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="orders")
    service_id: uuid.UUID
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="orders")
    # Whom the client that ordered it knows the patient as.
    client_user_id: uuid.UUID | None
    client_user = models.ForeignKey(
        ClientUser, on_delete=models.PROTECT, null=True, editable=False, related_name="orders"
    )
    external_id = ExternalIdField(
        editable=True, validators=[validate_printable], help_text="Its id in the system it came from."
    )
    metadata = MetadataField()
    address_line_1 = PlainTextField(max_length=100, blank=True, validators=[validate_printable])
    address_line_2 = PlainTextField(max_length=100, blank=True, validators=[validate_printable])
    unit = PlainTextField(max_length=20, blank=True, validators=[validate_printable])
    city = PlainTextField(max_length=100, blank=True, validators=[validate_printable])
    state = PlainTextField("state or county", max_length=50, blank=True, validators=[validate_printable])
    postcode = PlainTextField(max_length=20, blank=True, validators=[validate_printable])
    country = models.CharField("country code", max_length=2, blank=True, help_text="ISO 3166-1, two letters.")
    latitude = models.DecimalField(max_digits=10, decimal_places=7, null=True, blank=True)
    longitude = models.DecimalField(max_digits=10, decimal_places=7, null=True, blank=True)
    # The hash of the booking link's token; null until a link is sent.
    token_hash = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    link_ends_at = models.DateTimeField(null=True, editable=False, help_text="Until when that link is good.")
    cancelled_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index("external_id", name="order_external_id", condition=~models.Q(external_id="")),
            models.Index("created_at", "id", name="order_created"),
            models.Index("updated_at", "id", name="order_updated"),
        ]

    def __str__(self):
        return f"{self.service} for {self.patient}"

    def get_booked_appointment(self):
        """Return the order's appointment, or None; cancelled, missed and unanswered ones do not count."""
        unanswered = models.Q(status="pending", answer_by__lte=Now())
        return self.appointments.exclude(status__in=self.appointments.model.UNSUCCESSFUL).exclude(unanswered).first()

    @property
    def address(self):
        """The address to visit the patient at, as a list of its non-empty lines."""
        street = " ".join(filter(None, [self.address_line_1, self.unit]))
        town = " ".join(filter(None, [self.city, self.state, self.postcode]))
        return list(filter(None, [street, self.address_line_2, town, self.country]))
