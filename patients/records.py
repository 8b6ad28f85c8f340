"""Writing patients down and changing what is written, at the request of somebody who may see them."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from patients.matching import find_twin, list_near_matches
from patients.models import Consent, Patient
from scheduling.lib.constraints import get_violated_constraint


class PatientExists(Exception):
    """A record with the same names, birth date and e-mail exists: ``patient``."""

    message = _("A patient with these names, birth date and e-mail is written down already.")

    def __init__(self, patient):
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


@transaction.atomic
def register_patient(candidate, *, allow_duplicate=False):
    """Write an unsaved, validated Patient down and return it.

    Raises PatientExists for an exact twin, unless ``allow_duplicate``, or NhsNumberTaken; near matches are
    listed for staff.
    """
    twin = find_twin(candidate)
    if twin and not allow_duplicate:
        raise PatientExists(twin)
    _save(candidate)
    list_near_matches(candidate)
    return candidate


@transaction.atomic
def change_patient(patient_id, change, *, expected_version=None):
    """Apply ``change(patient)``, which returns the patient validated, to the row as it is now; returns it.

    Raises PatientChanged when its ``updated_at`` is no longer ``expected_version``, NhsNumberTaken, or
    Patient.DoesNotExist when there is none or it is archived.
    """
    patient = Patient.objects.select_for_update(no_key=True).get(pk=patient_id, archived_at=None)
    if expected_version not in (None, patient.updated_at):
        raise PatientChanged
    _save(change(patient))
    list_near_matches(patient)
    return patient


def archive_patient(patient_id):
    """Put a patient out of the way, so that new bookings no longer find them; return whether that was still to do."""
    patients, now = Patient.objects.filter(pk=patient_id, archived_at=None), timezone.now()
    return bool(patients.update(archived_at=now, updated_at=now))


@transaction.atomic
def restore_patient(patient_id):
    """Take a patient out of the archive and return them, or None if they are not in it; near matches are listed."""
    archived = Patient.objects.select_for_update(no_key=True).exclude(archived_at=None)
    patient = archived.filter(pk=patient_id).first()
    if patient:
        patient.archived_at = patient.merged_into = None
        patient.save(update_fields=["archived_at", "merged_into", "updated_at"])
        list_near_matches(patient)
    return patient


def withdraw_consent(consent):
    """Record that the patient no longer agrees, and return whether they still did. The record is kept."""
    given = Consent.objects.filter(pk=consent.pk, withdrawn_at=None)
    return bool(given.update(withdrawn_at=timezone.now()))


def _save(patient):
    try:
        with transaction.atomic():
            patient.save()
    except IntegrityError as error:
        if get_violated_constraint(error) == Patient.NHS_NUMBER_UNIQUE:
            raise NhsNumberTaken from error
        raise
