"""Clinicians' own wishes for time off."""

import uuid
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from scheduling.models.clinic import Clinician
from scheduling.models.hours import Dated, TimeOff


class TimeOffRequest(Dated):
    """Time that a clinician wants off, and what became of the wish. Approved, it is a TimeOff, for as long as that is.

    ``answer_seen_at`` is when the clinician first saw the answer.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        APPROVED = "approved", "approved"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "taken back"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician_id: UUID
    clinician = models.ForeignKey(Clinician, on_delete=models.CASCADE, related_name="time_off_requests")
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("to")
    reason = models.CharField(max_length=100, blank=True, help_text="For staff only.")
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True, help_text="What the clinician is told with the answer.")
    answer_seen_at = models.DateTimeField(null=True, editable=False)
    time_off = models.OneToOneField(
        TimeOff, on_delete=models.SET_NULL, null=True, editable=False, related_name="request"
    )

    class Meta:
        ordering = ["-starts_at"]
        verbose_name = "time off asked for"
        verbose_name_plural = "time off asked for"
        indexes = [models.Index("created_at", name="time_off_request_waiting", condition=Q(status="waiting"))]
        constraints = [
            models.CheckConstraint(
                name="time_off_request_end_after_start",
                condition=Q(ends_at__gt=F("starts_at")),
                violation_error_message="The end must be after the start.",
            ),
        ]

    def __str__(self):
        return f"{self.clinician} {self.starts_at:%Y-%m-%d}–{self.ends_at:%Y-%m-%d}"
