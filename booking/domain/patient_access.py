"""The record of who has seen which patients."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from django.db import connection

from booking.models import PatientAccess

# By hand: every page and every answer that shows a patient writes a row.
RECORD = """
    INSERT INTO booking_patientaccess (action, actor, patient_ids, page, address, created_at)
    VALUES (%s, %s, %s::uuid[], %s, %s, clock_timestamp())
"""
PURGE = "SELECT booking_patientaccess_purge()"
MAX_PAGE_LENGTH = 100


def record_access(
    patient_ids: Collection[UUID | str],
    *,
    action: PatientAccess.Action,
    actor: str,
    page: str,
    address: IPv4Address | IPv6Address | None = None,
) -> None:
    """Append that ``actor`` has seen these patients, if any, on a ``page``: the name or the pattern of a route."""
    if not patient_ids:
        return
    ids = f"{{{','.join(sorted(map(str, patient_ids)))}}}"  # psycopg takes longer for a list than the row does
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [action, actor, ids, page[:MAX_PAGE_LENGTH], address and str(address)])


def forget_old_accesses() -> int:
    """Delete what is older than a year, by the function of the database that takes nothing younger; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(PURGE)
        [number] = cursor.fetchone()  # pyright: ignore[reportGeneralTypeIssues]
    return number
