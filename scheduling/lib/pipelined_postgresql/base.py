"""Django's PostgreSQL backend, in which a statement may wait for the next one: psycopg's pipeline mode sends them
together.

A pipeline is entered only to send, and left at once: inside it rowcount is unknown, and after an error neither ROLLBACK
nor a savepoint works. So the ORM, savepoints and caught errors behave as they always do.
"""

# pyright: reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportOptionalCall=false, reportOptionalMemberAccess=false
# The stubs of Django know its backend as it was for psycopg 2.

from contextlib import contextmanager, nullcontext
from datetime import UTC
from select import POLLIN, poll
from typing import Any

import orjson
from django.db.backends.postgresql import base
from django.db.utils import DatabaseError, InternalError
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb

from scheduling.lib.pipelined_postgresql.cursors import (
    ClientBindingCursor,
    ServerBindingCursor,
    TimeLoader,
    one_packet,
)

IN_TRANSACTION = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that keeps statements until the next one is executed."""

    # A context manager around each round trip of statements that travel together, which is given their texts.
    trip_wrapper: Any = staticmethod(nullcontext)

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.unsent, self.after_commit = [], []
        self.writers = {}  # {statement: the cursor that executes it, again and again}
        self.has_failed = False  # whether statements were sent together in the transaction, and one of them has failed

    def execute_later(self, sql, parameters):
        """See scheduling.lib.pipelined_postgresql.execute_later."""
        return self._execute_later(self._new_cursor(), sql, parameters)

    def write_later(self, sql, parameters):
        """See scheduling.lib.pipelined_postgresql.write_later."""
        if self.is_observed:
            cursor = self._new_cursor()
        elif (cursor := self.writers.get(sql)) is None:
            # psycopg makes a cursor in the time that PostgreSQL needs to write the row.
            cursor = self.writers[sql] = self._new_cursor()
        self._execute_later(cursor, sql, parameters)

    def write_row_later(self, sql, row):
        """See scheduling.lib.pipelined_postgresql.write_row_later."""
        for _, waiting, parameters in self.unsent:
            if waiting == sql:
                parameters["rows"].obj.append(row)  # it becomes JSON when it is sent
                return
        self.write_later(sql, {"rows": Jsonb([row], dumps=orjson.dumps)})

    def execute_after_commit(self, sql, parameters):
        """See scheduling.lib.pipelined_postgresql.execute_after_commit."""
        return self._put_off(self._new_cursor(), sql, parameters, self.after_commit)

    @property
    def is_observed(self):
        """Whether somebody counts or traces statements, which only Django's cursors show."""
        return self.queries_logged or self.execute_wrappers

    def _new_cursor(self):
        """Return a cursor of psycopg's: Django's around it takes as long again, and only translates errors."""
        if self.is_observed:
            return self.cursor()
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_thread_sharing()
        return self.create_cursor()

    def _execute_later(self, cursor, sql, parameters):
        self._put_off(cursor, sql, parameters, self.unsent)
        if self.get_autocommit():
            self.execute_unsent()
        return cursor

    def _put_off(self, cursor, sql, parameters, waiting):
        getattr(cursor, "cursor", cursor).is_unsent = True
        waiting.append((cursor, sql, parameters))
        return cursor

    def execute_before_commit(self):
        """Execute now what was to wait for COMMIT."""
        self.unsent, self.after_commit = self.after_commit, []
        self.execute_unsent()

    def execute_unsent(self):
        """Execute what waits, in one round trip."""
        if len(self.unsent) == 1 and not self.begins_transaction:
            [(cursor, sql, parameters)] = self.unsent
            self.unsent = []
            with self.wrap_database_errors:
                cursor.execute(sql, parameters)
        elif self.unsent:
            with self.sending_unsent():
                pass

    @contextmanager
    def sending_unsent(self, *others):
        """Send what waits, and BEGIN first where a transaction begins, together with ``others``, executed inside."""
        unsent, self.unsent = self.unsent, []
        begins = self.begins_transaction
        texts = [*(["BEGIN"] if begins else []), *(sql for _, sql, _ in unsent), *others]
        if begins:
            self.connection.autocommit = True  # else psycopg says BEGIN by itself, and waits for the answer
        try:
            with self.trip_wrapper(texts), self.wrap_database_errors, self._enter_pipeline():
                if begins:
                    self.connection.execute("BEGIN")
                for cursor, sql, parameters in unsent:
                    cursor.execute(sql, parameters)
                yield
        except BaseException:
            self.has_failed = True
            raise

    def _enter_pipeline(self):
        # Whoever observes a statement may execute one of their own between two of these, and wait for it.
        return self.connection.pipeline() if self.is_observed else one_packet(self.connection)

    @property
    def has_company(self):
        """Whether something travels with the next statement."""
        return bool(self.unsent) or self.begins_transaction

    @property
    def begins_transaction(self):
        """Whether the next statement is the first of a transaction."""
        is_idle = self.connection.pgconn.transaction_status == TransactionStatus.IDLE
        return is_idle and not self.autocommit and not self.connection.pgconn.pipeline_status

    def get_new_connection(self, parameters):
        connection = super().get_new_connection(parameters)
        if self.timezone == UTC:
            connection.adapters.register_loader("timestamptz", TimeLoader)
        return connection

    def get_connection_params(self):
        parameters = super().get_connection_params()
        is_bound_by_server = parameters["cursor_factory"] is base.ServerBindingCursor
        return parameters | {"cursor_factory": ServerBindingCursor if is_bound_by_server else ClientBindingCursor}

    def create_cursor(self, name=None):
        if name:  # a server's cursor cannot be declared in a pipeline
            self.execute_unsent()
            return super().create_cursor(name)
        cursor = super().create_cursor()
        cursor.wrapper = self
        return cursor

    def is_usable(self):
        """Return whether the server has not closed the connection: then there would be something to read.

        Django asks once in each request, and would ask the server.
        """
        readable = poll()
        try:
            readable.register(self.connection.fileno(), POLLIN)
        except base.Database.Error:
            return False
        return not readable.poll(0)

    def _commit(self):
        if self.connection is not None and self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            # PostgreSQL would roll back, and call it no error.
            raise InternalError("An error was caught without a savepoint.")
        if not self.unsent and not self.after_commit:
            super()._commit()
            return
        after_commit, self.after_commit = self.after_commit, []
        commit = self.connection.cursor()
        try:
            with self.sending_unsent("COMMIT", *(sql for _, sql, _ in after_commit)):
                commit.execute("COMMIT")  # commit() would wait in the pipeline, and leaving it once more
                for cursor, sql, parameters in after_commit:
                    cursor.execute(sql, parameters)
        except DatabaseError:
            if commit.statusmessage != "COMMIT":
                raise
            # What is committed must not look undone: whoever reads the cursor executes its statement again.
            self._forget_prepared()
            for cursor, *statement in after_commit:
                getattr(cursor, "cursor", cursor).missed = statement

    def _rollback(self):
        self.unsent, self.after_commit = [], []
        self._undo("ROLLBACK")
        super()._rollback()  # what remains to be done where that has failed

    def _savepoint_rollback(self, sid):
        self.unsent = []  # a savepoint is a statement: what waits has come after it
        if not self._undo(self.ops.savepoint_rollback_sql(sid)):
            super()._savepoint_rollback(sid)

    def _undo(self, sql):
        """Execute a ROLLBACK, and return whether it has succeeded, without what psycopg does then.

        It forgets all that is prepared, as if every transaction had changed tables: after a refusal PostgreSQL would
        read and plan again what the next requests ask.
        """
        if self.has_failed:
            self._forget_prepared()
        if self.connection is None or self.connection.pgconn.transaction_status not in IN_TRANSACTION:
            return False
        with self.wrap_database_errors:
            return self.connection.pgconn.exec_(sql.encode()).status == ExecStatus.COMMAND_OK

    def _forget_prepared(self):
        # Of statements that were sent behind one that has failed PostgreSQL has prepared none: psycopg does not know.
        self.has_failed = False
        if self.connection is not None:
            self.connection._prepared.clear()

    def _close(self):
        self.unsent, self.after_commit, self.writers = [], [], {}
        return super()._close()
