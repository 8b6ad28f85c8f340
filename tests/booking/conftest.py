import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from threading import Event as Signal

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils import translation

from booking.access.optional_redis import optional_redis
from booking.access.signatures import make_secret
from booking.dev.servers import BASE_DIR
from booking.dev.upstream import StandIn
from booking.domain.questions import save_question
from booking.integrations.webhooks.endpoints import create_endpoint
from booking.models import Appointment, OutboxMessage, Provider, Question
from tests.failures.programs import Redis
from tests.pseudo_locale import LANGUAGE, write_pseudo_catalogue
from tests.receivers import answer
from tests.waiting import wait_until

# The minimum that a production installation must set.
PRODUCTION = {
    "SECRET_KEY": "0123456789-for-the-tests-of-the-production-settings-0123456789",
    "DATABASE_URL": "postgres://holdfast:password@127.0.0.1:1/holdfast",
    "REDIS_URL": "redis://:password@127.0.0.1:1/0",
    "ALLOWED_HOSTS": "booking.clinic.example",
    "EMAIL_URL": "smtp+tls://user:password@mail.clinic.example:587",
    "DEFAULT_FROM_EMAIL": "bookings@clinic.example",
}


@pytest.fixture
def run():
    """Run a command with the production settings: ``run("manage.py", "check", DEBUG="True")``."""

    def run(*command, **settings):
        environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "booking.settings"}
        return subprocess.run(
            [sys.executable, *command],
            env=environment | PRODUCTION | settings,
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def run_python(run):
    """Run a few lines of Python with the production settings."""
    return lambda code, **settings: run("-c", textwrap.dedent(code), **settings)


# Staff who are logged in


@pytest.fixture
def staff(db):
    """Return a client that is logged in as a member of the group: ``staff("erin", "reception")``."""

    def staff(username, group):
        user = User.objects.create_user(username, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        browser = Client()
        browser.force_login(user)
        browser.user = user
        return browser

    return staff


@pytest.fixture
def erin(staff):
    """Erin, a receptionist, logged in."""
    return staff("erin", "reception")


@pytest.fixture
def morgan(staff):
    """Morgan, a manager, logged in."""
    return staff("morgan", "manager")


@pytest.fixture
def danas_browser(staff, dana):
    """The browser of Dana, a clinician, logged in."""
    browser = staff("dana", "clinician")
    dana.user = browser.user
    dana.save()
    return browser


@pytest.fixture
def book_today(book, at):
    """Book a time next week and move it to today: ``book_today(9)``."""

    def book_today(hour):
        appointment = book(at(hour))
        week = timedelta(days=7)
        Appointment.objects.filter(pk=appointment.pk).update(
            starts_at=appointment.starts_at - week, ends_at=appointment.ends_at - week
        )
        appointment.refresh_from_db()
        return appointment

    return book_today


# Approvers


@pytest.fixture
def lab(harbour, settings):
    """An upstream approver for Harbour Street; ``lab.behaviour`` says how it answers."""
    secret = make_secret()
    with StandIn(secret=secret) as server:
        settings.PRIVATE_HOSTS = [server.url.removeprefix("http://")]
        settings.SITE_URL = "http://127.0.0.1:9"  # nothing listens there; tests post the lab's own calls
        server.provider = Provider.objects.create(
            name="The lab", slug="lab", kind="upstream", url=f"{server.url}/", secret=secret
        )
        server.provider.locations.add(harbour)
        yield server
    assert server.faults == []


# Transactions that commit late


@pytest.fixture
def open_transaction(elsewhere):
    """Start a verb whose transaction stays open, in another connection: ``commit = open_transaction(verb)``."""
    signals = []

    def start(verb):
        has_written, may_commit = Signal(), Signal()
        signals.append(may_commit)

        def run():
            with transaction.atomic():
                verb()
                has_written.set()
                assert may_commit.wait(30)

        future = elsewhere(run)
        assert has_written.wait(30)

        def commit():
            may_commit.set()
            future.result()

        return commit

    yield start
    for signal in signals:
        signal.set()


# Webhooks: Bob's practice has a real receiver


@pytest.fixture
def receiver(listen):
    """A receiver that accepts everything."""
    return listen(answer(204, body=b""))


@pytest.fixture
def endpoint(db, receiver):
    """Bob's endpoint, subscribed to all events."""
    return create_endpoint(url=receiver.url, description="Bob's practice")


@pytest.fixture
def make_delivery(endpoint):
    """Create a delivery to an endpoint, as an event does: ``make_delivery(endpoint)``."""

    def make_delivery(endpoint, **fields):
        payload = {
            "type": "hold.placed",
            "timestamp": "2026-03-30T08:00:00+00:00",
            "data": {"id": "5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04", "status": "active", "sequence": 1},
        }
        return OutboxMessage.objects.create(kind="webhook.event", endpoint=endpoint, payload=payload, **fields)

    return make_delivery


@pytest.fixture
def delivery(make_delivery, endpoint):
    """A due delivery to Bob's endpoint."""
    return make_delivery(endpoint)


# Questions


@pytest.fixture
def ask(consultation):
    """Ask a question: ``ask("yes_no", "Do you smoke?", after=(earlier, "yes"))``."""
    positions = iter(range(1, 40))

    def ask(kind, text="", *, after=(None, ""), options="", required=True, translations=None):
        question = Question(
            service=None if kind in Question.STANDARD else consultation,
            kind=kind,
            text=text,
            options=options,
            is_required=required,
            position=next(positions),
            depends_on=after[0],
            depends_on_answers=after[1],
            translations=translations or {},
        )
        question.full_clean()
        save_question(question)
        return question

    return ask


@pytest.fixture
def smoker(ask):
    """The question whether somebody smokes, with its words in German."""
    return ask("yes_no", "Do you smoke?", translations={"de": {"text": "Rauchen Sie?"}})


@pytest.fixture
def years(ask, smoker):
    """The question that is asked of smokers only."""
    return ask("number", "For how many years?", after=(smoker, "yes"))


# Rate limits


@pytest.fixture
def redis(tmp_path, settings):
    """A Redis of this test only, which it may kill."""
    server = Redis(tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    optional_redis.cache_clear()
    wait_until(server.answers)
    yield server
    server.kill()
    optional_redis.cache_clear()


# Translations


@pytest.fixture
def pseudo_locale(settings, tmp_path):
    """Speak a language that wraps every message in ⟦…⟧."""
    write_pseudo_catalogue(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [*settings.LANGUAGES, (LANGUAGE, "⟦Pseudo⟧")]
    settings.PATIENT_LANGUAGES = [LANGUAGE]
    with translation.override(LANGUAGE):
        yield
