"""Clinicians' time that is taken."""

from datetime import timedelta
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from scheduling.models.clinic import Clinician, Location

DAY = timedelta(days=1)
SLOT_NO_OVERLAP = "slot_no_overlap"  # a class body cannot see its own names inside Meta


class Slot(models.Model):
    """A stretch of one clinician's time that is taken, buffers included.

    No two of one clinician overlap: the database refuses the second, unless it ``is_double``: then staff know, and its
    appointment says why. A slot with ``expires_at`` stops counting then by itself; one without counts until it is
    deleted.
    """

    NO_OVERLAP = SLOT_NO_OVERLAP
    MAX_DURATION = DAY

    clinician_id: UUID
    location_id: UUID
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="slots", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="slots", db_index=False)
    # Two slots of one lane never overlap, and a slot that is not double overlaps none of either lane: a trigger sees to
    # what the constraint cannot. So at most two overlap, and the second is double: in lane 1, or in lane 0 over lane 1.
    lane = models.SmallIntegerField(default=0, db_default=0, editable=False)
    is_double = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Whether staff have knowingly put it over another."
    )
    period = DateTimeRangeField()
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["period"]
        constraints = [
            ExclusionConstraint(
                name=SLOT_NO_OVERLAP,
                expressions=[
                    ("clinician", RangeOperators.EQUAL),
                    ("lane", RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(name="slot_lane", condition=Q(lane__range=(0, 1))),
            models.CheckConstraint(name="slot_lane_1_is_double", condition=Q(lane=0) | Q(is_double=True)),
            # The length bounds how far availability/queries.py must read beyond a range.
            models.CheckConstraint(
                name="slot_is_bounded",
                condition=Q(
                    period__isempty=False,
                    period__lower_inf=False,
                    period__upper_inf=False,
                    period__endswith__lte=F("period__startswith") + DAY,
                ),
            ),
        ]
        indexes = [
            # One clinician's window costs the same at a thousand slots and at a million.
            models.Index(F("clinician"), Upper("period"), name="slot_clinician_end"),
            models.Index("expires_at", name="slot_expires_at", condition=Q(expires_at__isnull=False)),
        ]

    def __str__(self):
        return f"{self.clinician_id} {self.period.lower:%Y-%m-%d %H:%M}–{self.period.upper:%H:%M}"
