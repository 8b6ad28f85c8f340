"""Visits whose time the clinic can no longer keep, the times that their patients are offered, and what staff do."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from booking.models.bookings import Appointment, Hold
from patients.fields import PlainLinesField, PlainTextField
from patients.text import validate_printable


class StrandedVisit(models.Model):
    """A coming visit that the clinic's own doing has left without its time. It stays marked until it is settled."""

    class Cause(models.TextChoices):
        AWAY = "away", "the clinician is away"
        CLOSED = "closed", "the location is closed"
        HOLIDAY = "holiday", "it is a holiday there"
        HOURS = "hours", "outside the clinician’s hours"
        CLINICIAN = "clinician", "the clinician is no longer offered"
        LOCATION = "location", "the location is no longer offered"
        PATIENT = "patient", "the patient is archived"
        ZONE = "zone", "it shows another local time"

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "the patient took another time"
        MOVED = "moved", "moved"
        CANCELLED = "cancelled", "cancelled"
        LEFT_AS_IT_IS = "kept", "stays as it is"
        GONE = "gone", "its time is good again"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    appointment_id: uuid.UUID
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="stranded_visits")
    cause = models.CharField(max_length=9, choices=Cause)
    since = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True, default="")
    settled_by = models.CharField(max_length=64, blank=True, default="", help_text="The actor.")
    reason = PlainTextField(max_length=500, blank=True, default="", help_text="Why it stays as it is.")
    message = PlainLinesField(max_length=2000, blank=True, default="", help_text="What its patient is told.")

    class Meta:
        ordering = ["since"]
        default_permissions = ()
        permissions = [("settle_strandedvisit", "Can say that a clinician is ill, and settle stranded visits")]
        constraints = [
            models.UniqueConstraint("appointment", name="stranded_once", condition=Q(settled_at=None)),
            models.CheckConstraint(
                name="stranded_settled_with_outcome",
                condition=Q(settled_at=None, outcome="") | (Q(settled_at__isnull=False) & ~Q(outcome="")),
            ),
        ]

    def __str__(self):
        return self.Outcome(self.outcome).label if self.outcome else self.Cause(self.cause).label


class StrandedOffer(models.Model):
    """A time that is held for the patient of a stranded visit. What became of it is its hold's status."""

    visit_id: uuid.UUID
    visit = models.ForeignKey(StrandedVisit, on_delete=models.CASCADE, related_name="offers")
    hold_id: uuid.UUID
    hold = models.OneToOneField(Hold, on_delete=models.CASCADE, related_name="stranded_offer")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "pk"]
        default_permissions = ()

    def __str__(self):
        return f"made {self.created_at:%d %b %Y %H:%M}"


class StrandedPlan(models.Model):
    """What staff mean to do with some stranded visits, as it was shown to them: a step for each visit."""

    class Action(models.TextChoices):
        OFFER = "offer", "offer other times"
        MOVE = "move", "move to another clinician"
        CANCEL = "cancel", "cancel"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=6, choices=Action)
    actor = models.CharField(max_length=64)
    by_email = models.BooleanField(default=True)
    by_text = models.BooleanField(default=False)
    reason = models.CharField(max_length=24, choices=Appointment.CancellationReason, blank=True, default="")
    message = PlainLinesField(max_length=2000, blank=True, default="", validators=[validate_printable])
    wish = models.JSONField(default=dict, help_text="Which openings were looked for.")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ()

    def __str__(self):
        return f"{self.Action(self.action).label}, {self.created_at:%d %b %Y %H:%M}"


class StrandedStep(models.Model):
    """What a plan does with one visit, and what came of it."""

    class Outcome(models.TextChoices):
        PLANNED = "planned", "to be done"
        DONE = "done", "done"
        NOT_DONE = "not_done", "not done"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan_id: uuid.UUID
    plan = models.ForeignKey(StrandedPlan, on_delete=models.CASCADE, related_name="steps")
    visit_id: uuid.UUID
    visit = models.ForeignKey(StrandedVisit, on_delete=models.CASCADE, related_name="steps")
    # [{"clinician_id": …, "location_id": …, "is_remote": …, "starts_at": …}]: to offer, or the one to move to.
    openings = models.JSONField(default=list)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.PLANNED)
    detail = models.CharField(max_length=300, blank=True, default="", help_text="What was done, or why not.")

    class Meta:
        ordering = ["visit__appointment__starts_at", "pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint("plan", "visit", name="stranded_step_once")]

    def __str__(self):
        return self.Outcome(self.outcome).label
