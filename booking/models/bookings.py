"""Holds and appointments."""

import uuid
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from booking.models.orders import Order
from booking.models.providers import Provider
from patients.fields import EmailField, PlainLinesField, PlainTextField
from patients.models import Patient, Relation
from patients.text import validate_name, validate_printable
from scheduling.lib.integration_fields import ExternalIdField, MetadataField
from scheduling.lib.price_field import PriceField
from scheduling.models import Clinician, Location, Service, Slot

# Appointment's, defined here because Meta cannot see names of the enclosing class body.
ORDER_BOOKED_ONCE = "appointment_of_order"
UNSUCCESSFUL = ["cancelled", "no_show"]
STANDING = ["pending", "reserved", "confirmed", "in_progress"]
# Of appointments and orders: those that may be shown. Of a restricted patient nothing is, but to staff who may see it.
UNRESTRICTED = Q(patient__restricted_at=None)


class Booking(models.Model):
    """The fields that holds and appointments share."""

    service_id: uuid.UUID
    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    clinician_id: uuid.UUID
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT)
    location_id: uuid.UUID
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_remote = models.BooleanField("by video", default=False)
    price = PriceField(editable=False)
    currency = models.CharField(max_length=3, editable=False)
    external_id = ExternalIdField()
    metadata = MetadataField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    # Both have these too, each with rules of its own for what is deleted.
    slot_id: int | None
    slot: models.OneToOneField
    order_id: uuid.UUID | None
    order: models.ForeignKey

    class Meta:
        abstract = True

    @property
    def padded_period(self):
        """The period that the booking takes of the clinician, including the service's buffers."""
        return TimestamptzRange(self.starts_at - self.service.buffer_before, self.ends_at + self.service.buffer_after)

    @property
    def local_start(self):
        """The start in the location's time zone."""
        return self.starts_at.astimezone(self.location.zone)

    @property
    def local_end(self):
        """The end in the location's time zone."""
        return self.ends_at.astimezone(self.location.zone)

    @property
    def patient_zone(self):
        """The zone of the clock that the patient goes by."""
        return self.location.zone

    @property
    def patient_start(self):
        """The start on the patient's clock."""
        return self.starts_at.astimezone(self.patient_zone)

    @property
    def patient_end(self):
        """The end on the patient's clock."""
        return self.ends_at.astimezone(self.patient_zone)

    @property
    def cutoff_at(self):
        """The time until which the patient may change or cancel the booking."""
        return self.starts_at - self.service.cancellation_notice

    @property
    def is_at_home(self):
        """Whether the patient is visited at home."""
        return bool(self.order_id and self.order.address and not self.is_remote)


class Networks(NamedTuple):
    """Where a visitor has come from, as pseudonyms: an IPv4 address or the /64 of IPv6, and the wider networks of IPv6.

    Where there are no wider ones, they are empty.
    """

    network: str
    network_56: str = ""
    network_48: str = ""


