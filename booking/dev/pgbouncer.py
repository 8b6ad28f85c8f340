"""PgBouncer, from the system's packages, between the tests and their PostgreSQL."""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager

import psycopg

from booking.dev.packages import install_package
from booking.dev.postgres import AS_ROOT
from booking.dev.processes import stop, wait_until_ready
from booking.dev.redis import free_port


def find_pgbouncer():
    """Return the path of PgBouncer, or None."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def ensure_pgbouncer():
    """Install PgBouncer if it is missing. Where that cannot be, its test is left out."""
    if not find_pgbouncer():
        print("Installing PgBouncer for its test ...", flush=True)
        install_package("pgbouncer")
        if not find_pgbouncer():
            print("PgBouncer could not be installed: its test is left out.", flush=True)


@contextmanager
def pgbouncer(folder, *, host, users, pool_size=4, databases=""):
    """Run PgBouncer in transaction mode before the PostgreSQL whose socket is in ``host``, and yield its port.

    ``databases`` are lines of its configuration, of databases that are elsewhere.
    """
    port, config, accounts = free_port(), folder / "pgbouncer.ini", folder / "users.txt"
    accounts.write_text("".join(f'"{user}" ""\n' for user in users))
    config.write_text(
        f"""
        [databases]
        {databases}
        * = host={host}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = trust
        auth_file = {accounts}
        pool_mode = transaction
        default_pool_size = {pool_size}
        max_client_conn = 200
        server_login_retry = 1
        """
    )
    # PgBouncer refuses to be root, and PostgreSQL's socket is nobody's then.
    account = ["--user", "nobody"] if AS_ROOT else []
    for path in (folder, *folder.parents) if AS_ROOT else ():
        path.chmod(path.stat().st_mode | 0o001)
    for path in (config, accounts):
        path.chmod(0o644)
    with (folder / "pgbouncer.log").open("w") as log:
        server = subprocess.Popen(
            [find_pgbouncer(), *account, config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def answers():
        try:
            with psycopg.connect(host="127.0.0.1", port=port, user=users[0], dbname="postgres", connect_timeout=5):
                return True
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise RuntimeError((folder / "pgbouncer.log").read_text()) from None
            return False

    try:
        wait_until_ready("PgBouncer", answers)
        yield port
    finally:
        stop(server, signal.SIGTERM)


if __name__ == "__main__":
    ensure_pgbouncer()
