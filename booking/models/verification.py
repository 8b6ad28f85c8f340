"""What stands between the clinic's times and whoever books them with invented names."""

from django.db import models

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
