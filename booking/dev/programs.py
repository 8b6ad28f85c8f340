"""Run the programs of the Procfile beside each other, and stop all of them."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import psutil

from booking.dev.servers import BASE_DIR

BINARIES = Path(sys.executable).parent


@contextmanager
def programs(*, record, listener):
    """Run the programs, web on the socket ``listener``, and yield a queue of the names of those that ended.

    They are written down in the file ``record``, for stop_leftovers() should this process be killed.
    """
    ended = SimpleQueue()
    environment = os.environ | {
        "BIND": f"fd://{listener.fileno()}",
        "PATH": os.pathsep.join([str(BINARIES), os.environ["PATH"]]),
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }
    children = {}
    try:
        for line in (BASE_DIR / "Procfile").read_text().splitlines():
            name, _, command = line.partition(":")
            children[name] = subprocess.Popen(
                shlex.split(command),
                cwd=BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C reaches this process only, which stops them in order
            )
        started = [(child.pid, psutil.Process(child.pid).create_time()) for child in children.values()]
        record.write_text(json.dumps(started))
        for name, child in children.items():
            threading.Thread(target=print_output, args=(name, child, ended), daemon=True).start()
        yield ended
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
        record.unlink(missing_ok=True)


def print_output(name, child, ended):
    """Print a program's output, prefixed with its name, until it ends."""
    for line in child.stdout:
        print(f"{name:8} | {line}", end="", flush=True)
    child.wait()
    ended.put(name)


def stop_leftovers(record):
    """Stop the programs that a killed run left behind."""
    if not record.exists():
        return
    for number, created_at in json.loads(record.read_text()):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            # A reused process id has another creation time.
            if psutil.Process(number).create_time() == created_at:
                os.killpg(number, signal.SIGKILL)
    record.unlink()
