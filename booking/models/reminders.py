"""Reminders of appointments."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from booking.models.bookings import Appointment


class Reminder(models.Model):
    """A message that reminds of a visit. Its id is that of its OutboxMessage too, and so of the e-mail or text.

    It is for the time that the visit had when it was written: if that changes, what was not sent is written anew.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        TEXT = "sms", "text message"

    class Status(models.TextChoices):
        WAITING = "waiting", "is to be sent"
        QUEUED = "queued", "is being sent"
        SENT = "sent", "sent"
        SKIPPED = "skipped", "not sent"

    class SkipReason(models.TextChoices):
        NOT_CONFIRMED = "not_confirmed", "the visit is not confirmed"
        TOO_LATE = "too_late", "it would have come too late"
        NO_CONSENT = "no_consent", "the patient has not asked for reminders"
        NO_CONTACT = "no_contact", "there is no address or number to send it to"
        UNVERIFIED = "unverified", "nobody has proved that the number is theirs"
        LIMIT = "limit", "the address or number has had too many messages that day"
        IMPOSSIBLE = "impossible", "no text can be sent to that number"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    appointment_id: uuid.UUID
    # reminder_once has an index that begins with it.
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="reminders", db_index=False)
    channel = models.CharField(max_length=5, choices=Channel)
    due_at = models.DateTimeField()
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING, db_default=Status.WAITING)
    skip_reason = models.CharField(max_length=13, choices=SkipReason, blank=True, default="", db_default="")
    settled_at = models.DateTimeField(null=True, help_text="When it was sent, or skipped.")
    # Of the short link in a text; the link itself is derived.
    link_hash = models.BinaryField(max_length=32, null=True, unique=True)

    class Meta:
        ordering = ["due_at", "channel"]
        indexes = [models.Index("due_at", name="reminder_due", condition=Q(status="waiting"))]
        constraints = [models.UniqueConstraint("appointment", "channel", "due_at", name="reminder_once")]

    def __str__(self):
        return f"{self.Channel(self.channel).label}, {self.Status(self.status).label}"


class TextMessage(models.Model):
    """A text message (SMS) and how far it got. Its id is that of its OutboxMessage; its words are not kept."""

    class Purpose(models.TextChoices):
        REMINDER = "reminder", "reminder"
        CODE = "code", "code"
        OFFER = "offer", "offer of a free time"
        TEST = "test", "test"

    class Status(models.TextChoices):
        QUEUED = "queued", "waits to be sent"
        SENT = "sent", "handed to the gateway"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "not delivered"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    appointment_id: uuid.UUID | None
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, null=True, related_name="text_messages")
    purpose = models.CharField(max_length=8, choices=Purpose)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED, db_default=Status.QUEUED)
    gateway_id = models.CharField(max_length=100, blank=True, default="", db_default="")
    error = models.CharField(max_length=100, blank=True, default="", db_default="", help_text="The gateway's code.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index("created_at", name="text_message_created")]

    def __str__(self):
        return f"{self.Purpose(self.purpose).label}: {self.Status(self.status).label}"


class PhoneNumber(models.Model):
    """A number that the clinic may text, as its HMAC: is it confirmed, and how many texts it got today."""

    number_hash = models.BinaryField(max_length=32, primary_key=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    sent_on = models.DateField(null=True, editable=False)
    sent = models.PositiveSmallIntegerField("sent that day", default=0, db_default=0, editable=False)

    def __str__(self):
        return "confirmed" if self.confirmed_at else "not confirmed"
