"""What stands between the clinic's times and whoever books them with invented names."""

import uuid

from django.db import models

from scheduling.lib.encrypted_field import EncryptedField
from scheduling.models import Location


class EmailAddress(models.Model):
    """An address that the clinic has written to, as its SHA-256: is it confirmed, and how many mails it got today."""

    address_hash = models.BinaryField(max_length=32, primary_key=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    sent_on = models.DateField(null=True, editable=False)
    sent = models.PositiveSmallIntegerField("sent that day", default=0, editable=False)

    class Meta:
        verbose_name_plural = "e-mail addresses"

    def __str__(self):
        return "confirmed" if self.confirmed_at else "not confirmed"


class ContactCode(models.Model):
    """A code that was asked for, to be sent to a contact on file, and what it proves once it is typed.

    A row is written whether anybody has that contact or not. The code is not stored: it is an HMAC of the row's id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Of the token in the address of the page that takes the code, and of the one that proves the contact then.
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    proof_hash = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    contact_hash = models.BinaryField(max_length=32, editable=False)
    details = EncryptedField(editable=False, help_text="The contact and the birth date that were typed.")
    network = models.CharField(max_length=64, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_index=True, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False, help_text="Null where nobody has that contact.")
    proved_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(editable=False, help_text="Of the code, and then of the proof.")

    def __str__(self):
        return f"until {self.expires_at:%H:%M}"


class SolvedChallenge(models.Model):
    """A proof of work that has been used: each is good for one hold."""

    challenge_hash = models.BinaryField(max_length=32, primary_key=True, editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)

    def __str__(self):
        return f"until {self.expires_at:%H:%M}"


class LocationActivity(models.Model):
    """How many bookings a day are usual at a location, from its last weeks: more than a multiple of it is not calm."""

    location = models.OneToOneField(
        Location, on_delete=models.CASCADE, primary_key=True, editable=False, related_name="activity"
    )
    bookings_per_day = models.PositiveIntegerField(editable=False)
    counted_at = models.DateTimeField(editable=False)

    def __str__(self):
        return f"{self.bookings_per_day} a day"
