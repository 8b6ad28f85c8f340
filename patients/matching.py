"""Finding a patient again: the same person is found, a similar one is only shown to staff."""

import hashlib

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from .models import Consent, Patient, PossibleDuplicate
from .text import normalize_name


class CannotMerge(Exception):
    """These two records cannot be merged: one is archived, or their NHS numbers say that they are two people."""


@transaction.atomic(savepoint=False)
def match_patient(candidate):
    """Return the patient that ``candidate``, an unsaved and validated Patient, is: found or saved.

    The same normalized names, birth date and e-mail are the same person. A found record stays as it
    is: a stranger who knows those three cannot change it. Near matches are listed for staff.
    """
    found = find_twin(candidate)
    if found:
        return found
    candidate.save(force_insert=True)
    list_near_matches(candidate)
    return candidate


def find_twin(candidate):
    """Return the patient with ``candidate``'s names, birth date and e-mail, or None.

    Until the transaction ends nobody else finds or makes the same person, so a twin is made only once.
    """
    name = normalize_name(candidate.first_name, candidate.last_name)
    _lock_identity(name, candidate)
    twins = Patient.objects.filter(
        archived_at=None, normalized_name=name, date_of_birth=candidate.date_of_birth, email=candidate.email
    )
    # Locked, so that a merge that archives it meanwhile is waited for.
    return twins.select_for_update(no_key=True).order_by("created_at").first()


def _lock_identity(name, candidate):
    # There is no row to lock yet, so the lock is on a number made of what identifies the person.
    identity = f"{name}\n{candidate.date_of_birth}\n{candidate.email}".encode()
    key = int.from_bytes(hashlib.sha256(identity).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def list_near_matches(patient):
    """List for staff the records that may be this saved patient too; what is listed already stays as it is."""
    same_name = Q(normalized_name=patient.normalized_name)
    same_birth = Q(date_of_birth=patient.date_of_birth)
    same_email = Q(email=patient.email)
    near = Patient.objects.filter(archived_at=None).exclude(pk=patient.pk)
    near = near.exclude(pk__in=PossibleDuplicate.objects.filter(patient=patient).values("other"))
    near = near.filter(same_birth & (same_name | same_email) | same_email & same_name)[:20]
    PossibleDuplicate.objects.bulk_create(
        [PossibleDuplicate(patient=other, other=patient, reason=_reason(patient, other)) for other in near],
        ignore_conflicts=True,
    )


def _reason(patient, other):
    same = [
        word
        for word, attribute in [("name", "normalized_name"), ("birth date", "date_of_birth"), ("e-mail", "email")]
        if getattr(patient, attribute) == getattr(other, attribute)
    ]
    return "same " + " and ".join(same)


@transaction.atomic
def merge_patients(*, keep, duplicate):
    """Give everything that points at ``duplicate`` to ``keep`` and archive it; returns ``keep``.

    Blank details of ``keep`` are filled from the duplicate; none is overwritten. Raises CannotMerge.
    """
    # In primary-key order, so that two merges of one pair wait for each other.
    locked = {
        patient.pk: patient
        for patient in Patient.objects.select_for_update().filter(pk__in=[keep.pk, duplicate.pk]).order_by("pk")
    }
    keep, duplicate = locked[keep.pk], locked[duplicate.pk]
    numbers = {keep.nhs_number, duplicate.nhs_number} - {""}
    # Whoever waited for the lock may find that the other one merged the pair the other way round.
    if keep == duplicate or keep.archived_at or duplicate.archived_at or len(numbers) > 1:
        raise CannotMerge
    PossibleDuplicate.objects.filter(Q(patient=duplicate) | Q(other=duplicate)).delete()
    for consent in duplicate.consents.filter(withdrawn_at=None):
        agree(keep, consent.purpose, at=consent.given_at)
    duplicate.consents.filter(withdrawn_at=None).delete()  # those withdrawn move with the rest, as a record
    for relation in Patient._meta.related_objects:  # whoever points at patients, without knowing them
        if relation.related_model is not PossibleDuplicate:
            relation.related_model._base_manager.filter(**{relation.field.name: duplicate}).update(
                **{relation.field.name: keep}
            )
    phone, nhs_number = duplicate.phone, duplicate.nhs_number
    duplicate.nhs_number, duplicate.archived_at = "", timezone.now()
    duplicate.save()
    keep.phone, keep.nhs_number = keep.phone or phone, keep.nhs_number or nhs_number
    keep.save()
    return keep


def agree(patient, purpose, *, at):
    """Record that the patient agreed to ``purpose`` (a Consent.Purpose); once is enough."""
    Consent.objects.bulk_create([Consent(patient=patient, purpose=purpose, given_at=at)], ignore_conflicts=True)
