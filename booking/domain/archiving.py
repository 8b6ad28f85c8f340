"""The verb that puts a patient's record away, with the visits that are not to take place."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from booking.domain import patients
from booking.domain.appointments import cancel
from booking.domain.contact_corrections import list_coming_visits
from booking.models import Appointment
from patients.models import ArchiveReason, Patient
from scheduling.slots import lock_clinicians


@transaction.atomic
def archive_with_visits(
    patient: Patient, *, reason: str, visits: Collection[UUID], actor: str, email: bool
) -> list[Appointment]:
    """Archive a patient, cancel those ``visits`` of theirs that are still to come, and return these.

    ``reason`` is an ArchiveReason. Their attendees are told unless ``email`` is false; nobody who has died is written
    to. Raises WrongState and ChangedMeanwhile.
    """
    chosen = list(list_coming_visits(patient.pk).filter(pk__in=visits))
    if chosen:
        lock_clinicians(*[visit.clinician_id for visit in chosen])
    for visit in chosen:
        cancel(
            visit,
            reason=Appointment.CancellationReason.OTHER,
            actor=actor,
            email=email and reason != ArchiveReason.DECEASED,
        )
    patients.archive(patient, actor=actor, reason=reason)
    return chosen