class Hold(Booking):
    """A patient's claim on a slot until ``expires_at``."""

    MAX_EXTENSIONS = 10
    EXTENSION_WINDOW = timedelta(minutes=5)  # a visitor extends a hold when it is nearly over, not in advance

    token: str  # plain, where it was placed or found by it; the database has the hash

    class Status(models.TextChoices):
        ACTIVE = "active"
        CONFIRMED = "confirmed"
        RELEASED = "released"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The next claimant deletes a lapsed hold's slot.
    slot = models.OneToOneField(Slot, on_delete=models.SET_NULL, null=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    expires_at = models.DateTimeField()
    lifetime = models.DurationField(
        help_text="What an extension gives it: as its location was set when it was placed. A reservation's is nothing."
    )
    extensions = models.PositiveSmallIntegerField("times extended", default=0)
    holder = models.CharField(max_length=64, editable=False)
    # A visitor's Networks: of the clinic's pages, and of pages with a publishable key.
    network = models.CharField(max_length=64, blank=True, editable=False)
    network_56 = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    network_48 = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    page = models.CharField(
        max_length=200, blank=True, default="", db_default="", editable=False, help_text="Which site it was placed on."
    )
    must_verify = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether what comes of it waits until its e-mail address is verified.",
    )
    verified_email = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="The pseudonym of the address that the visitor has verified before, if any.",
    )
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, editable=False, related_name="holds")
    # The patient, where the hold was placed for one.
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, editable=False, related_name="holds")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index("expires_at", name="hold_active_expires", condition=Q(status="active")),
            models.Index("holder", name="hold_active_holder", condition=Q(status="active")),
            models.Index("verified_email", name="hold_verified_email", condition=~Q(verified_email="")),
            models.Index("holder", "created_at", name="hold_holder_created"),
            models.Index("network", "created_at", name="hold_network_created", condition=~Q(network="")),
            models.Index("network_56", "created_at", name="hold_network_56_created", condition=~Q(network_56="")),
            models.Index("network_48", "created_at", name="hold_network_48_created", condition=~Q(network_48="")),
            models.Index("location", "created_at", name="hold_location_created", condition=~Q(network="")),
            # For booking.domain.figures: holds are appended in the order of time, and placing one pays nothing for it.
            BrinIndex("created_at", name="hold_created", autosummarize=True),
        ]
        constraints = [
            models.CheckConstraint(name="hold_end_after_start", condition=Q(ends_at__gt=F("starts_at"))),
        ]

    def __str__(self):
        return f"{self.service} with {self.clinician}, {self.local_start:%a %d %b %Y %H:%M}"

    def is_live(self, now):
        """Return whether the hold can still be confirmed: nobody can come to what has begun."""
        return self.status == self.Status.ACTIVE and min(self.expires_at, self.starts_at) > now

    def seconds_left(self, now):
        """Return the whole seconds until the hold expires, 0 when it is not live."""
        return int((min(self.expires_at, self.starts_at) - now).total_seconds()) if self.is_live(now) else 0

    def is_too_early_to_extend(self, now):
        """Return whether an extension would add nothing now, or it is a visitor's that is not in its last minutes."""
        return self.expires_at - now > (self.EXTENSION_WINDOW if self.network else self.lifetime)

    @property
    def is_reservation(self):
        """Whether it lasts until its start, and not for a while: reserved, until somebody books or releases it."""
        return not self.lifetime

    @property
    def extensions_left(self):
        can_last_longer = self.status == self.Status.ACTIVE and self.expires_at < self.starts_at
        return max(0, self.MAX_EXTENSIONS - self.extensions) if can_last_longer else 0


