"""Wait for what other processes do."""

import time
from contextlib import contextmanager

from django.db import connection

GRACE = 8  # seconds that a busy machine may add to anything


def wait_until(condition, *, timeout=60):
    """Poll ``condition()`` until it is true and return its value. No test sleeps but here."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


def somebody_waits_for_us():
    """Return whether another connection waits for a lock that this one holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
        return cursor.rowcount > 0


UNSETTLED = """
    SELECT FROM booking_event, pg_current_snapshot() AS snapshot
     WHERE transaction_id >= pg_snapshot_xmin(snapshot) AND transaction_id < pg_snapshot_xmax(snapshot)
"""


def no_event_is_unsettled():
    """Return whether the event feed shows all events: transactions in other databases of the cluster delay it too."""
    with connection.cursor() as cursor:
        cursor.execute(UNSETTLED)
        return cursor.rowcount == 0


@contextmanager
def assert_time_limit(seconds):
    """Assert that the block ends within ``seconds``, although what it waits for takes a minute or never ends."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < seconds + GRACE
