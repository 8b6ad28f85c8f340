"""Count in several processes: each has a file for its counts in a folder in memory, and whoever is asked adds them up.

The files belong to places, not to processes. A worker takes the first place that no living one has, and goes on from
the counts that it finds there. So counters never go back when a worker ends, and no file of a dead one is left over.
"""

import os
import shutil
import tempfile
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - never a slow disk
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks there too
PREFIX = "holdfast-metrics-"
MASTER = "master"

_place: int | str = MASTER


def share_counts(folder: str | None) -> None:
    """Have this process and those that it forks count in files below ``folder``, or where temporary files are.

    Call it before anything is counted.
    """
    _delete_leftovers(folder or tempfile.gettempdir())
    os.environ[FOLDER] = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=folder)
    values.ValueClass = values.MultiProcessValue(lambda: _place)


def _delete_leftovers(folder):
    """Delete what servers have left that were killed."""
    for leftover in Path(folder).glob(f"{PREFIX}*"):
        owner = leftover.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(leftover, ignore_errors=True)  # another account's stays


def get_folder() -> Path | None:
    """Return where the processes count, or None if this one is alone."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def find_free_place(taken) -> int:
    """Return the lowest number that is not among ``taken``."""
    return min(set(range(len(taken) + 1)) - set(taken))


def take_place(place: int) -> None:
    """Count at a place from now on, which no other living process may have."""
    global _place
    _place = place


def write_counts() -> bytes:
    """Return what all processes have counted, as Prometheus reads it."""
    folder = get_folder()
    if not folder:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return generate_latest(registry)


def delete_counts() -> None:
    """Delete the folder."""
    if folder := os.environ.pop(FOLDER, None):
        shutil.rmtree(folder, ignore_errors=True)
