"""Forms that take a URL resolve it before they save it, outside any transaction."""

import socket

import psycopg
import pytest
from django.db import connection

from booking.models import Provider, WebhookEndpoint
from scheduling.models import Calendar
from tests.booking.admin.pages import get_text, url

UNDER_WAY = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
       AND backend_type = 'client backend'
"""
NOT_PUBLIC = "it must be https on port 443 or 8443, and on the public internet"


@pytest.fixture(params=[Calendar, Provider, WebhookEndpoint])
def model(request):
    return request.param


@pytest.fixture
def add(model, morgan, dana, harbour):
    """Return a function that posts the add form with an address at clinic.example."""
    typed = {
        "clinician": dana.pk,
        "name": "Own",
        "when_unreachable": "withhold",
        "slug": "own",
        "locations": [harbour.pk],
        "answer_within": "20 min",
        "description": "Own",
        "format": "holdfast",
        "url": "https://clinic.example/a",
        "kind": {Calendar: "caldav", Provider: "upstream"}.get(model, ""),
    }
    return lambda: morgan.post(url(model._meta.label_lower.replace(".", "_"), "add"), typed)


def make_getaddrinfo(ip):
    """Return a getaddrinfo that resolves every name to ``ip``."""
    return lambda host, port, *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]


def fail_getaddrinfo(host, port, *args, **kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_address_form_refuses_hostname_pointing_to_private_ip(model, add, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", make_getaddrinfo("10.0.0.1"))

    assert ("lead to the public internet" if model is Calendar else NOT_PUBLIC) in get_text(add())
    assert not model.objects.exists()


def test_address_form_refuses_unknown_hostname(model, add, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", fail_getaddrinfo)

    assert ("Nothing is found at that address" if model is Calendar else NOT_PUBLIC) in get_text(add())
    assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_address_form_resolves_outside_transaction(model, add, monkeypatch):
    """The fake name server counts open transactions."""
    ours, seen = connection.get_connection_params(), []

    def look(*args, **kwargs):
        where = {name: ours[name] for name in ("dbname", "host", "port", "user", "password") if name in ours}
        with psycopg.connect(**where) as other:
            seen.append(other.execute(UNDER_WAY).fetchone())
        return make_getaddrinfo("8.8.8.8")(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    add()

    assert model.objects.get().url == "https://clinic.example/a"
    assert seen == [(0,)]


def test_address_form_without_permission_resolves_nothing(model, danas_browser, monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: asked.append(host) or [])

    response = danas_browser.post(
        url(model._meta.label_lower.replace(".", "_"), "add"), {"url": "https://internal.example/"}
    )

    assert (response.status_code, asked) == (403, [])