class Appointment(Booking):
    """A confirmed claim on a slot. It has the id of the hold it came from."""

    ORDER_BOOKED_ONCE = ORDER_BOOKED_ONCE
    # Groups of statuses: awaiting approval; upcoming, and so reschedulable; with a patient who is to be there; without
    # result, so that the order can be booked again.
    TENTATIVE = ["pending", "reserved"]
    UPCOMING = [*TENTATIVE, "confirmed"]
    STANDING = STANDING
    UNSUCCESSFUL = UNSUCCESSFUL
    AWAITING_VERIFICATION = ["required", "required_quietly"]
    UNPROVEN = ["waived", *AWAITING_VERIFICATION]

    class Status(models.TextChoices):
        PENDING = "pending"
        RESERVED = "reserved"
        CONFIRMED = "confirmed"
        IN_PROGRESS = "in_progress", "in progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        NO_SHOW = "no_show", "no-show"

    class Verification(models.TextChoices):
        """Whether the e-mail address of a visitor who booked online is verified."""

        NOT_NEEDED = "", "not needed"  # staff, another system, or a link in an e-mail has booked
        WAIVED = "waived", "booked online, not verified"
        REQUIRED = "required", "waits for the link in its e-mail"
        # To say so would tell who is a patient: the visitor is shown what they are shown when it is waived.
        REQUIRED_QUIETLY = "required_quietly", "waits for the link in its e-mail, without saying so"
        VERIFIED = "verified", "verified by e-mail"
        CHECKED = "checked", "identity checked by staff"

    class CancellationReason(models.TextChoices):
        PATIENT_REQUEST = "patient_request", "the patient asked"
        PATIENT_UNWELL = "patient_unwell", "the patient is unwell"
        CLINICIAN_UNAVAILABLE = "clinician_unavailable", "the clinician is unavailable"
        CLINIC_CLOSED = "clinic_closed", "the clinic is closed"
        BOOKED_BY_MISTAKE = "booked_by_mistake", "booked by mistake"
        OTHER = "other", "another reason"
        UNUSUAL = "unusual", "it looked made up"
        DECLINED = "declined", "whoever had to confirm it declined"
        NOT_ACKNOWLEDGED = "not_acknowledged", "nobody confirmed it in time"

        @classmethod
        def given(cls):
            """Return the reasons that a person can choose; the last three are set by the system."""
            return cls.choices[:-3]

    class OverrideReason(models.TextChoices):
        """Why staff have given it a time against the rules."""

        URGENT = "urgent", "it is urgent"
        WALK_IN = "walk_in", "the patient is here"
        LATE = "late", "it runs late"
        CLINICIAN_AGREED = "clinician_agreed", "the clinician agrees"
        PATIENT_REQUEST = "patient_request", "the patient asked"
        OTHER = "other", "another reason"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # appointment_clinician_starts and appointment_location_starts begin with them.
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, db_index=False)
    # An appointment is cancelled before its slot is deleted, even a lapsed one.
    slot = models.OneToOneField(Slot, on_delete=models.PROTECT, null=True, editable=False)
    reference = models.CharField(max_length=11, editable=False)
    status = models.CharField(max_length=12, choices=Status)
    patient_id: uuid.UUID
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="appointments"
    )
    provider_id: uuid.UUID | None
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="appointments"
    )
    provider_reference = models.CharField("approver's reference", max_length=100, blank=True, editable=False)
    answer_by = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it is cancelled, if it is still pending then."
    )
    verification = models.CharField(
        max_length=16, choices=Verification, blank=True, default="", db_default="", editable=False
    )
    link_version = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="Links of earlier versions are revoked."
    )
    attendance_confirmed_at = models.DateTimeField(
        "patient says they are coming", null=True, blank=True, editable=False, help_text="When they said so."
    )
    attendee_name = PlainTextField(max_length=201, validators=[validate_name])
    attendee_email = EmailField("attendee e-mail", blank=True)
    attendee_phone = PlainTextField(max_length=32, blank=True, validators=[validate_printable])
    language = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What its attendee is written to in; empty: the clinic's own.",
    )
    patient_timezone = models.CharField(
        "patient's time zone",
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Of a video call: the one that was on the patient's device, if it is not the location's.",
    )
    # The e-mail and phone above are theirs, and they are written to, if that is not who comes.
    contact_name = PlainTextField(
        max_length=201,
        blank=True,
        default="",
        db_default="",
        validators=[validate_name],
        help_text="Who is written to.",
    )
    relation = models.CharField(
        max_length=8,
        choices=Relation,
        blank=True,
        default="",
        db_default="",
        help_text="What who comes is to who is written to.",
    )
    said_new_is_known = models.BooleanField(
        "said new, is known",
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether a visitor has booked it as somebody new who has been here before, by name and birth date.",
    )
    notes = PlainLinesField(max_length=2000, blank=True, validators=[validate_printable])
    meeting_url = models.URLField("video link", blank=True)
    cancellation_reason = models.CharField(max_length=24, choices=CancellationReason, blank=True, editable=False)
    cancellation_note = models.CharField(max_length=500, blank=True, editable=False)
    arrived_at = models.DateTimeField("arrived", null=True, blank=True, editable=False)
    seen_at = models.DateTimeField("with the clinician since", null=True, blank=True, editable=False)
    # Of its present time. A slot that is double cannot be without.
    override_reason = models.CharField(
        max_length=24, choices=OverrideReason, blank=True, default="", db_default="", editable=False
    )
    override_note = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["starts_at"]
        permissions = [
            ("view_all_appointment", "Can view the appointments of every clinician"),
            ("decide_appointment", "Can confirm and cancel appointments"),
            ("mark_appointment", "Can mark appointments arrived, completed or no-show"),
            ("override_appointment", "Can book and move appointments against the rules"),
            ("note_appointment", "Can write the notes and the video link of their own appointments"),
            ("follow_up_appointment", "Can book another visit of their own patients with themselves"),
        ]
        indexes = [
            models.Index("starts_at", name="appointment_starts_at"),
            models.Index("clinician", "starts_at", name="appointment_clinician_starts"),
            # For the diary: of a group's thousand visits of a day those at one location.
            models.Index("location", "starts_at", name="appointment_location_starts"),
            # For staff who look for a coming visit by a part of the name: what is over is not in it, so it stays small.
            GinIndex(
                OpClass(Upper("attendee_name"), "gin_trgm_ops"),
                name="appointment_attendee_name",
                condition=Q(status__in=STANDING),
            ),
            models.Index("created_at", "id", name="appointment_created"),
            models.Index("updated_at", "id", name="appointment_updated"),
            models.Index(Upper("attendee_email"), name="appointment_attendee_email"),
            models.Index("attendee_phone", name="appointment_attendee_phone", condition=~Q(attendee_phone="")),
            models.Index("external_id", name="appointment_external_id", condition=~Q(external_id="")),
            models.Index("answer_by", name="appointment_pending", condition=Q(status="pending")),
            # For booking.domain.retention: of the others nobody is forgotten by the clock.
            models.Index(
                "updated_at",
                name="appointment_lapsed",
                condition=Q(cancellation_reason__in=["not_acknowledged", "unusual"]) & ~Q(attendee_name=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint("reference", name="appointment_reference"),
            models.CheckConstraint(name="appointment_end_after_start", condition=Q(ends_at__gt=F("starts_at"))),
            # Only a cancelled appointment may have no slot.
            models.CheckConstraint(
                name="appointment_has_slot", condition=Q(slot__isnull=False) | Q(status="cancelled")
            ),
            # A pending appointment has a deadline.
            models.CheckConstraint(
                name="appointment_pending_until", condition=Q(answer_by__isnull=False) | ~Q(status="pending")
            ),
            models.UniqueConstraint("order", name=ORDER_BOOKED_ONCE, condition=~Q(status__in=UNSUCCESSFUL)),
        ]

    def __str__(self):
        return f"{self.reference} {self.local_start:%a %d %b %Y %H:%M}"

    @property
    def is_unproven(self):
        """Whether a visitor has booked it of whom nobody knows whether they are who they say."""
        return self.verification in self.UNPROVEN

    @property
    def is_of_patient(self):
        """Whether its patient has booked it, as staff, a program or an address that is theirs say.

        An address that was corrected may be another's than that of the record which the first one was matched with.
        """
        is_mailed = self.verification == self.Verification.VERIFIED
        return not self.is_unproven and (not is_mailed or self.has_patients_address)

    @property
    def has_patients_address(self):
        """Whether its attendee's e-mail address is that of the patient's record."""
        return self.attendee_email.lower() == self.patient.email.lower()

    @property
    def is_typed(self):
        """Whether its attendee's phone number is what a visitor has typed."""
        return self.verification != self.Verification.NOT_NEEDED

    @property
    def awaits_verification(self):
        """Whether it waits, or has waited in vain, for the link in its e-mail: until then nobody else is told of it."""
        return self.verification in self.AWAITING_VERIFICATION

    @property
    def patient_zone(self):
        """The zone of the clock that the patient goes by: for a video call, where theirs shows another time, that."""
        if not self.is_remote or not self.patient_timezone:
            return self.location.zone
        zone = ZoneInfo(self.patient_timezone)
        is_same = self.starts_at.astimezone(zone).utcoffset() == self.local_start.utcoffset()
        return self.location.zone if is_same else zone

    @property
    def cutoff_at(self):
        """The time until which the patient may change or cancel it; a pending appointment's is its start."""
        return self.starts_at if self.status in self.TENTATIVE else super().cutoff_at

    @property
    def approver_name(self):
        """The name of the upstream system that was asked; empty for the clinic and its staff."""
        return self.provider.public_name if self.provider else ""

    def is_unanswered(self, now):
        """Return whether its deadline has passed unanswered, so that it no longer counts."""
        return self.status == self.Status.PENDING and self.answer_by <= now

    def can_change(self, now):
        """Return whether the patient may still reschedule or cancel it."""
        return self.status in self.UPCOMING and now <= self.cutoff_at


class Unconfirmed(Appointment):
    """An appointment that staff must confirm or decline: a proxy for the queue in admin."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "appointment to confirm"
        verbose_name_plural = "appointments to confirm"


class UnusualBooking(Appointment):
    """An online booking of the last two days that looks made up: a proxy for the list in admin."""

    class Meta:
        proxy = True
        default_permissions = ()
