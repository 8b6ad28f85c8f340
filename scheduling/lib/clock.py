"""The database's clock: the only one that decides."""

from datetime import datetime

from scheduling.lib.reading import get_read_connection


def database_now() -> datetime:
    """Return the database's clock_timestamp(), which, unlike now(), moves on within a transaction."""
    with get_read_connection().cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchall()[0]
        return now
