"""The cursors, the pipeline and the loader of times of psycopg, as base.py needs them."""

# pyright: reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportOptionalCall=false
# pyright: reportOptionalMemberAccess=false

from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import Cursor
from psycopg.adapt import Loader
from psycopg.pq import Format

READ_TIME = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)


class Packet(psycopg.Pipeline):
    """A pipeline that keeps statements until it is left, and sends them at once.

    psycopg's sends each by itself, for which its thread lets go of the interpreter each time, and has to get it again.
    """

    is_left = False

    def _communicate_gen(self):
        if self.is_left:
            yield from super()._communicate_gen()

    def _exit_gen(self):
        self.is_left = True
        while self.command_queue:  # into libpq's buffer
            self.command_queue.popleft()()
        yield from super()._exit_gen()


@contextmanager
def one_packet(connection):
    """Send what is executed inside in one packet, and wait once for all results."""
    connection._pipeline = Packet(connection)
    try:
        with connection._pipeline:
            yield
    finally:
        connection._pipeline = None


class TimeLoader(Loader):
    """Reads a timestamptz in UTC. Django's reads it in Python, because psycopg's quick one cannot be derived from."""

    timezone = UTC  # Django compares it with the connection's

    def __init__(self, oid, context=None):
        super().__init__(oid, context)
        self.load_quickly = READ_TIME(oid, context).load

    def load(self, data):
        return self.load_quickly(data).replace(tzinfo=UTC)


class SendingUnsent(Cursor):
    """A cursor of psycopg that sends what waits for it."""

    wrapper: Any = None  # psycopg makes cursors of its own too
    is_unsent = False
    missed = None  # its statement, where it was not executed behind a COMMIT

    def fetchone(self):
        self._execute_if_unsent()
        return super().fetchone()

    def fetchall(self):
        self._execute_if_unsent()
        return super().fetchall()

    def __iter__(self):
        self._execute_if_unsent()
        return super().__iter__()

    @property
    def rowcount(self):
        self._execute_if_unsent()
        return super().rowcount

    def _execute_if_unsent(self):
        if self.wrapper is not None and self.is_unsent:
            self.wrapper.execute_unsent()
            if self.is_unsent:  # it was to wait for a COMMIT
                self.wrapper.execute_before_commit()
        elif self.missed:
            missed, self.missed = self.missed, None
            with self.wrapper.wrap_database_errors:
                self.execute(*missed)

    def copy(self, *arguments, **options):
        if self.wrapper is not None:
            self.wrapper.execute_unsent()
        return super().copy(*arguments, **options)

    def execute(self, query, params=None, **options):
        self.is_unsent = False
        if self.wrapper is None or not self.wrapper.has_company:
            return super().execute(query, params, **options)
        if not params:  # these may be several statements in one text, which no pipeline takes
            self.wrapper.execute_unsent()
            return super().execute(query, params, **options)
        with self.wrapper.sending_unsent(query):
            return super().execute(query, params, **options)


class ServerBindingCursor(SendingUnsent, base.ServerBindingCursor):
    """Sends parameters apart from the statement, which can be prepared then."""


class ClientBindingCursor(SendingUnsent, base.Cursor):
    """Writes parameters into the statement, as poolers need it."""
