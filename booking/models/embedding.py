"""The sites that show the patients' pages in a frame."""

from uuid import UUID

from django.db import models

from booking.models.api import validate_origin
from scheduling.lib.recent_results import RecentResults
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


# Each page asks and nearly nothing changes it.
recent_sites = RecentResults[list[tuple[str, str]]](max_age=10)


def list_embedding_sites() -> list[tuple[str, str]]:
    """Return (origin, location id or "") of each site, as it was up to ten seconds ago."""
    return recent_sites.get(_read_sites)


def get_last_embedding_sites() -> list[tuple[str, str]]:
    """Return the sites that this process has read last, without asking the database: it may be away."""
    return recent_sites.get_last() or []


def _read_sites():
    rows = EmbeddingSite.objects.values_list("origin", "location_id")
    return [(origin, str(location_id or "")) for origin, location_id in rows]
