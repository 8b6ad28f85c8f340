"""What a proof runs: PostgreSQL and a synchronous standby, and for each run Redis, web, Celery, a mail server and a
receiver of webhooks, with a link to each that can be cut."""

import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from http.client import HTTPConnection

from booking.dev.postgres import BINARIES
from booking.dev.redis import free_port
from booking.dev.servers import BASE_DIR
from booking.dev.standby import STANDBY, ReplicatedServer
from tests.failures.programs import PROCFILE, Mailbox, Program, Redis
from tests.receivers import Receiver, answer
from tests.waiting import wait_until

CLINIC = "clinic"  # the database that every run gets a copy of
CELERY = ("worker", "delivery", "beat")
WEB_PROCESSES = 3
SECRET_KEY = secrets.token_urlsafe(48)


class Cluster:
    """A primary and its standby, which take turns."""

    def __init__(self, folder, links):
        self.links = links
        self.primary = ReplicatedServer(folder / "one").initialize().start()
        self.standby = ReplicatedServer(folder / "two")
        self.port = links.lead("postgres", self.primary.socket)
        links.lead("replication", self.primary.socket)

    def attach_standby(self):
        """Copy the primary anew, and from then on acknowledge no commit that the copy does not have."""
        self.standby.copy(host="127.0.0.1", port=self.links.ports["replication"])
        wait_until(self.primary.is_followed)
        self.primary.set("synchronous_standby_names", STANDBY)

    def detach_standby(self):
        """From now on commits are acknowledged that the standby may not have."""
        self.primary.set("synchronous_standby_names", "")

    def fail_over(self):
        """Kill the primary and have its standby in its place, which nothing follows yet."""
        self.primary.kill()
        self.primary, self.standby = self.standby.promote(), self.primary
        for name in ("postgres", "replication"):
            self.links.lead(name, self.primary.socket)

    def stop(self):
        for server in (self.primary, self.standby):
            server.remove()


class Installation:
    """The programs of one run, on a fresh copy of the clinic; ``application`` is what gunicorn serves."""

    def __init__(self, folder, cluster, database, *, application=None, with_workers=True):
        self.folder, self.cluster, self.links, self.database = folder, cluster, cluster.links, database
        self.history, self.programs = None, {}
        names = ("web", *(CELERY if with_workers else ()))
        self.commands = {name: shlex.split(PROCFILE[name]) for name in names}
        if application:
            self.commands["web"][-1] = application

    def __enter__(self):
        self.folder.mkdir(parents=True)
        self.cluster.primary.ask(f"CREATE DATABASE {self.database} TEMPLATE {CLINIC}")
        with ExitStack() as stack:
            self.start_servers(stack)
            stack.callback(self.kill_programs)
            for name in self.commands:
                self.start(name)
            wait_until(self.answers, timeout=90)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.stack.close()

    def start_servers(self, stack):
        """Start Redis and the receivers of mails and webhooks, and say where they are."""
        self.redis, self.mailbox = Redis(self.folder), Mailbox()
        stack.callback(self.mailbox.server_close)
        stack.callback(self.mailbox.shutdown)
        self.redis.start()
        stack.callback(self.redis.kill)
        self.receiver = stack.enter_context(Receiver(answer(204, body=b"")))
        self.ask("UPDATE booking_webhookendpoint SET url = %s", self.receiver.url)
        self.bind = f"127.0.0.1:{free_port()}"
        redis_port = self.links.lead("redis", ["127.0.0.1", self.redis.port])
        self.links.lead("web", self.bind.split(":"))
        database_url = f"postgresql://postgres@127.0.0.1:{self.cluster.port}/{self.database}"
        self.environment = make_environment(database_url, f"redis://127.0.0.1:{redis_port}/0") | {
            "EMAIL_URL": self.mailbox.url,
            "PRIVATE_HOSTS": self.receiver.netloc,
            "BIND": self.bind,
            "WEB_PROCESSES": str(WEB_PROCESSES),
            "TMPDIR": str(self.folder),  # killed programs leave files there
        }

    def kill_programs(self):
        for program in self.programs.values():
            program.kill()

    def ask(self, statement, *parameters):
        """Run a statement in the run's database, past all links."""
        return self.cluster.primary.ask(statement, *parameters, database=self.database)

    def start(self, name):
        """Start a program of the Procfile, again if it was killed."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = Program(self.commands[name], self.environment, log)

    def answers(self):
        """Return whether the web server answers."""
        with suppress(OSError):
            connection = HTTPConnection(*self.bind.split(":"), timeout=10)
            connection.request("GET", "/healthz/live")
            return connection.getresponse().status == 200

    def drain(self, *, timeout):
        """Wait until every message that is due has been sent, and return how many have not.

        What waits after a failure or with a worker that was killed is made due now and then.
        """
        hurry = (
            "UPDATE booking_outboxmessage SET due_at = clock_timestamp()"
            " WHERE status = 'running' OR (status = 'waiting' AND attempts > 0)"
        )
        open_ones = (
            "SELECT count(*) FROM booking_outboxmessage"
            " WHERE status = 'running' OR (status = 'waiting' AND (attempts > 0 OR due_at < clock_timestamp()))"
        )
        deadline, left = time.monotonic() + timeout, None
        hurry_at = time.monotonic() + 3
        while time.monotonic() < deadline:
            [[left]] = self.ask(open_ones)
            if not left:
                return 0
            if time.monotonic() > hurry_at:
                self.ask(hurry)
                hurry_at += 20
            time.sleep(0.1)
        return left


def make_environment(database_url, redis_url):
    """Return the environment of programs as in production, but for one machine."""
    return {
        "DJANGO_SETTINGS_MODULE": "booking.settings",
        "SECRET_KEY": SECRET_KEY,
        "DEBUG": "False",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "SECURE_SSL_REDIRECT": "False",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "EMAIL_URL": "dummymail://",
        "DEFAULT_FROM_EMAIL": "clinic@example.org",
        "SITE_URL": "http://localhost",
        "PYTHONWARNINGS": "ignore",
    }


def make_clinic(cluster, days, schema=None):
    """Write the clinic into its database, and return what clients must know; ``schema`` is a dump of its tables."""
    cluster.primary.ask(f"CREATE DATABASE {CLINIC}")
    environment = os.environ | make_environment(cluster.primary.url(CLINIC), "redis://localhost")
    if schema:
        subprocess.run(
            [BINARIES / "psql", "-q", "-X", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", cluster.primary.url(CLINIC)],
            input=schema,
            check=True,
        )
    else:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=BASE_DIR, env=environment, check=True)
    command = [sys.executable, "-m", "tests.proof.clinic", str(days)]
    made = subprocess.run(command, cwd=BASE_DIR, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(made.stdout)
