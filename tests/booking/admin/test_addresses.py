"""Addresses that managers type in: where their names lead is looked up, and no transaction waits for that."""

import socket

import psycopg
import pytest
from django.db import connection

from booking.models import Provider, WebhookEndpoint
from scheduling.models import Calendar
from tests.booking.admin.pages import shown, url

UNDER_WAY = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
       AND backend_type = 'client backend'
"""
NOT_PUBLIC = "it must be https, and on the public internet"


@pytest.fixture(params=[Calendar, Provider, WebhookEndpoint])
def model(request):
    return request.param


@pytest.fixture
def add(model, morgan, dana, harbour):
    """Morgan adds one that is at clinic.example: ``add()``."""
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


def leads_to(ip):
    """A name server by which every name leads there."""
    return lambda host, port, *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]


def knows_nothing(host, port, *args, **kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_name_that_leads_to_a_private_network_is_refused_beside_it(model, add, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", leads_to("10.0.0.1"))

    assert ("lead to the public internet" if model is Calendar else NOT_PUBLIC) in shown(add())
    assert not model.objects.exists()


def test_so_is_one_that_nobody_knows(model, add, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", knows_nothing)

    assert ("Nothing is found at that address" if model is Calendar else NOT_PUBLIC) in shown(add())
    assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_waits_for_a_name_server(model, add, monkeypatch):
    """Seen from a name server that looks."""
    ours, seen = connection.get_connection_params(), []

    def look(*args, **kwargs):
        where = {name: ours[name] for name in ("dbname", "host", "port", "user", "password") if name in ours}
        with psycopg.connect(**where) as other:
            seen.append(other.execute(UNDER_WAY).fetchone())
        return leads_to("8.8.8.8")(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    add()

    assert model.objects.get().url == "https://clinic.example/a"
    assert seen == [(0,)]


def test_for_who_may_not_save_it_nothing_is_looked_up(model, danas_browser, monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: asked.append(host) or [])

    response = danas_browser.post(
        url(model._meta.label_lower.replace(".", "_"), "add"), {"url": "https://internal.example/"}
    )

    assert (response.status_code, asked) == (403, [])
