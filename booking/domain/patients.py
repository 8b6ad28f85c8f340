"""The verbs of a patient, as the patients app has them, with their events."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from booking.domain.audit import record_event
from booking.domain.transitions import ChangedMeanwhile
from booking.models.enums import EventKind
from patients.matching import find_identical_patient, find_identical_patient_later, save_new_patient
from patients.merging import UndoneMerge, merge_patients, undo_merge
from patients.models import Patient
from patients.records import PatientArchived, archive_patient, change_patient, register_patient, restore_patient
from scheduling.lib.pipelined_postgresql import execute_later, execute_unsent

DETAILS = [
    "first_name",
    "last_name",
    "date_of_birth",
    "email",
    "phone",
    "contact_name",
    "relation",
    "nhs_number",
    "external_id",
    "metadata",
]


@transaction.atomic(savepoint=False)
def find_or_register(patient: Patient, *, actor: str, in_equal_time: bool = False) -> Patient:
    """Lock and return a saved Patient; match an unsaved, validated one with a known person, or save it.

    ``in_equal_time`` does the same work for a known person as for a new one: a visitor must not learn which they are.
    Nobody can archive or merge the patient until the transaction ends. Raises PatientArchived. Change what belongs
    to the patient only after this call: a merge, which moves it, locks the patients first.
    """
    if in_equal_time and patient._state.adding:
        return _find_or_register_in_equal_time(patient, actor=actor)
    return find_known_later(patient)() or register_unknown(patient, actor=actor)


LOCK_PATIENT = "SELECT FROM patients_patient WHERE id = %s AND archived_at IS NULL FOR NO KEY UPDATE"


def find_known_later(patient: Patient) -> Callable[[], Patient | None]:
    """Have a saved Patient locked, or an unsaved one looked for, with the next statement; return a function for them.

    Whom that does not find may be registered, in the same transaction, with register_unknown. It raises
    PatientArchived.
    """
    if patient._state.adding:
        return find_identical_patient_later(patient)
    locked = execute_later(LOCK_PATIENT, [patient.pk])

    def find():
        if locked.fetchone() is None:
            raise PatientArchived
        return patient

    return find


def register_unknown(candidate: Patient, *, actor: str) -> Patient:
    """Save and return an unsaved, validated Patient whom find_known_later has not found."""
    save_new_patient(candidate)
    record_event(candidate, EventKind.PATIENT_CREATED, actor=actor, at=timezone.now())
    return candidate


class _Known(Exception):
    """Undoes the registration of a known person."""


def _find_or_register_in_equal_time(candidate, *, actor):
    found = find_identical_patient(candidate)
    with suppress(_Known), transaction.atomic():
        register_unknown(candidate, actor=actor)
        execute_unsent()  # in either case: what is undone must have been done
        if found:
            raise _Known
    candidate._state.adding = found is not None
    return found or candidate


def lock_patient(patient_id: UUID) -> None:
    """Lock the patient of a booking; raises ChangedMeanwhile if a merge has just moved it to another."""
    if not Patient.objects.select_for_update(no_key=True).filter(pk=patient_id, merged_into=None).exists():
        raise ChangedMeanwhile


@transaction.atomic
def register(candidate: Patient, *, actor: str, allow_duplicate: bool = False, is_announced: bool = True) -> Patient:
    """Save an unsaved, validated Patient and return it; raises what register_patient raises.

    Other systems are told unless ``is_announced`` is false.
    """
    patient = register_patient(candidate, allow_duplicate=allow_duplicate)
    record_event(patient, EventKind.PATIENT_CREATED, actor=actor, at=timezone.now(), is_announced=is_announced)
    return patient


@transaction.atomic
def change(
    patient_id: UUID,
    change: Callable[[Patient], Patient],
    *,
    actor: str,
    expected_version: datetime | None = None,
) -> Patient:
    """Change a patient as change_patient does; the event names which details changed, not their values."""
    before, after = {}, {}

    def compare(patient):
        before.update(_read_details(patient))
        patient = change(patient)
        after.update(_read_details(patient))
        return patient

    patient = change_patient(patient_id, compare, expected_version=expected_version)
    if changed := [name for name in DETAILS if before[name] != after[name]]:
        record_event(patient, EventKind.PATIENT_UPDATED, actor=actor, at=timezone.now(), data={"changed": changed})
    return patient


def _read_details(patient):
    return {name: getattr(patient, name) for name in DETAILS} | {"phone": patient.phone_with_extension}


@transaction.atomic
def archive(patient: Patient, *, actor: str, reason: str = "") -> bool:
    """Archive a patient, so that new bookings no longer match them; return False if they were archived already.

    ``reason`` is an ArchiveReason.
    """
    is_changed = archive_patient(patient.pk, reason=reason)
    if is_changed:
        data = {"reason": reason} if reason else {}
        record_event(patient, EventKind.PATIENT_ARCHIVED, actor=actor, at=timezone.now(), data=data)
    return is_changed


@transaction.atomic
def restore(patient: Patient, *, actor: str) -> bool:
    """Take a patient out of the archive; return False if they were not in it."""
    is_changed = restore_patient(patient.pk) is not None
    if is_changed:
        record_event(patient, EventKind.PATIENT_RESTORED, actor=actor, at=timezone.now())
    return is_changed


@transaction.atomic
def merge(*, keep: Patient, duplicate: Patient, actor: str) -> Patient:
    """Merge ``duplicate`` into ``keep``, and return the latter; raises CannotMerge."""
    remaining = merge_patients(keep=keep, duplicate=duplicate)
    record_event(
        remaining, EventKind.PATIENT_MERGED, actor=actor, at=timezone.now(), data={"merged_id": str(duplicate.pk)}
    )
    return remaining


@transaction.atomic
def unmerge(duplicate: Patient, *, actor: str) -> UndoneMerge:
    """Undo the merge that has archived ``duplicate``, and return both records; raises CannotUndoMerge."""
    undone, now = undo_merge(duplicate.pk), timezone.now()
    data = {"merged_id": str(undone.restored.pk)}
    record_event(undone.kept, EventKind.PATIENT_UNMERGED, actor=actor, at=now, data=data)
    record_event(undone.restored, EventKind.PATIENT_RESTORED, actor=actor, at=now)
    return undone
