"""Fold stored names again: after the rules have changed, and what a program with other rules has written since."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from patients.matching import list_near_matches
from patients.models import Patient
from patients.text import fold_name

BATCH = 200  # rows, changed in one short transaction, since bookings may wait for it

# Names of one word each in plain letters fold to the same by all rules: most patients are left where they are.
# SQL, since a migration calls this when later columns do not exist yet.
CANDIDATES = """
    SELECT id, first_name, last_name, normalized_name, name_words FROM patients_patient
     WHERE id > %(after)s AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)
       AND (first_name !~ '^[A-Za-z]+$' OR last_name !~ '^[A-Za-z]+$')
     ORDER BY id
     LIMIT 5000
"""
LOCK = """
    SELECT id, first_name, last_name, normalized_name, date_of_birth, email, archived_at FROM patients_patient
     WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
CHANGE = """
    UPDATE patients_patient
       SET normalized_name = %(normalized_name)s, name_words = %(name_words)s, name_spellings = %(name_spellings)s
     WHERE id = %(id)s
"""


def refold_names(*, since: datetime | None = None) -> int:
    """Fold the names of all patients, or of those changed ``since``, by today's rules; return how many differed.

    Lists the pairs that are one name by now for staff. Keeps ``updated_at``: nothing that a client reads changes. Can
    be interrupted and run again at any time, beside bookings: rows that are right already are only read.
    """
    number = 0
    for ids in _list_stale(since):
        number += _refold(ids)
    return number


def _list_stale(since: datetime | None) -> Iterator[list[UUID]]:
    """Yield primary keys of patients whose names are folded by other rules, BATCH at most."""
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(CANDIDATES, {"after": after, "since": since})
            rows = cursor.fetchall()
        if not rows:
            return
        stale = [id for id, first, last, *folded in rows if list(fold_name(first, last).values())[:2] != folded]
        for at in range(0, len(stale), BATCH):
            yield stale[at : at + BATCH]
        after = rows[-1][0]


@transaction.atomic
def _refold(ids: list[UUID]) -> int:
    """Lock the patients in the order of a merge, fold their names and return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [ids])
        rows = cursor.fetchall()
        changes: list[dict[str, Any]] = [{"id": id, **fold_name(first, last)} for id, first, last, *_ in rows]
        cursor.executemany(CHANGE, changes)
    for (id, first, last, old_name, born, email, archived_at), change in zip(rows, changes, strict=True):
        if change["normalized_name"] != old_name and archived_at is None:
            patient = Patient(id=id, first_name=first, last_name=last, date_of_birth=born, email=email)
            patient.normalized_name = change["normalized_name"]
            list_near_matches(patient)
    return len(rows)
