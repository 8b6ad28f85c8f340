"""Django's PostgreSQL backend, in which a statement may wait for the next one: psycopg's pipeline mode sends them
together.

A pipeline is entered only to send, and left at once: inside it rowcount is unknown, and after an error neither ROLLBACK
nor a savepoint works. So the ORM, savepoints and caught errors behave as they always do.
"""

# pyright: reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportOptionalMemberAccess=false
# The stubs of Django know its backend as it was for psycopg 2.

from contextlib import contextmanager
from select import POLLIN, poll

from django.db.backends.postgresql import base
from django.db.utils import InternalError
from psycopg import Cursor
from psycopg.pq import TransactionStatus

ROLLED_BACK_PLAINLY = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that keeps statements until the next one is executed."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.unsent, self.after_commit = [], []
        self.has_failed = False  # whether statements were sent together in the transaction, and one of them has failed

    def execute_later(self, sql, parameters):
        """See scheduling.lib.pipelined_postgresql.execute_later."""
        cursor = self._put_off(sql, parameters, self.unsent)
        if self.get_autocommit():
            self.execute_unsent()
        return cursor

    def execute_after_commit(self, sql, parameters):
        """See scheduling.lib.pipelined_postgresql.execute_after_commit."""
        return self._put_off(sql, parameters, self.after_commit)

    def _put_off(self, sql, parameters, waiting):
        cursor = self.cursor()
        cursor.cursor.is_unsent = True
        waiting.append((cursor, sql, parameters))
        return cursor

    def execute_before_commit(self):
        """Execute now what was to wait for COMMIT."""
        self.unsent, self.after_commit = self.after_commit, []
        self.execute_unsent()

    def execute_unsent(self):
        """Execute what waits, in one round trip."""
        if self.unsent:
            with self.sending_unsent():
                pass

    @contextmanager
    def sending_unsent(self):
        """Send what waits, and BEGIN first where a transaction begins, together with what is executed inside."""
        unsent, self.unsent = self.unsent, []
        begins = self.begins_transaction
        if begins:
            self.connection.autocommit = True  # else psycopg says BEGIN by itself, and waits for the answer
        try:
            with self.wrap_database_errors, self.connection.pipeline():
                if begins:
                    self.connection.execute("BEGIN")
                for cursor, sql, parameters in unsent:
                    cursor.execute(sql, parameters)
                yield
        except BaseException:
            self.has_failed = True
            raise

    @property
    def begins_transaction(self):
        """Whether the next statement is the first of a transaction."""
        return not self.autocommit and self.connection.pgconn.transaction_status == TransactionStatus.IDLE

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
        with self.sending_unsent():
            self.connection.execute("COMMIT")  # commit() would wait in the pipeline, and leaving it once more
            for cursor, sql, parameters in after_commit:
                cursor.execute(sql, parameters)

    def _rollback(self):
        self.unsent, self.after_commit = [], []
        has_failed, self.has_failed = self.has_failed, False
        # psycopg's rollback() forgets all that is prepared, as if every transaction had changed tables. After a refusal
        # PostgreSQL would read and plan again what the next requests ask. But of statements that were sent behind one
        # that has failed PostgreSQL has prepared none, and psycopg does not know.
        if self.connection is not None and has_failed:
            self.connection._prepared.clear()
        elif self.connection is not None and self.connection.pgconn.transaction_status in ROLLED_BACK_PLAINLY:
            with self.wrap_database_errors:
                self.connection.pgconn.exec_(b"ROLLBACK")
        super()._rollback()  # what remains to be done where that has failed

    def _savepoint_rollback(self, sid):
        self.unsent = []  # a savepoint is a statement: what waits has come after it
        super()._savepoint_rollback(sid)

    def _close(self):
        self.unsent, self.after_commit = [], []
        return super()._close()


class SendingUnsent(Cursor):
    """A cursor of psycopg that sends what waits for it."""

    wrapper: DatabaseWrapper | None = None  # psycopg makes cursors of its own too
    is_unsent = False

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

    def copy(self, *arguments, **options):
        if self.wrapper is not None:
            self.wrapper.execute_unsent()
        return super().copy(*arguments, **options)

    def execute(self, query, params=None, **options):
        self.is_unsent = False
        if self.wrapper is None or not (self.wrapper.unsent or self.wrapper.begins_transaction):
            return super().execute(query, params, **options)
        if not params:  # these may be several statements in one text, which no pipeline takes
            self.wrapper.execute_unsent()
            return super().execute(query, params, **options)
        with self.wrapper.sending_unsent():
            return super().execute(query, params, **options)


class ServerBindingCursor(SendingUnsent, base.ServerBindingCursor):
    """Sends parameters apart from the statement, which can be prepared then."""


class ClientBindingCursor(SendingUnsent, base.Cursor):
    """Writes parameters into the statement, as poolers need it."""
