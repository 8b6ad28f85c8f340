"""Waiting for something that another process does."""

import time
from contextlib import contextmanager

GRACE = 8  # seconds that a machine busy with something else may add to anything


def wait_until(condition, *, within=60):
    """Ask again and again until ``condition()`` is true, and return what it said; the only sleep there is."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


@contextmanager
def given_up_within(seconds):
    """What the block waits for is given up after so many seconds; it would take a minute, or never end."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < seconds + GRACE
