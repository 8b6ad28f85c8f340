"""Match patients: find the same person again, and list similar ones for staff."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from patients.models import Consent, Patient
from patients.text import list_umlaut_spellings, normalize_name
from scheduling.lib.compiled_queries import insert, list_columns, read_rows
from scheduling.lib.pipelined_postgresql import execute_later, write_later

MAX_NEAR_MATCHES = 20  # of one patient


@transaction.atomic(savepoint=False)
def match_patient(candidate: Patient) -> Patient:
    """Return the patient that equals ``candidate``, an unsaved and validated Patient, or save the candidate.

    Equal normalized names, birth date and e-mail mean the same person; find_identical_patient says what holds if
    one of them is missing. A found record stays unchanged, so that a stranger who knows these details cannot change
    it. Near matches of a new patient are listed for staff.
    """
    found = find_identical_patient(candidate)
    if found:
        return found
    save_new_patient(candidate)
    return candidate


def save_new_patient(candidate: Patient) -> None:
    """Save an unsaved Patient whom find_identical_patient did not find, and list near matches for staff."""
    candidate.fold_name()
    insert(candidate)
    list_near_matches(candidate)


# Hand-written SQL, here and below: every booking runs it, and the ORM takes longer to build it than PostgreSQL to
# answer. The rows are locked to wait for a merge that is archiving one, in the merge's order to prevent a deadlock.
NAMESAKES = f"""
    SELECT {list_columns(Patient)} FROM patients_patient
     WHERE archived_at IS NULL AND normalized_name = %s AND email = %s
     ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 (only names from our model)


def find_identical_patient(candidate: Patient) -> Patient | None:
    """Return the patient with ``candidate``'s names, birth date and e-mail, or None.

    Without a birth date, names and e-mail are enough unless two people share them, as a father and a son do; nobody
    is taken for who is written to in their stead. Without an e-mail nobody matches. Locks the identity until the
    transaction ends, so that concurrent calls create a person only once.
    """
    return find_identical_patient_later(candidate)()


def find_identical_patient_later(candidate: Patient) -> Callable[[], Patient | None]:
    """Have the identity locked and looked for with the next statement; return a function that returns the patient."""
    if not candidate.email:
        return lambda: None
    name = normalize_name(candidate.first_name, candidate.last_name)
    _lock_identity(name, candidate.email)
    namesakes = execute_later(NAMESAKES, [name, candidate.email])
    return lambda: _choose(read_rows(Patient, namesakes), candidate)


def _choose(namesakes, candidate):
    namesakes.sort(key=lambda patient: patient.created_at)
    matches = [patient for patient in namesakes if patient.date_of_birth == candidate.date_of_birth]
    is_one_person = len({(patient.date_of_birth, bool(patient.contact_name)) for patient in namesakes}) == 1
    is_one_person &= all(bool(patient.contact_name) == bool(candidate.contact_name) for patient in namesakes)
    if not matches and candidate.date_of_birth is None and is_one_person:
        matches = namesakes
    return matches[0] if matches else None


def _lock_identity(name: str, email: str) -> None:
    # There may be no row to lock yet: lock a number derived from the identity.
    identity = f"{name}\n{email}".encode()
    key = int.from_bytes(hashlib.sha256(identity).digest()[:8], signed=True)
    write_later("SELECT pg_advisory_xact_lock(%s)", [key])


# Two of the three are equal, the name but for umlauts. Missing values are passed as null, which equals nothing.
NEAR_MATCHES = """
    SELECT near.id,
           CASE WHEN normalized_name <> %(name)s AND normalized_name = ANY(%(names)s) THEN 'similar ' ELSE 'same ' END
           || concat_ws(' and ',
               CASE WHEN normalized_name = ANY(%(names)s) THEN 'name' END,
               CASE WHEN date_of_birth = %(born)s THEN 'birth date' END,
               CASE WHEN email = %(email)s THEN 'e-mail' END) AS reason
      FROM patients_patient AS near
     WHERE archived_at IS NULL AND id <> %(id)s
       AND (date_of_birth = %(born)s AND normalized_name = ANY(%(names)s)
            OR date_of_birth = %(born)s AND email = %(email)s
            OR normalized_name = ANY(%(names)s) AND email = %(email)s)
"""
LIST_NEAR_MATCHES = f"""
    INSERT INTO patients_possibleduplicate (patient_id, other_id, reason, found_at)
    SELECT found.id, %(id)s, found.reason, clock_timestamp() FROM ({NEAR_MATCHES}) AS found
     WHERE NOT EXISTS (SELECT FROM patients_possibleduplicate WHERE patient_id = %(id)s AND other_id = found.id)
     LIMIT {MAX_NEAR_MATCHES}
        ON CONFLICT DO NOTHING
"""  # noqa: S608 (only what stands above)


def list_near_matches(patient: Patient) -> None:
    """Add the records that may be the same person as a saved patient to the list for staff. Keeps earlier entries."""
    write_later(LIST_NEAR_MATCHES, _describe(patient))


def find_near_matches(candidate: Patient, *, among: QuerySet[Patient]) -> list[tuple[Patient, str]]:
    """Return the records ``among`` some that may be the same person as an unsaved patient, each with the reason why."""
    with connection.cursor() as cursor:
        cursor.execute(f"{NEAR_MATCHES} LIMIT {MAX_NEAR_MATCHES}", _describe(candidate))
        reasons = dict(cursor.fetchall())
    return [(patient, reasons[patient.pk]) for patient in among.filter(pk__in=reasons)]


def _describe(patient) -> dict[str, Any]:
    """Return the parameters of NEAR_MATCHES."""
    return {
        "id": patient.pk,
        "name": normalize_name(patient.first_name, patient.last_name),
        "names": [name for name in list_umlaut_spellings(patient.first_name, patient.last_name) if name],
        "born": patient.date_of_birth,
        "email": patient.email or None,
    }


# As many rows are written for a known person as for a new one: how long it takes must not tell them apart.
NOTE_PRIVACY_NOTICE = """
    INSERT INTO patients_consent AS consent (patient_id, purpose, given_at, version)
    VALUES (%(patient)s, %(purpose)s, %(at)s, %(version)s)
        ON CONFLICT (patient_id, purpose) WHERE withdrawn_at IS NULL DO UPDATE
       SET version = EXCLUDED.version,
           given_at = CASE consent.version WHEN EXCLUDED.version THEN consent.given_at ELSE EXCLUDED.given_at END
"""


# The same holds of a consent that was given before.
NOTE_CONSENT = """
    INSERT INTO patients_consent AS consent (patient_id, purpose, given_at, version)
    VALUES (%(patient)s, %(purpose)s, %(at)s, '')
        ON CONFLICT (patient_id, purpose) WHERE withdrawn_at IS NULL DO UPDATE SET version = consent.version
"""


def note_consent(patient: Patient, purpose: str, *, at: datetime) -> None:
    """Record that the patient agrees to a purpose. One who has agreed already has done so since then."""
    write_later(NOTE_CONSENT, {"patient": patient.pk, "purpose": purpose, "at": at})


def note_privacy_notice(patient: Patient, version: str, *, at: datetime) -> None:
    """Record which version of the privacy notice the patient was shown last, and since when it is that one.

    That is no consent, and none is needed: the records of a treatment have another basis in law.
    """
    parameters: dict[str, Any] = {
        "patient": patient.pk,
        "purpose": Consent.Purpose.PRIVACY_NOTICE,
        "at": at,
        "version": version,
    }
    write_later(NOTE_PRIVACY_NOTICE, parameters)
