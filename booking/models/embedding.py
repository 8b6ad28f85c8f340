"""The sites that show the patients' pages in a frame."""

import time
from uuid import UUID

from django.db import models

from booking.models.api import validate_origin
from scheduling.models import Location


class EmbeddingSite(models.Model):
    """A site that may frame the patients' pages, of one location or of all, beside those of WIDGET_FRAME_ANCESTORS."""

    origin = models.CharField(
        max_length=200, validators=[validate_origin], help_text="Such as https://www.clinic.example, without a path."
    )
    location_id: UUID | None
    location = models.ForeignKey(
        Location,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="embedding_sites",
        help_text="Leave it empty if the site may show every location.",
    )

    class Meta:
        ordering = ["origin"]
        constraints = [
            models.UniqueConstraint(
                "origin",
                "location",
                name="embedding_site_once",
                nulls_distinct=False,
                violation_error_message="This site is already listed for that location.",
            )
        ]

    def __str__(self):
        return self.origin


# Each page asks and nearly nothing changes it: each process reads them once in so many seconds.
MAX_AGE_SECONDS = 10
_read_last: tuple[float, list[tuple[str, str]]] | None = None


def list_embedding_sites() -> list[tuple[str, str]]:
    """Return (origin, location id or "") of each site, as it was up to ten seconds ago."""
    global _read_last
    if _read_last is None or time.monotonic() - _read_last[0] > MAX_AGE_SECONDS:
        rows = EmbeddingSite.objects.values_list("origin", "location_id")
        _read_last = time.monotonic(), [(origin, str(location_id or "")) for origin, location_id in rows]
    return _read_last[1]


def forget_embedding_sites() -> None:
    """Have the next page of this process read them anew."""
    global _read_last
    _read_last = None
