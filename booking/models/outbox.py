"""The outbox, and beat's heartbeats."""

import uuid

from django.db import models
from django.utils import timezone

from booking.models.webhooks import WebhookEndpoint


class OutboxMessage(models.Model):
    """A job to run after the commit, written in the transaction of its cause and run by a worker.

    One with an ``endpoint`` is the delivery of an event to it; its id is the delivery's webhook-id.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    endpoint_id: uuid.UUID | None
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries", db_index=False
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                "endpoint", "due_at", name="outbox_open_due", condition=models.Q(status__in=["waiting", "running"])
            ),
            # For queue.claim: the first due of each family.
            models.Index(
                models.Func("kind", models.Value("."), models.Value(1), function="split_part"),
                "due_at",
                name="outbox_family_due",
                condition=models.Q(endpoint__isnull=True, status__in=["waiting", "running"]),
            ),
            # For the relay's count of running messages, which are few.
            models.Index("due_at", name="outbox_running", condition=models.Q(status="running")),
            models.Index("created_at", name="outbox_settled", condition=models.Q(status__in=["done", "failed"])),
            models.Index(
                "endpoint", "created_at", name="outbox_deliveries", condition=models.Q(endpoint__isnull=False)
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.id}"


class Deliveries(models.Manager):
    def get_queryset(self):
        return super().get_queryset().exclude(endpoint=None)


class Delivery(OutboxMessage):
    """A message for a webhook endpoint."""

    objects = Deliveries()

    class Meta:
        proxy = True
        verbose_name_plural = "deliveries"

    def __str__(self):
        return f"{self.payload.get('type')} {self.id}"


class Heartbeat(models.Model):
    """The last time that a worker of a queue ran beat's heartbeat task: see booking.outbox.heartbeats."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seen_at = models.DateTimeField()

    def __str__(self):
        return self.seen_at.isoformat()
