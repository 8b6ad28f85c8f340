"""Fewer round trips to PostgreSQL: statements that nobody waits for travel with the next one, or with COMMIT.

So does every BEGIN. This package is the ENGINE of the database, see base.py: only a backend sees COMMIT.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

Parameters = Sequence[Any] | dict[str, Any]


def execute_later(sql: str, parameters: Parameters = (), *, connection: Any = connection) -> CursorWrapper:
    """Have a statement executed together with the next one, at the latest with COMMIT; return its cursor.

    Each has a snapshot of its own: in READ COMMITTED one that stands behind a lock sees what was committed before the
    lock was had. Reading the cursor executes all that wait. If one fails, those behind it are not executed, and its
    error is raised there: a statement whose error has to be caught is one for an ordinary cursor. Outside a transaction
    it is executed at once.
    """
    return connection.execute_later(sql, parameters)


def write_later(sql: str, parameters: Parameters) -> None:
    """Do what execute_later does, for a constant statement whose result nobody reads: its cursor is used again."""
    connection.write_later(sql, parameters)  # pyright: ignore[reportAttributeAccessIssue] (our backend)


def write_row_later(sql: str, row: dict[str, Any]) -> None:
    """Do what write_later does, with one statement for all rows that wait, where the first of them was to be written.

    The statement reads them from ``%(rows)s``, an array in JSON.
    """
    connection.write_row_later(sql, row)  # pyright: ignore[reportAttributeAccessIssue] (our backend)


def execute_unsent() -> None:
    """Execute now what waits, so that its cursors have their results."""
    connection.execute_unsent()  # pyright: ignore[reportAttributeAccessIssue] (our backend)


def execute_after_commit(sql: str, parameters: Parameters = ()) -> CursorWrapper:
    """Have a statement that reads executed behind the next COMMIT, in its round trip; return its cursor.

    Reading the cursor before there is one executes it at once. It is dropped if the transaction is undone.
    """
    return connection.execute_after_commit(sql, parameters)  # pyright: ignore[reportAttributeAccessIssue] (our backend)
