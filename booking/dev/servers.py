"""PostgreSQL and Redis from wheels, for the demo and the tests.

They keep their data in the folder they are given, which belongs to one run at a time. What a killed
run left running there is stopped first. Servers named in DATABASE_URL and REDIS_URL are used instead.
"""

import fcntl
import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path

from booking.dev.postgres import postgres
from booking.dev.processes import stop_leftover
from booking.dev.redis import redis

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class FolderInUse(Exception):
    """Another run uses this folder."""


@contextmanager
def servers(folder, *, durable=True):
    """Run the servers that the environment does not name, and yield DATABASE_URL and REDIS_URL as a dict.

    Without ``durable``, PostgreSQL trades the safety of its data for speed: for tests.
    The folder must be claimed.
    """
    urls = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    folder = Path(folder)
    with ExitStack() as stack:
        if "DATABASE_URL" not in urls:
            urls["DATABASE_URL"] = stack.enter_context(postgres(folder / "postgres", durable=durable))
        if "REDIS_URL" not in urls:
            urls["REDIS_URL"] = stack.enter_context(redis(folder / "redis"))
        yield urls


@contextmanager
def claim(folder):
    """Lock ``folder`` or raise FolderInUse. The lock ends with this process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(folder) from None
        yield


def stop_leftover_servers(folder):
    """Stop the servers that a killed run left behind on a locked folder."""
    stop_leftover(folder / "postgres" / "data", "postmaster.pid", signal.SIGINT)
    stop_leftover(folder / "redis", "pid", signal.SIGTERM)
