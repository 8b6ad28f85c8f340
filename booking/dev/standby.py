"""PostgreSQL servers of which one follows another: a primary, its standbys, and what can happen to them."""

import shutil
import signal
import subprocess
from contextlib import suppress
from typing import ClassVar

import psutil

from booking.dev.postgres import BINARIES, PostgresServer
from booking.dev.processes import still_running

STANDBY = "standby"  # as synchronous_standby_names calls each


class ReplicatedServer(PostgresServer):
    """A server that may follow another, or be followed."""

    SETTINGS: ClassVar = PostgresServer.SETTINGS | {
        "max_connections": 200,
        "wal_retrieve_retry_interval": "200ms",
        # A killed process loses nothing of what the kernel has: only a power cut would.
        "fsync": "off",
    }

    @property
    def socket(self):
        return str(self.sockets / ".s.PGSQL.5432")

    def copy(self, *, host, port):
        """Become a standby of the primary that is at an address, and start."""
        shutil.rmtree(self.data, ignore_errors=True)
        primary = f"host={host} port={port} user=postgres application_name={STANDBY}"
        options = ["-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", primary]
        subprocess.run([BINARIES / "pg_basebackup", *options], cwd=self.folder, check=True, **self.account)
        return self.start()

    def set(self, name, value):
        """Change a setting of the running server."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")

    def reset(self, name):
        """Take back what was set."""
        self.ask(f"ALTER SYSTEM RESET {name}")
        self.ask("SELECT pg_reload_conf()")

    def is_followed(self):
        """Return whether a standby has all that this primary has written so far."""
        return self.ask(
            "SELECT 1 FROM pg_stat_replication"
            " WHERE application_name = %s AND state = 'streaming' AND flush_lsn >= pg_current_wal_insert_lsn()",
            STANDBY,
        )

    def promote(self):
        """Make a standby the primary, and return it once it takes writes."""
        self.ask("SELECT pg_promote(wait => true)")
        return self

    def all_processes(self):
        """Return the processes: the first starts and ends the others, each of which leads a group of its own."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def signal(self, number):
        """Send a signal to every process. Stopping the first keeps it from starting more."""
        first = psutil.Process(self.process.pid)
        first.send_signal(signal.SIGSTOP)
        for process in [*first.children(recursive=True), first]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """End every process as the kernel does that is out of memory. Idempotent."""
        if self.process and self.process.poll() is None:
            processes = self.all_processes()
            self.signal(signal.SIGKILL)
            self.process.wait()
            still_running(processes, seconds=30)

    def stop_immediately(self):
        """End without a checkpoint: the next start recovers what was committed."""
        processes = self.all_processes()
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        still_running(processes, seconds=30)

    def remove(self):
        """Kill the server, and delete its data."""
        self.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
