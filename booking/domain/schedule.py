"""The verbs of hours and time off: those that API clients have, and the week that staff edit. Bookings stay booked."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from booking.domain.transitions import ChangedMeanwhile, lock_row
from scheduling.models import ExtraHours, TimeOff, WorkingHours
from scheduling.overlapping_hours import check_overlap
from scheduling.schedule_changes import mark_schedule_changed
from scheduling.slots import lock_clinician

R = TypeVar("R", WorkingHours, ExtraHours, TimeOff)


@transaction.atomic
def add_to_schedule(row: R) -> None:
    """Save a new row, which is validated already; raises OverlappingHours."""
    _save(row)


@transaction.atomic
def change_schedule(row: R, change: Callable[[R], R], *, expected_version: datetime | None = None) -> None:
    """Lock and refresh ``row`` and save what ``change`` makes of it.

    Raises ChangedMeanwhile, OverlappingHours, and DoesNotExist if it was deleted.
    """
    if not isinstance(row, TimeOff):
        lock_clinician(row.clinician.pk)  # before the row, as in admin
    lock_row(row, expected_version=expected_version)
    _save(change(row))


@transaction.atomic
def remove_from_schedule(row: R, *, expected_version: datetime | None = None) -> None:
    """Delete a row; raises ChangedMeanwhile, and DoesNotExist if it was deleted."""
    lock_row(row, expected_version=expected_version)
    row.delete()
    mark_schedule_changed()


def get_hours_version(clinician_id: UUID) -> str:
    """Return a hash that is another one after any change of the clinician's hours."""
    versions = [
        f"{model.__name__} {pk} {updated_at.isoformat()}"
        for model in (WorkingHours, ExtraHours)
        for pk, updated_at in model.objects.filter(clinician=clinician_id)
        .order_by("pk")
        .values_list("pk", "updated_at")
    ]
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()


@transaction.atomic
def replace_hours(
    clinician_id: UUID,
    *,
    saved: Iterable[WorkingHours | ExtraHours],
    removed: Iterable[WorkingHours | ExtraHours],
    expected_version: str,
) -> None:
    """Save and remove rows of a clinician's hours, all or none; they are validated against that version.

    Raises ChangedMeanwhile if it is no longer the hours' version.
    """
    lock_clinician(clinician_id)
    if get_hours_version(clinician_id) != expected_version:
        raise ChangedMeanwhile
    for row in removed:
        row.delete()
    for row in saved:
        row.save()
    mark_schedule_changed()


def _save(row):
    if not isinstance(row, TimeOff):
        lock_clinician(row.clinician.pk)  # so that of two rows that overlap the second finds the first
        others = [
            other
            for model in (WorkingHours, ExtraHours)
            for other in model.objects.filter(clinician=row.clinician).select_related("location")
            if other != row
        ]
        check_overlap(row, others)
    row.save()
    mark_schedule_changed()
