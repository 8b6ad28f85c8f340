"""People go all the way, in a browser on the running programs: web, workers, beat, PostgreSQL, Redis, a mail server."""

import os
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from playwright.sync_api import expect

from booking.dev.clinic import create_clinic, create_staff
from booking.dev.redis import free_port
from booking.models import EmbeddingSite
from tests.browser.conftest import watch
from tests.failures.programs import installation
from tests.failures.visitor import answers
from tests.journeys.clinic import DESK, PHONE, Clinic, Person
from tests.waiting import wait_until

HERE = Path(__file__).parent
PASSWORD = "harbour gulls eat chips"


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.journeys)


@pytest.fixture(scope="package")
def database(django_db_blocker):
    """A database of the journeys' own, as what they write is never undone."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict["TEST"], "NAME", f"journeys_{os.getpid()}")
        databases = setup_databases(verbosity=0, interactive=False)
        yield connection.settings_dict["NAME"]
        teardown_databases(databases, verbosity=0)


@pytest.fixture(scope="package")
def clinic(database, tmp_path_factory):
    """The demo's clinic, opened once for all journeys: each has its own people, and times of its own."""
    create_clinic()
    create_staff(PASSWORD)
    village = f"http://localhost:{free_port()}"  # another site than 127.0.0.1
    EmbeddingSite.objects.create(origin=village)
    with installation(database, tmp_path_factory.mktemp("clinic")) as running:
        address = f"127.0.0.1:{free_port()}"
        running.environment |= {
            "SITE_URL": f"http://{address}",
            # All journeys begin at one network.
            "ONLINE_BOOKINGS_PER_NETWORK": "1000",
            "ONLINE_HELD_HOURS_PER_NETWORK": "1000",
        }
        running.run("web", BIND=address, WEB_PROCESSES="1")
        running.run_workers()
        wait_until(lambda: answers(f"http://{address}/healthz/live"), timeout=120)
        yield Clinic(f"http://{address}", running.mailbox, village)


@pytest.fixture
def meet(clinic, chromium):
    """Somebody who comes: ``meet("Ruth Ames", locale="ar")`` returns a Person with a browser of their own.

    When the journey is over, their pages must have asked for nothing elsewhere, set no cookie and broken no policy.
    """
    contexts, faults = [], []

    def meet(name, **options):
        options = {"locale": "en-GB", "timezone_id": "Europe/London", "viewport": PHONE} | options
        context = chromium.new_context(base_url=clinic.address, user_agent=f"the phone of {name}", **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, clinic.address, faults)
        return Person(clinic, page, name)

    yield meet

    cookies = [cookie for context in contexts for cookie in context.cookies()]
    for context in contexts:
        context.close()
    assert (faults, cookies) == ([], [])


@pytest.fixture
def staff(clinic, chromium):
    """Somebody of the clinic, signed in."""
    with chromium.new_context(base_url=clinic.address, viewport=DESK) as context:
        context.set_default_timeout(60_000)
        erin = Person(clinic, context.new_page(), "Erin Doyle")
        erin.open("/admin/")
        erin.page.get_by_label("Username:").fill("erin")
        erin.page.get_by_label("Password:").fill(PASSWORD)
        erin.page.get_by_role("button", name="Log in", exact=True).click()
        expect(erin.page.locator("#user-tools")).to_be_visible()
        yield erin
