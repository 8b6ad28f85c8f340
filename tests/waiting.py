"""Waiting for something that another process does."""

import time
from contextlib import contextmanager

from django.db import connection

GRACE = 8  # seconds that a machine busy with something else may add to anything


def wait_until(condition, *, timeout=60):
    """Ask again and again until ``condition()`` is true, and return what it said; the only sleep there is."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


def somebody_waits_for_us():
    """Return whether another connection waits for a lock of ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
        return cursor.rowcount > 0


@contextmanager
def given_up_within(seconds):
    """What the block waits for is given up after so many seconds; it would take a minute, or never end."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < seconds + GRACE
