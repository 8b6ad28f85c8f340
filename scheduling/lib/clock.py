"""The database's clock: the only one that decides."""

from django.db import connection


def database_now():
    """Return the database's clock: unlike ``now()`` it does not stand still in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
