"""The audit trail."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from booking.models.fields import TransactionIdField


class Event(models.Model):
    """An event of a booking, an order, a patient, a location or a wish of the waiting list.

    Append-only, by a trigger in the database.
    A hold and its appointment are one booking with one id, so one ``sequence`` tells its whole story.
    ``data`` has ids, times and reasons, never a patient's values.
    """

    class SubjectType(models.TextChoices):
        BOOKING = "booking"
        PATIENT = "patient"
        ORDER = "order"
        LOCATION = "location"
        WAITLIST = "waitlist"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=10, choices=SubjectType)
    subject_id = models.UUIDField()
    # Where it happened: pages that show a location ask whether anything has. Null for what has no place.
    location_id = models.UUIDField(null=True)
    sequence = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    data = models.JSONField(default=dict)
    # What other systems are told of its subject, as it was then, without the sequence. Null for a kind that is not
    # announced, and where an earlier release wrote the event.
    announcement = models.JSONField(null=True)
    # Ids are assigned before the commit, so a reader may see 8 before 7. A reader that stops at the oldest open
    # transaction misses none.
    transaction_id = TransactionIdField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index("transaction_id", "id", name="event_feed"),
            # Events are appended in the order of time, nearly: a few kilobytes find a day, and a booking pays nothing.
            BrinIndex("created_at", name="event_created", autosummarize=True),
            models.Index("location_id", "transaction_id", "id", name="event_of_location"),
            # What one member of staff has done, newest first. Who books pays nothing for it.
            models.Index("actor", "id", name="event_of_staff", condition=Q(actor__startswith="staff:")),
            # For booking.domain.figures: how late visits are cancelled.
            models.Index("subject_id", "created_at", name="event_cancelled", condition=Q(kind="appointment.cancelled")),
        ]
        constraints = [models.UniqueConstraint("subject_id", "sequence", name="event_sequence")]

    def __str__(self):
        return self.kind
