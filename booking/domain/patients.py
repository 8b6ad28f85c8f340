"""Finding patients, writing them down, changing and merging them: as the patients app does, and written in the log."""

from django.db import transaction
from django.utils import timezone

from booking.domain.audit import record_event
from booking.models.enums import EventKind
from patients.matching import match_patient, merge_patients
from patients.models import Patient
from patients.records import PatientArchived, archive_patient, change_patient, register_patient, restore_patient

DETAILS = ["first_name", "last_name", "date_of_birth", "email", "phone", "nhs_number"]


@transaction.atomic(savepoint=False)
def find_or_register(patient, *, actor):
    """Return a saved Patient as it is, and for an unsaved, validated one the person it is: found or written down.

    Until the transaction ends nobody archives or merges it. Raises PatientArchived if somebody has. What belongs
    to patients, and is moved by a merge, is to be changed after this: a merge locks them first.
    """
    if not patient._state.adding:
        same = Patient.objects.select_for_update(no_key=True).filter(pk=patient.pk, archived_at=None)
        if not same.exists():
            raise PatientArchived
        return patient
    found = match_patient(patient)
    if found is patient:
        record_event(patient, EventKind.PATIENT_CREATED, actor=actor, at=timezone.now())
    return found


@transaction.atomic
def register(candidate, *, actor, allow_duplicate=False):
    """Write an unsaved, validated Patient down and return it; raises what register_patient does."""
    patient = register_patient(candidate, allow_duplicate=allow_duplicate)
    record_event(patient, EventKind.PATIENT_CREATED, actor=actor, at=timezone.now())
    return patient


@transaction.atomic
def change(patient_id, change, *, actor, expected_version=None):
    """Do and return what change_patient does; the log has only which details changed. Raises what it raises."""
    before, after = {}, {}

    def noted(patient):
        before.update({name: getattr(patient, name) for name in DETAILS})
        patient = change(patient)
        after.update({name: getattr(patient, name) for name in DETAILS})
        return patient

    patient = change_patient(patient_id, noted, expected_version=expected_version)
    if changed := [name for name in DETAILS if before[name] != after[name]]:
        record_event(patient, EventKind.PATIENT_UPDATED, actor=actor, at=timezone.now(), data={"changed": changed})
    return patient


@transaction.atomic
def archive(patient, *, actor):
    """Put a patient out of the way, so that new bookings no longer find them; return whether that was still to do."""
    is_changed = archive_patient(patient.pk)
    if is_changed:
        record_event(patient, EventKind.PATIENT_ARCHIVED, actor=actor, at=timezone.now())
    return is_changed


@transaction.atomic
def restore(patient, *, actor):
    """Take a patient out of the archive; return whether that was still to do."""
    is_changed = restore_patient(patient.pk) is not None
    if is_changed:
        record_event(patient, EventKind.PATIENT_RESTORED, actor=actor, at=timezone.now())
    return is_changed


@transaction.atomic
def merge(*, keep, duplicate, actor):
    """Merge ``duplicate`` into ``keep`` and return that; raises CannotMerge."""
    kept = merge_patients(keep=keep, duplicate=duplicate)
    record_event(kept, EventKind.PATIENT_MERGED, actor=actor, at=timezone.now(), data={"merged_id": str(duplicate.pk)})
    return kept
