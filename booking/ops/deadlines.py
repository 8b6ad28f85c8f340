"""How long a process waits for the database: as long as its role may, or as is said here where the role may for ever.

Not by libpq's ``options``, which poolers refuse: the limits are asked for once for each connection.
"""

import logging
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.db.backends.signals import connection_created

logger = logging.getLogger("booking.database")

MISSING = "Statements may wait for ever: the role in DATABASE_URL lacks lock_timeout or statement_timeout."


class Deadlines(NamedTuple):
    lock_timeout: str
    statement_timeout: str


# A web request waits two seconds for a lock and five for an answer; then booking.ops.middleware.Busy says so.
WEB = Deadlines("2s", "5s")
WORKER = Deadlines("10s", "30s")

SET_MISSING = """
    SELECT set_config(name, value, false)
      FROM (VALUES ('lock_timeout', %s), ('statement_timeout', %s)) AS wanted (name, value)
     WHERE current_setting(name) = '0'
"""
IN_FORCE = "SELECT current_setting('lock_timeout') <> '0' AND current_setting('statement_timeout') <> '0'"


def limit_waiting(deadlines: Deadlines) -> None:
    """Have every connection that this process opens from now on keep to its role's deadlines, or to these.

    Behind a pooler that shares connections between transactions they must be the role's: what is set for a connection
    there is set for somebody else's. Without them, say so in the log, once.
    """
    is_warned = False

    def limit(connection, **kwargs):
        nonlocal is_warned
        if settings.DATABASE_POOLER != "transaction":
            with connection.cursor() as cursor:
                cursor.execute(SET_MISSING, deadlines)
        elif not is_warned and not are_in_force(connection):
            is_warned = True
            logger.warning(MISSING)

    connection_created.connect(limit, weak=False, dispatch_uid="deadlines")


def are_in_force(connection=connection) -> bool:
    """Return whether the database ends what waits too long on a connection."""
    with connection.cursor() as cursor:
        cursor.execute(IN_FORCE)
        return bool(cursor.fetchone()[0])  # pyright: ignore[reportOptionalSubscript]
