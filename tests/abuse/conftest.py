import pytest
from django.db import connection
from django.utils import timezone

from booking.access.api_keys import create_key
from booking.dev.redis import free_port
from booking.models import ApiKey
from tests.abuse.bot import ApiBot, Browser, Refused, Visitor
from tests.conftest import LONDON, make_clinician
from tests.failures.programs import installation
from tests.waiting import wait_until

SITE = "https://www.clinic.example"


@pytest.fixture
def web_settings():
    """What the web server's environment says beside the usual."""
    return {}


@pytest.fixture
def clinic(transactional_db, tmp_path, harbour, consultation, dana, web_settings):
    """The programs of a small clinic; ``address`` is where its web server is, behind a proxy that names networks."""
    for name in ("Otis Hale", "Mara Quill", "Ivo Brandt"):
        make_clinician(name, location=harbour, services=[consultation])
    with installation(connection.settings_dict["NAME"], tmp_path) as running:
        bind = f"127.0.0.1:{free_port()}"
        running.address = running.environment["SITE_URL"] = f"http://{bind}"
        running.run("web", BIND=bind, WEB_PROCESSES="2", TRUSTED_PROXIES="1", **web_settings)
        wait_until(lambda: answers(running.address))
        yield running


def answers(address):
    try:
        return Browser(address, "192.0.2.1").ask("/healthz/live")
    except (OSError, Refused):
        return None


@pytest.fixture
def make_visitor(clinic):
    """Return a function that makes somebody who books on the pages: ``make_visitor("198.51.100.7")``."""
    today = timezone.now().astimezone(LONDON).date()
    return lambda network, **options: Visitor(clinic.address, network, today, **options)


@pytest.fixture
def make_api_bot(clinic, consultation):
    """Return a function that makes a bot with a publishable key of the clinic's own site, or a secret one."""
    today = timezone.now().astimezone(LONDON).date()

    def make_key(kind):
        options = {"allowed_origins": [SITE], "requests_per_minute": 100_000}
        return create_key(name=kind, kind=kind, scopes=ApiKey.VISITOR_SCOPES, **options)[1]

    keys = {kind: make_key(kind) for kind in ("publishable", "secret")}
    return lambda network, kind="publishable": ApiBot(clinic.address, network, today, keys[kind], SITE, consultation.pk)
