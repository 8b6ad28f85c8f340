"""Private calendar feeds."""

from django.db import models
from django.utils import timezone

from scheduling.models import Clinician


class CalendarFeed(models.Model):
    """A private address from which a clinician's calendar reads appointments; its token is shown once."""

    clinician = models.OneToOneField(Clinician, on_delete=models.CASCADE, primary_key=True, related_name="feed")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # The ETag and Last-Modified of the last response, for conditional requests.
    etag = models.CharField(max_length=64, blank=True, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    last_read_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["clinician__name"]

    def __str__(self):
        return f"Feed of {self.clinician}"
