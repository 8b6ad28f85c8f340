"""A real CalDAV server, and a worker that pushes to it."""

import base64
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from icalendar import Calendar as ICalendar

from booking.dev.redis import free_port
from booking.models import OutboxMessage
from booking.outbox import queue, relay
from scheduling.lib.clock import database_now
from scheduling.models import Calendar
from tests.waiting import wait_until


class Radicale:
    """A Radicale in a process of its own, where dana and otis each have a calendar; it keeps its port and its files."""

    USERS = {"dana": "dana's secret", "otis": "otis's secret"}

    def __init__(self, folder):
        self.port, self.folder, self.process = free_port(), folder, None
        (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in self.USERS.items()))

    def start(self):
        options = {
            "--config": "",
            "--hosts": f"127.0.0.1:{self.port}",
            "--auth-type": "htpasswd",
            "--auth-htpasswd-filename": self.folder / "users",
            "--auth-htpasswd-encryption": "plain",
            "--auth-delay": "0",
            "--storage-filesystem-folder": self.folder / "collections",
            "--logging-level": "error",
        }
        command = [sys.executable, "-m", "radicale", *(str(word) for option in options.items() for word in option)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def answers(self):
        try:
            return self.ask("OPTIONS", "/", "dana") is not None
        except OSError:
            return False

    def url(self, name, path=""):
        return f"http://127.0.0.1:{self.port}/{name}/appointments/{path}"

    def ask(self, method, path, name):
        """Return the status and the body of an answer to one of the users."""
        credentials = base64.b64encode(f"{name}:{self.USERS[name]}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method, headers={"Authorization": f"Basic {credentials}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def events(self, name):
        """Return the events in a user's calendar."""
        status, body = self.ask("GET", f"/{name}/appointments/", name)
        assert status == 200
        return ICalendar.from_ical(body).walk("VEVENT") if body.strip() else []


@pytest.fixture(scope="module")
def radicale_server(tmp_path_factory):
    server = Radicale(tmp_path_factory.mktemp("radicale"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def radicale(radicale_server, settings):
    """Return a running server with empty calendars that Holdfast may connect to."""
    for name in radicale_server.USERS:
        radicale_server.ask("DELETE", f"/{name}/appointments/", name)
        assert radicale_server.ask("MKCALENDAR", f"/{name}/appointments/", name)[0] == 201
    settings.PRIVATE_HOSTS = [f"127.0.0.1:{radicale_server.port}"]
    return radicale_server


@pytest.fixture
def make_calendar(radicale):
    """Return a function that connects a clinician's CalDAV calendar: ``make_calendar(dana, "dana")``."""

    def make_calendar(clinician, name, **changes):
        fields = {"kind": "caldav", "url": radicale.url(name), "username": name, "password": radicale.USERS[name]}
        return Calendar.objects.create(clinician=clinician, name=f"{name}'s calendar", **fields | changes)

    return make_calendar


@pytest.fixture
def danas_calendar(make_calendar, dana):
    return make_calendar(dana, "dana")


@pytest.fixture
def work():
    """Return a function that runs all waiting pushes now and returns their statuses."""

    def work():
        pushes = OutboxMessage.objects.filter(kind="calendar.push", status="waiting")
        pushes.update(due_at=database_now())
        batches = queue.claim(jobs=["calendar.push"])
        for batch in batches:
            relay.run(batch.ids, batch.claimed_until)
        messages = OutboxMessage.objects.filter(pk__in=[id for batch in batches for id in batch.ids])
        return sorted(messages.values_list("status", flat=True))

    return work
