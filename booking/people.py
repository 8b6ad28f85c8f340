"""Finding patients, writing them down and merging them, so that those who listen are told."""

from django.db import transaction
from django.utils import timezone

from patients.matching import match_patient, merge_patients
from patients.models import Patient
from patients.records import register_patient

from .events import record
from .states import ChangedMeanwhile


@transaction.atomic(savepoint=False)
def find_or_register(patient, *, by):
    """Return a saved Patient as it is, and for an unsaved, validated one the person it is: found or written down.

    Until the transaction ends nobody archives or merges it. Raises ChangedMeanwhile if somebody just has. What
    belongs to patients, and is moved by a merge, is to be changed after this: a merge locks them first.
    """
    if not patient._state.adding:
        same = Patient.objects.select_for_update(no_key=True).filter(pk=patient.pk, archived_at=None)
        if not same.exists():
            raise ChangedMeanwhile
        return patient
    found = match_patient(patient)
    if found is patient:
        record(patient, "patient.created", by=by, at=timezone.now())
    return found


@transaction.atomic
def register(candidate, *, by, allow_duplicate=False):
    """Write an unsaved, validated Patient down and return it; raises what register_patient does."""
    patient = register_patient(candidate, allow_duplicate=allow_duplicate)
    record(patient, "patient.created", by=by, at=timezone.now())
    return patient


@transaction.atomic
def merge(*, keep, duplicate, by):
    """Merge ``duplicate`` into ``keep`` and return that; raises CannotMerge."""
    kept = merge_patients(keep=keep, duplicate=duplicate)
    record(kept, "patient.merged", by=by, at=timezone.now(), data={"merged_id": str(duplicate.pk)})
    return kept
