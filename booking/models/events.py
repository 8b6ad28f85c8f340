"""The log of what happened."""

from django.db import models


class Event(models.Model):
    """Something that happened to a booking, an order, a patient or a location: the audit trail.

    Append-only, by a trigger in the database.
    A hold and its appointment share one id, so one ``sequence`` tells the whole story of a booking.
    ``data`` has ids, times and reasons, never a patient's values.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    booking_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint("booking_id", "sequence", name="event_sequence")]

    def __str__(self):
        return self.kind
