"""Compute a calendar's busy time in a child process with little time and memory, and without our secrets.

A rule such as "every second since 1970" keeps any library busy for hours, and a thread cannot be stopped.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scheduling.calendars import base

if TYPE_CHECKING:
    from scheduling.calendars.trimming import Feed

MAX_CPU_SECONDS = 10
MAX_MEMORY_BYTES = 1_500_000_000
PROCESSES = threading.BoundedSemaphore(2)  # many calendars at once must not occupy every processor
ROOT = Path(__file__).resolve().parent.parent.parent
PASSED_VARIABLES = {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"}


def compute_in_sandbox(
    feed: "Feed",
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    timeout: float,
    only_all_day: bool = False,
    ignored: Collection[str] = (),
) -> base.BusyTimes:
    """Return what icalendar.compute_busy_times returns, or raise what it raises.

    Raises also TooMuch after MAX_CPU_SECONDS of processor time, and NoTime after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    question = {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "zone": str(zone),
        "feed": feed,
        "only_all_day": only_all_day,
        "ignored": sorted(ignored),
        "seconds": MAX_CPU_SECONDS,
    }
    if not PROCESSES.acquire(timeout=max(0, timeout)):
        raise base.NoTime
    try:
        return _ask(question, timeout=max(0.001, deadline - time.monotonic()))
    finally:
        PROCESSES.release()


def _ask(question, *, timeout):
    try:
        done = subprocess.run(  # noqa: S603 (our own module)
            [sys.executable, "-m", __name__],
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=timeout,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name in PASSED_VARIABLES},
        )
    except subprocess.TimeoutExpired as error:
        raise base.NoTime from error
    if done.returncode:  # killed: out of memory or processor time
        raise base.TooMuch
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise getattr(base, answer["error"])(*answer["arguments"])
    return base.BusyTimes(
        [tuple(interval) for interval in answer["intervals"]],
        [
            base.NotUnderstood(fingerprint, date.fromisoformat(day) if day else None)
            for fingerprint, day in answer["not_understood"]
        ],
    )


def main() -> None:
    """Answer one question on stdin."""
    question = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (question["seconds"], question["seconds"]))
    with suppress(ValueError, OSError):  # not every system can limit memory
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    from scheduling.calendars.icalendar import compute_busy_times
    from scheduling.calendars.trimming import Feed

    start, end = (datetime.fromisoformat(question[name]) for name in ("start", "end"))
    try:
        found = compute_busy_times(
            Feed(*question["feed"]),
            start=start,
            end=end,
            zone=ZoneInfo(question["zone"]),
            only_all_day=question["only_all_day"],
            ignored=frozenset(question["ignored"]),
        )
        answer = found._asdict()
    except base.CannotRead as error:
        answer = {"error": type(error).__name__, "arguments": error.args}
    except (MemoryError, RecursionError):
        answer = {"error": "TooMuch", "arguments": []}
    json.dump(answer, sys.stdout, default=str)


if __name__ == "__main__":
    main()
