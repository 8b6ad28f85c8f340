"""The waiting lists: who wishes for a time that is not free, and which freed times they were offered."""

import uuid
from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.models.bookings import Appointment, Hold
from patients.fields import EmailField, PlainTextField
from patients.models import Patient
from patients.text import validate_name, validate_printable
from scheduling.models import Clinician, Location, Service

# WaitlistOffer's, defined here because Meta cannot see names of the enclosing class body.
ONE_OFFER_AT_ONCE = "waitlist_offer_open"


class Waitlist(models.Model):
    """How a service's waiting list works. A service without a row has the defaults."""

    DEFAULT_ANSWER_TIME = timedelta(hours=2)

    service_id: uuid.UUID
    service = models.OneToOneField(Service, on_delete=models.CASCADE, primary_key=True, related_name="waitlist")
    is_open = models.BooleanField(
        "open", default=True, help_text="Whether patients may join. Who waits already is still offered times."
    )
    answer_time = models.DurationField(
        default=DEFAULT_ANSWER_TIME,
        validators=[MinValueValidator(timedelta(minutes=15)), MaxValueValidator(timedelta(days=2))],
        help_text="How long an offered time is held, at most until the service's notice.",
    )
    # What the last search for freed times has seen.
    searched_at = models.DateTimeField(null=True, editable=False)
    seen_event_id = models.BigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["service"]
        verbose_name = "waiting list"

    def __str__(self):
        return str(self.service)


class WaitlistEntry(models.Model):
    """Somebody's wish for a time of a service; what is left open fits any.

    With ``appointment`` it is for something earlier: the appointment stays until the new time is taken.
    """

    class Status(models.TextChoices):
        UNCONFIRMED = "unconfirmed", "waits for the link in its e-mail"
        WAITING = "waiting"
        BOOKED = "booked"
        LEFT = "left"
        REMOVED = "removed", "taken off by staff"
        EXPIRED = "expired", "its last day is over"
        UNANSWERED = "unanswered", "left offers unanswered"

    class PartOfDay(models.TextChoices):
        MORNING = "morning", _("Morning")
        AFTERNOON = "afternoon", _("Afternoon")
        EVENING = "evening", _("Evening")

    LIVE = ["unconfirmed", "waiting"]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service_id: uuid.UUID
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="waitlist_entries")
    clinician_id: uuid.UUID | None
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    location_id: uuid.UUID | None
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    is_remote = models.BooleanField("by video", null=True, blank=True, help_text="Unknown: either will do.")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=list, blank=True, help_text="0 is Monday. Empty: any day."
    )
    parts_of_day = ArrayField(
        models.CharField(max_length=9, choices=PartOfDay), default=list, blank=True, help_text="Empty: any."
    )
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField()
    appointment_id: uuid.UUID | None
    appointment = models.ForeignKey(
        Appointment, on_delete=models.CASCADE, null=True, editable=False, related_name="waitlist_entries"
    )
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, null=True, editable=False, related_name="+")
    first_name = PlainTextField(max_length=100, blank=True, validators=[validate_name])
    last_name = PlainTextField(max_length=100, validators=[validate_name])
    email = EmailField("e-mail")
    phone = PlainTextField(max_length=32, blank=True, validators=[validate_printable])
    # The pseudonym of the address, the same for all the spellings that reach one mailbox.
    email_id = models.CharField(max_length=64, editable=False)
    network = models.CharField(max_length=64, blank=True, editable=False, help_text="Where the visitor has come from.")
    language = models.CharField(max_length=10, blank=True, editable=False)
    status = models.CharField(max_length=12, choices=Status, default=Status.UNCONFIRMED, editable=False)
    priority = models.SmallIntegerField(
        default=0,
        validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text="Higher comes first; of equals, who has waited longest.",
    )
    # Starts, as minutes since 1970, that were free when they joined and have been since: no news to them.
    known_starts = ArrayField(models.IntegerField(), default=list, editable=False)
    unanswered = models.PositiveSmallIntegerField("offers left unanswered", default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    waiting_since = models.DateTimeField(null=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-priority", "waiting_since", "created_at"]
        verbose_name = "waiting list entry"
        verbose_name_plural = "waiting list entries"
        indexes = [
            models.Index("service", name="waitlist_waiting", condition=Q(status="waiting")),
            models.Index("email_id", name="waitlist_email", condition=Q(status__in=["unconfirmed", "waiting"])),
            models.Index("network", "created_at", name="waitlist_network", condition=~Q(network="")),
        ]
        constraints = [
            models.CheckConstraint(
                name="waitlist_days_in_order", condition=Q(first_day=None) | Q(last_day__gte=F("first_day"))
            ),
            models.UniqueConstraint(
                "appointment",
                name="waitlist_once_for_appointment",
                condition=Q(status__in=["unconfirmed", "waiting"], appointment__isnull=False),
            ),
        ]

    def __str__(self):
        return f"{self.service}, until {self.last_day}"

    @property
    def name(self):
        return f"{self.first_name} {self.last_name}".strip()

    def is_over(self, today):
        return self.last_day < today


class WaitlistOffer(models.Model):
    """A freed time that is held for somebody who waits. The time is its hold's."""

    ONE_OFFER_AT_ONCE = ONE_OFFER_AT_ONCE

    class Outcome(models.TextChoices):
        OPEN = "open"
        BOOKED = "booked"
        DECLINED = "declined"
        UNANSWERED = "unanswered"

    entry_id: uuid.UUID
    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="offers")
    hold_id: uuid.UUID
    hold = models.OneToOneField(Hold, on_delete=models.CASCADE, related_name="waitlist_offer")
    email_id = models.CharField(max_length=64, editable=False)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    # Whether its time has been free, but for other offers, ever since: so many offers in a row are made of it.
    in_a_row = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index("hold", name="waitlist_offer_in_a_row", condition=Q(in_a_row=True))]
        constraints = [
            models.UniqueConstraint("email_id", name=ONE_OFFER_AT_ONCE, condition=Q(outcome="open")),
        ]

    def __str__(self):
        return f"{self.outcome}, made {self.created_at:%d %b %Y %H:%M}"


def get_part_of_day(hour: int) -> str:
    """Return the PartOfDay of an hour of local time."""
    if hour < 12:
        return WaitlistEntry.PartOfDay.MORNING
    return WaitlistEntry.PartOfDay.AFTERNOON if hour < 17 else WaitlistEntry.PartOfDay.EVENING
