"""From which database the statements of this thread read: the primary, or a replica that a request has chosen.

What decides who gets a time never reads from a replica: it runs in a transaction, and that is the primary's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_alias = ContextVar("database that is read from", default=DEFAULT_DB_ALIAS)


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Read from the database of this alias within the block."""
    token = _alias.set(alias)
    try:
        yield
    finally:
        _alias.reset(token)


def get_read_alias() -> str:
    """Return the alias of the database to read from: in a transaction always the primary's, which sees its writes."""
    alias = _alias.get()
    if alias != DEFAULT_DB_ALIAS and connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return DEFAULT_DB_ALIAS
    return alias


def get_read_connection() -> BaseDatabaseWrapper:
    """Return the connection to read from, for statements without the ORM."""
    return connections[get_read_alias()]


class Router:
    """Django's database router: everything is written to the primary, and exists there."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return get_read_alias()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
