"""Works out a calendar in a process of its own, which is given little time and memory and knows no secret.

A rule such as "every second from 1970 on" keeps any library busy for hours, and a thread cannot be stopped.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from scheduling.calendars import base

SECONDS = 10  # of a processor
BYTES = 1_500_000_000
AT_ONCE = threading.BoundedSemaphore(2)  # calendars that come all together must not take every processor
FOLDER = Path(__file__).resolve().parent.parent.parent
PASSED_ON = {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"}


def busy_times_in_sandbox(feed, *, start, end, zone, timeout):
    """Return what icalendar.busy_times does, or raise what it raises.

    Raises TooMuch for what takes a processor longer than SECONDS, NoTime if it is not done ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    if not AT_ONCE.acquire(timeout=max(0, timeout)):
        raise base.NoTime
    try:
        return _ask(feed, start=start, end=end, zone=zone, timeout=max(0.001, deadline - time.monotonic()))
    finally:
        AT_ONCE.release()


def _ask(feed, *, start, end, zone, timeout):
    question = {"start": start.isoformat(), "end": end.isoformat(), "zone": str(zone), "feed": feed, "seconds": SECONDS}
    try:
        done = subprocess.run(  # noqa: S603 (our own module)
            [sys.executable, "-m", __name__],
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=timeout,
            cwd=FOLDER,
            env={name: value for name, value in os.environ.items() if name in PASSED_ON},
        )
    except subprocess.TimeoutExpired as error:
        raise base.NoTime from error
    if done.returncode:  # it has been ended: out of memory, or out of its seconds
        raise base.TooMuch
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise getattr(base, answer["error"])(*answer["arguments"])
    return [tuple(interval) for interval in answer["busy"]]


def main():
    """Answer one question on stdin."""
    question = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (question["seconds"], question["seconds"]))
    with suppress(ValueError, OSError):  # not everywhere can memory be limited
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    from scheduling.calendars.icalendar import busy_times
    from scheduling.calendars.trimming import Feed

    start, end = (datetime.fromisoformat(question[name]) for name in ("start", "end"))
    try:
        busy = busy_times(Feed(*question["feed"]), start=start, end=end, zone=ZoneInfo(question["zone"]))
        answer = {"busy": busy}
    except base.CannotRead as error:
        answer = {"error": type(error).__name__, "arguments": error.args}
    except (MemoryError, RecursionError):
        answer = {"error": "TooMuch", "arguments": []}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
