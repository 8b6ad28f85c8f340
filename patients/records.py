"""Register, change, archive and restore patients, for callers that may see them."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from patients.matching import find_identical_patient, list_near_matches
from patients.models import Consent, Patient
from scheduling.lib.constraints import get_violated_constraint


class PatientExists(Exception):
    """A record with the same names, birth date and e-mail exists: ``patient``."""

    message = _("A patient with these names, birth date and e-mail is written down already.")

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        super().__init__(str(patient.pk))


class PatientArchived(Exception):
    """The patient's record is archived, perhaps merged into another."""

    message = _("That patient's record is in the archive: it may have been merged with another.")


class PatientChanged(Exception):
    """The patient's version is no longer the one that the caller read."""

    message = _("The patient has been changed since you read it.")


class NhsNumberTaken(Exception):
    """The NHS number belongs to another patient."""

    message = _("Another patient has that NHS number.")


class ExternalIdTaken(Exception):
    """The external id belongs to another patient, perhaps one in the archive."""

    message = _("Another patient has that external_id.")


@transaction.atomic
def register_patient(candidate: Patient, *, allow_duplicate: bool = False) -> Patient:
    """Save an unsaved, validated Patient and return it. Lists near matches for staff.

    Raises NhsNumberTaken, ExternalIdTaken, or PatientExists for an identical patient unless ``allow_duplicate``.
    """
    existing = find_identical_patient(candidate)
    if existing and not allow_duplicate:
        raise PatientExists(existing)
    _save(candidate)
    list_near_matches(candidate)
    return candidate


@transaction.atomic
def change_patient(
    patient_id: UUID, change: Callable[[Patient], Patient], *, expected_version: datetime | None = None
) -> Patient:
    """Apply ``change``, which returns the patient validated, to the locked row, and return the patient.

    Raises PatientChanged if ``updated_at`` is no longer ``expected_version``, NhsNumberTaken, ExternalIdTaken, or
    Patient.DoesNotExist if the patient is missing or archived.
    """
    patient = Patient.objects.select_for_update(no_key=True).get(pk=patient_id, archived_at=None)
    if expected_version not in (None, patient.updated_at):
        raise PatientChanged
    _save(change(patient))
    list_near_matches(patient)
    return patient


def archive_patient(patient_id: UUID, *, reason: str = "") -> bool:
    """Archive a patient, so that new bookings do not find them; return False if they were archived already.

    ``reason`` is an ArchiveReason.
    """
    patients, now = Patient.objects.filter(pk=patient_id, archived_at=None), timezone.now()
    return bool(patients.update(archived_at=now, archive_reason=reason, updated_at=now))


@transaction.atomic
def restore_patient(patient_id: UUID) -> Patient | None:
    """Take a patient out of the archive and return them, or None if they are not in it. Lists near matches.

    Who is restricted or erased stays there.
    """
    archived = Patient.objects.select_for_update(no_key=True).exclude(archived_at=None)
    archived = archived.filter(restricted_at=None, erased_at=None)
    patient = archived.filter(pk=patient_id).first()
    if patient:
        patient.archived_at = patient.merged_into = None
        patient.archive_reason = ""
        patient.save(update_fields=["archived_at", "archive_reason", "merged_into", "updated_at"])
        list_near_matches(patient)
    return patient


def withdraw_consent(consent: Consent) -> bool:
    """Mark a consent as withdrawn, and return False if it was already. Keeps the record."""
    given = Consent.objects.filter(pk=consent.pk, withdrawn_at=None)
    return bool(given.update(withdrawn_at=timezone.now()))


def _save(patient):
    try:
        with transaction.atomic():
            patient.save()
    except IntegrityError as error:
        constraint = get_violated_constraint(error)
        if constraint == Patient.NHS_NUMBER_UNIQUE:
            raise NhsNumberTaken from error
        if constraint == Patient.EXTERNAL_ID_UNIQUE:
            raise ExternalIdTaken from error
        raise
