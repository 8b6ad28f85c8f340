"""Finding a patient again: the same person is found, a similar one is only shown to staff."""

import hashlib

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from patients.models import Consent, Patient, PossibleDuplicate
from patients.text import normalize_name


class CannotMerge(Exception):
    """These two records cannot be merged: one is archived, or their NHS numbers say that they are two people."""


@transaction.atomic(savepoint=False)
def match_patient(candidate):
    """Return the patient that ``candidate``, an unsaved and validated Patient, is: found or saved.

    The same normalized names, birth date and e-mail are the same person; see find_twin for those of whom
    not all three are known. A found record stays as it is: a stranger who knows them cannot change it.
    Near matches are listed for staff.
    """
    found = find_twin(candidate)
    if found:
        return found
    candidate.save(force_insert=True)
    list_near_matches(candidate)
    return candidate


# By hand, like what follows: every booking asks, and the ORM takes longer to build it than PostgreSQL to answer.
# Locked, so that a merge that archives one of them meanwhile is waited for; in its order, so that neither waits
# for the other.
NAMESAKES = f"""
    SELECT {", ".join(field.column for field in Patient._meta.concrete_fields)} FROM patients_patient
     WHERE archived_at IS NULL AND normalized_name = %s AND email = %s
     ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 names of our own


def find_twin(candidate):
    """Return the patient with ``candidate``'s names, birth date and e-mail, or None.

    Without a birth date names and e-mail are enough, unless two people share them; without an e-mail nobody
    is found. Until the transaction ends nobody else finds or makes the same person, so a twin is made only
    once.
    """
    if not candidate.email:
        return None
    name = normalize_name(candidate.first_name, candidate.last_name)
    _lock_identity(name, candidate.email)
    namesakes = sorted(Patient.objects.raw(NAMESAKES, [name, candidate.email]), key=lambda patient: patient.created_at)
    twins = [patient for patient in namesakes if patient.date_of_birth == candidate.date_of_birth]
    is_one_person = len({patient.date_of_birth for patient in namesakes}) == 1
    if not twins and candidate.date_of_birth is None and is_one_person:
        twins = namesakes
    return twins[0] if twins else None


def _lock_identity(name, email):
    # There is no row to lock yet, so the lock is on a number made of what identifies the person.
    identity = f"{name}\n{email}".encode()
    key = int.from_bytes(hashlib.sha256(identity).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


# Two of the three are the same. What is missing is given as null: it is the same as nothing.
LIST_NEAR_MATCHES = """
    INSERT INTO patients_possibleduplicate (patient_id, other_id, reason, found_at)
    SELECT near.id, %(id)s,
           'same ' || concat_ws(' and ',
               CASE WHEN normalized_name = %(name)s THEN 'name' END,
               CASE WHEN date_of_birth = %(born)s THEN 'birth date' END,
               CASE WHEN email = %(email)s THEN 'e-mail' END),
           clock_timestamp()
      FROM patients_patient AS near
     WHERE archived_at IS NULL AND id <> %(id)s
       AND (date_of_birth = %(born)s AND normalized_name = %(name)s
            OR date_of_birth = %(born)s AND email = %(email)s
            OR normalized_name = %(name)s AND email = %(email)s)
       AND NOT EXISTS (SELECT FROM patients_possibleduplicate WHERE patient_id = %(id)s AND other_id = near.id)
     LIMIT 20
        ON CONFLICT DO NOTHING
"""


def list_near_matches(patient):
    """List for staff the records that may be this saved patient too; what is listed already stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            LIST_NEAR_MATCHES,
            {
                "id": patient.pk,
                "name": patient.normalized_name or None,
                "born": patient.date_of_birth,
                "email": patient.email or None,
            },
        )


@transaction.atomic
def merge_patients(*, keep, duplicate):
    """Give everything that points at ``duplicate`` to ``keep`` and archive it; returns ``keep``.

    Blank details of ``keep`` are filled from the duplicate; none is overwritten. Raises CannotMerge.
    """
    # In primary-key order, so that two merges of one pair wait for each other.
    locked = {
        patient.pk: patient
        for patient in Patient.objects.select_for_update(no_key=True)
        .filter(pk__in=[keep.pk, duplicate.pk])
        .order_by("pk")
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
    for name in ("date_of_birth", "email", "phone", "nhs_number"):
        setattr(keep, name, getattr(keep, name) or getattr(duplicate, name))
    duplicate.nhs_number, duplicate.archived_at, duplicate.merged_into = "", timezone.now(), keep
    duplicate.save()
    keep.save()
    return keep


def agree(patient, purpose, *, at):
    """Record that the patient agreed to ``purpose`` (a Consent.Purpose); once is enough."""
    Consent.objects.bulk_create([Consent(patient=patient, purpose=purpose, given_at=at)], ignore_conflicts=True)
