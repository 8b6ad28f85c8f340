"""The verb that puts a patient's record away, with the visits that are not to take place."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from booking.domain import patients
from booking.domain.appointments import cancel
from booking.domain.contact_corrections import list_coming_visits
from booking.domain.stranded_visits import Stranding, mark
from booking.models import Appointment, StrandedVisit
from patients.models import ArchiveReason, Patient
from scheduling.slots import lock_clinicians


@transaction.atomic
def archive_with_visits(
    patient: Patient, *, reason: str, visits: Collection[UUID], actor: str, email: bool
) -> list[Appointment]:
    """Archive a patient, cancel those ``visits`` of theirs that are still to come, and return these.

    The other visits are stranded until somebody settles them. ``reason`` is an ArchiveReason. Who comes to those
    cancelled is told unless ``email`` is false; nobody who has died is written to. Raises WrongState and
    ChangedMeanwhile.
    """
    coming = list(list_coming_visits(patient.pk))
    chosen = [visit for visit in coming if visit.pk in set(visits)]
    if coming:
        lock_clinicians(*[visit.clinician_id for visit in coming])
    for visit in chosen:
        cancel(
            visit,
            reason=Appointment.CancellationReason.OTHER,
            actor=actor,
            email=email and reason != ArchiveReason.DECEASED,
        )
    patients.archive(patient, actor=actor, reason=reason)
    left = [visit for visit in coming if visit not in chosen]
    mark([Stranding(visit, StrandedVisit.Cause.PATIENT) for visit in left], actor=actor)
    return chosen
