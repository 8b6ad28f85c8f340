"""A React page of another site books with a publishable key, as the widget guide's page does."""

import re
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from booking.access.api_keys import create_key
from booking.models import ApiKey, Appointment, Event, Hold, PatientDraft
from patients.models import Patient
from tests.ledger import lapse

SOURCE = Path(__file__).parent / "widget_guide.jsx"
PACKAGES = ["esbuild@0.28.2", "react@19.3.1", "react-dom@19.3.1"]
HTML = "<!doctype html><html lang=en><title>The practice</title><div id=page></div><script src=page.js></script>"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path):
    """Another site: a folder, and the origin at which its files are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=tmp_path))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield SimpleNamespace(folder=tmp_path, origin=f"http://localhost:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium, live_server, site, node_with, dana):
    """The page, opened; ``page.calls`` has what it has asked of the API, ``page.faults`` what went wrong in it."""
    _, key = create_key(
        name="the practice", kind="publishable", scopes=ApiKey.PUBLIC_SCOPES, allowed_origins=[site.origin]
    )
    build(node_with(*PACKAGES), site.folder, base=f"{live_server.url}/api/v1", key=key)
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.calls, page.faults = [], []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("response", lambda response: note_call(page.calls, live_server.url, response))
    page.clock.install()
    page.goto(site.origin)
    yield page
    context.close()
    assert page.faults == []


def build(folder, output, *, base, key):
    """Write the page for a base address and a key into ``output``."""
    source = shutil.copy(SOURCE, folder / SOURCE.name)  # beside node_modules
    values = {"BASE": base, "KEY": key, "process.env.NODE_ENV": "production"}
    defined = [f'--define:{name}="{value}"' for name, value in values.items()]
    command = [folder / "node_modules" / ".bin" / "esbuild", source, "--bundle", "--jsx=automatic", *defined]
    subprocess.run([*command, f"--outfile={output / 'page.js'}", "--log-level=warning"], check=True, timeout=60)
    (output / "index.html").write_text(HTML)


def note_call(calls, server, response):
    path = response.url.removeprefix(f"{server}/api/v1")
    if path != response.url and response.request.method != "OPTIONS":
        calls.append((response.request.method, re.sub(r"\?.*", "", path), response.status))


def choose_time(page, day, time):
    page.get_by_role("button", name=str(day)).click()
    page.get_by_role("button", name=f"{time} Dana Reed").click()


def say_who(page, **changes):
    alice = {
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": "1985-04-12",
        "email": "alice@example.org",
        "phone": "020 7946 0123",
    }
    for name, value in (alice | changes).items():
        page.get_by_label(name).fill(value)


def press_book(page):
    page.get_by_role("button", name="Book").click()


def test_page_of_another_site_books(page, day, at, alice):
    alice.save()
    known = Patient.objects.values().get()
    page.get_by_role("button", name="Consultation, 30 minutes, £60.00").click()
    choose_time(page, day, "09:00")
    expect(page.get_by_role("timer")).to_contain_text("14:")
    say_who(page)
    expect(page.get_by_text("0 found")).to_be_visible()
    assert (PatientDraft.objects.count(), Event.objects.filter(kind__startswith="patient").count()) == (0, 0)
    press_book(page)

    expect(page.get_by_role("heading")).to_contain_text("confirmed: ")
    appointment = Appointment.objects.get()
    assert appointment.reference in page.get_by_role("heading").inner_text()
    assert (appointment.starts_at, appointment.attendee_phone) == (at(9), "+442079460123")
    assert (appointment.patient, Patient.objects.values().get()) == (alice, known)
    assert not PatientDraft.objects.exists()
    token = page.calls[-1][1].split("/")[2]
    assert page.calls == [
        ("GET", "/appointment-types", 200),
        ("GET", "/availability", 200),
        ("POST", "/holds", 201),
        ("GET", "/patients", 200),
        ("POST", "/patients", 201),
        ("POST", f"/holds/{token}/confirm", 201),
    ]
    assert token != str(Hold.objects.get().pk)


def test_page_of_another_site_is_told_that_a_time_was_taken(page, day, at, hold_time):
    page.get_by_role("button", name="Consultation").click()
    page.get_by_role("button", name=str(day)).click()
    expect(page.get_by_role("button", name="09:00 Dana Reed")).to_be_visible()
    hold_time(at(9))

    page.get_by_role("button", name="09:00 Dana Reed").click()

    expect(page.get_by_role("alert")).to_have_text("It was just taken.")
    page.get_by_role("button", name="09:30 Dana Reed").click()
    expect(page.get_by_role("timer")).to_be_visible()


def test_page_of_another_site_is_told_that_a_hold_has_expired(page, day, at):
    page.get_by_role("button", name="Consultation").click()
    choose_time(page, day, "09:00")
    say_who(page)
    lapse(Hold.objects.get())

    press_book(page)

    expect(page.get_by_role("alert")).to_have_text("It has expired.")
    assert [status for _, path, status in page.calls if path.endswith("/confirm")] == [404]
    assert (Appointment.objects.count(), Patient.objects.count()) == (0, 0)
    choose_time(page, day, "09:00")
    say_who(page)
    press_book(page)
    expect(page.get_by_role("heading")).to_contain_text("confirmed: ")


def test_page_of_another_site_counts_down_to_the_end_of_its_hold(page, day):
    page.get_by_role("button", name="Consultation").click()
    choose_time(page, day, "09:00")
    expect(page.get_by_role("timer")).to_be_visible()

    page.clock.fast_forward(Hold.objects.get().lifetime.total_seconds() * 1000)

    expect(page.get_by_role("alert")).to_have_text("It has expired.")
