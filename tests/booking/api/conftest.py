"""Callers of the API: a server with a secret key of all scopes, and a page on the clinic's site."""

import json as plain_json
from random import randrange

import pytest
from django.test import Client

from booking.access.api_keys import create_key
from booking.models import ApiKey, PatientAccess
from patients.models import Patient

BASE = "/api/v1"
SITE = "https://www.clinic.example"
PLENTY = 1_000_000


class Caller:
    """Calls the API in JSON: ``api.post("/holds", {…}, if_match=etag)``; other words are headers."""

    def __init__(self, client, key, **headers):
        self.client, self.key, self.headers = client, key, headers

    def get(self, path, **options):
        return self("GET", path, **options)

    def post(self, path, json=None, **options):
        return self("POST", path, json, **options)

    def patch(self, path, json=None, **options):
        return self("PATCH", path, json, **options)

    def delete(self, path, json=None, **options):
        return self("DELETE", path, json, **options)

    def __call__(self, method, path, json=None, *, query=None, body=None, content_type="application/json", **headers):
        """Return the response; ``query`` is a dict of parameters, ``body`` bytes to send instead of JSON."""
        if json is not None:
            body = plain_json.dumps(json).encode()
        if self.key:
            headers = {"authorization": f"Bearer {self.key}", **headers}
        return self.client.generic(
            method,
            BASE + path,
            body or b"",
            content_type if body is not None else None,
            query_params=query,
            headers={name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()},
        )


@pytest.fixture
def client():
    """Django's test client at an address of its own: limits count the requests of an address."""
    return Client(REMOTE_ADDR="10.{}.{}.{}".format(*(randrange(256) for _ in range(3))))


@pytest.fixture
def make_key(db):
    """Make a key and return ``(ApiKey, key)``: ``make_key(scopes=["write_holds"])``; secret, with all scopes."""

    def make_key(*, name="the practice", kind="secret", scopes=None, **fields):
        everything = ApiKey.Scope.values if kind == "secret" else ApiKey.PUBLIC_SCOPES
        scopes = everything if scopes is None else scopes
        return create_key(name=name, kind=kind, scopes=scopes, **{"requests_per_minute": PLENTY, **fields})

    return make_key


@pytest.fixture
def secret_key(make_key):
    """A secret key with all scopes, in plain text."""
    return make_key()[1]


@pytest.fixture
def publishable_key(make_key):
    """A publishable key of the clinic's site with all the scopes it can have, in plain text."""
    return make_key(name="the clinic's site", kind="publishable", allowed_origins=[SITE])[1]


@pytest.fixture
def api(client, secret_key):
    """A server that calls with the secret key: ``api.get("/me").json()``."""
    return Caller(client, secret_key)


@pytest.fixture
def public_api(client, publishable_key):
    """A page on the clinic's site that calls with the publishable key."""
    return Caller(client, publishable_key, origin=SITE)


@pytest.fixture
def with_key(client):
    """Call with another key: ``with_key(key).get("/me")``; None is no key at all."""
    return lambda key, **headers: Caller(client, key, **headers)


def assert_reading_is_recorded(response):
    """Assert that an answer which names Alice, whom the tests' requests never send, has left a row about her."""
    seen = [str(id) for access in PatientAccess.objects.all() for id in access.patient_ids]
    alice = Patient.objects.filter(first_name="Alice").first()
    assert not alice or "alice" not in response.text.lower() or str(alice.pk) in seen
