"""Waiting for something that another process does."""

import time


def wait_until(condition, *, within=60):
    """Ask again and again until ``condition()`` is true, and return what it said; the only sleep there is."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer
