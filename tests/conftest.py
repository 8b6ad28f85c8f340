"""The clinic of the tests: Dana sees patients at Harbour Street in London; Alice wants to be seen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.client import MULTIPART_CONTENT, RequestFactory
from django.utils import timezone
from django.utils.http import urlencode
from xdist.scheduler import LoadScopeScheduling

from booking.dev.chromium import find_chromium
from booking.domain.confirmation import confirm_hold
from booking.domain.holds import Holder, HoldLimits, place_hold
from booking.domain.orders import create_order
from booking.domain.scarcity import Visitor
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.approvers import recent_remote
from booking.models import Networks, Provider
from booking.models.branding import recent_branding
from booking.models.embedding import recent_sites
from patients.models import Patient
from scheduling.models import Clinician, Location, Service, WorkingHours
from tests.receivers import Receiver

LONDON = ZoneInfo("Europe/London")


def post_like_a_page(self, path, data=None, content_type=MULTIPART_CONTENT, *, post=RequestFactory.post, **options):
    """Send a form as browsers send ours: Django's own test client makes it multipart, which is refused."""
    if content_type is MULTIPART_CONTENT:
        data, content_type = urlencode(data or {}, doseq=True), "application/x-www-form-urlencoded"
    return post(self, path, data, content_type, **options)


RequestFactory.post = post_like_a_page

# These need the whole machine: a hundred clients, a killed server, a browser.
DEMANDING = {"abuse", "bench", "browser", "failures", "journeys", "proof", "races", "soak"}

# These empty every table after the test, or start a program.
SLOW_FIXTURES = {"demo_environment", "folder", "live_server", "redis", "run", "run_python", "transactional_db"}


class Scheduler(LoadScopeScheduling):
    """Gives all demanding tests to one worker, so that no two of them run at the same time."""

    # Not by marks: xdist 3.8 writes the group of --dist loadgroup where pytest 9.2 does not read it.
    def _split_scope(self, nodeid):
        return "demanding" if nodeid.split("/")[1] in DEMANDING else nodeid


def pytest_xdist_make_scheduler(config, log):
    return Scheduler(config, log)


def pytest_collection_modifyitems(items):
    """Mark what is too slow for make test-fast."""
    for item in items:
        is_demanding = item.path.relative_to(Path(__file__).parent).parts[0] in DEMANDING
        if is_demanding or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def keys_are_read_with_each_request(settings):
    """Otherwise how many queries a request makes would depend on when the one before it came."""
    settings.API_KEY_CACHE_SECONDS = 0


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What a process keeps for some seconds, it does not keep from one test to the next."""
    from booking.admin import diary_page
    from booking.api.v1 import opening_output
    from booking.widget import live_times, service_list

    of_pages = (
        service_list.offers,
        live_times.versions,
        live_times.workplaces,
        live_times.etags,
        diary_page.versions,
        opening_output.recent_alternatives,
    )
    for results in (recent_branding, recent_sites, recent_remote, *of_pages):
        results.forget()


@pytest.fixture
def harbour(db):
    """A location in London."""
    return Location.objects.create(
        name="Harbour Street",
        address_line_1="12 Harbour Street",
        city="London",
        postcode="E1 6AN",
        timezone="Europe/London",
        phone="+442079460000",
        directions="Ring the upper bell.",
    )


@pytest.fixture
def consultation(db):
    """A service of 30 minutes in person, every 30 minutes, without buffers or notice."""
    return Service.objects.create(
        name="Consultation",
        slug="consultation",
        duration=timedelta(minutes=30),
        step=timedelta(minutes=30),
        notice=timedelta(),
        horizon=timedelta(days=60),
        price=60,
        what_to_bring="Your glasses",
    )


@pytest.fixture
def dana(harbour, consultation):
    """A clinician who gives consultations at Harbour Street, 9 to 12 and 13 to 17, every day."""
    return make_clinician("Dana Reed", location=harbour, services=[consultation])


def make_clinician(name, *, location, services, hours=((9, 12), (13, 17))):
    """Return a new clinician who works these whole hours at ``location`` on each day of the week."""
    clinician = Clinician.objects.create(name=name, title="Physiotherapist")
    clinician.services.set(services)
    WorkingHours.objects.bulk_create(
        WorkingHours(
            clinician=clinician,
            location=location,
            weekday=weekday,
            start_time=time(start),
            end_time=time(end),
        )
        for weekday in range(7)
        for start, end in hours
    )
    return clinician


@pytest.fixture
def bea(consultation):
    """A clinician without weekly hours."""
    bea = Clinician.objects.create(name="Bea Unsworth")
    bea.services.add(consultation)
    return bea


@pytest.fixture
def day():
    """A date next week."""
    return timezone.now().astimezone(LONDON).date() + timedelta(days=7)


@pytest.fixture
def at(day):
    """Return the instant of a London wall time on that date: ``at(9, 30)``."""
    return lambda hour, minute=0: datetime.combine(day, time(hour, minute), LONDON)


@pytest.fixture
def alice():
    """A patient who is not saved yet."""
    return Patient(
        first_name="Alice",
        last_name="Archer",
        date_of_birth=date(1985, 4, 12),
        email="alice@example.org",
        phone="+442079460123",
    )


@pytest.fixture
def hold_time(consultation, dana, harbour):
    """Hold a time with Dana: ``hold_time(at(9))``."""

    def hold_time(starts_at, **changes):
        opening = {
            name: changes.pop(name, usual)
            for name, usual in {
                "service": consultation,
                "clinician": dana,
                "location": harbour,
                "is_remote": False,
            }.items()
        }
        if "limit" in changes:
            changes["limits"] = HoldLimits(live=changes.pop("limit"))
        visitor = Visitor(Networks(changes.pop("network"))) if "network" in changes else changes.pop("visitor", None)
        holder = Holder(changes.pop("holder", "alice's phone"), visitor)
        return place_hold(
            OpeningRequest(starts_at=starts_at, **opening), **{"holder": holder, "actor": "patient", **changes}
        )

    return hold_time


@pytest.fixture
def book(hold_time, alice):
    """Book a time with Dana for Alice: ``book(at(9))``."""

    def book(starts_at, patient=alice, **changes):
        return confirm_hold(hold_time(starts_at, **changes), patient=patient, actor="patient")

    return book


@pytest.fixture
def order(alice, consultation):
    """An order for a consultation of Alice."""
    return create_order(patient=alice, service=consultation, external_id="LAB-7", actor="erin")


@pytest.fixture
def listen(settings):
    """Start a real server that outgoing requests may reach: ``listen(answer(500))``; it stops after the test."""
    started = []

    def listen(behave, **options):
        receiver = Receiver(behave, **options).__enter__()
        started.append(receiver)
        settings.PRIVATE_HOSTS = [*settings.PRIVATE_HOSTS, receiver.netloc]
        return receiver

    yield listen
    for receiver in started:
        receiver.__exit__()


@pytest.fixture
def elsewhere(transactional_db):
    """Call something on another connection: ``elsewhere(verb, *arguments)`` returns its Future."""

    def call(verb, arguments, options):
        try:
            return verb(*arguments, **options)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        yield lambda verb, *arguments, **options: threads.submit(call, verb, arguments, options)


@pytest.fixture
def desk(consultation):
    """An approver: staff must approve every consultation."""
    provider = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    provider.services.add(consultation)
    return provider


# A browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium_path():
    """Where Chromium is. Nobody can look for it once one is running."""
    return find_chromium()


@pytest.fixture(scope="session")
def chromium(chromium_path):
    """A real Chromium, started once."""
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop running in this thread, and Django would refuse to use the database in it.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()
