"""How often a connection waits for PostgreSQL."""

import tempfile
from contextlib import contextmanager

from django.db import connection
from psycopg.pq import Trace


@contextmanager
def list_round_trips():
    """Yield a list that has afterwards, for each round trip of the connection, the statements that it has executed.

    Read from libpq's trace: whatever has been sent since, the server says ReadyForQuery once for each wait.
    """
    connection.ensure_connection()
    pgconn = connection.connection.pgconn
    trips = []
    with tempfile.TemporaryFile("w+") as trace:
        pgconn.trace(trace.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield trips
        finally:
            pgconn.untrace()
            trace.seek(0)
            trips += _read(trace)


def _read(trace):
    trips, executed = [], []
    for line in trace:
        # A statement of several lines is traced as several.
        direction, _, message, details = [*line.rstrip("\n").split("\t", 3), "", "", ""][:4]
        if direction == "B" and message == "CommandComplete":
            executed.append(details.strip(' "'))
        elif direction == "B" and message == "ReadyForQuery":
            trips.append(executed)
            executed = []
    return trips
