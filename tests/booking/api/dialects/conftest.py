"""Clients of the other two systems: all that they change is the base address and the key."""

import json as plain_json

import pytest

ONSCHED, JUNCTION = "/onsched/v3", "/junction/v3"


class System:
    """Calls a dialect: ``onsched("PUT", "/location/…", {…})`` returns the response; other words are headers."""

    def __init__(self, client, base, **headers):
        self.client, self.base, self.headers = client, base, headers

    def __call__(self, method, path, json=None, *, query=None, body=None, content_type="application/json", **headers):
        if json is not None:
            body = plain_json.dumps(json).encode()
        headers = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items() if value}
        return self.client.generic(
            method,
            self.base + path,
            body or b"",
            content_type if body is not None else None,
            query_params=query,
            headers=headers,
        )


@pytest.fixture
def onsched(client, secret_key):
    """A server that calls OnSched's API with a secret key of all scopes."""
    return System(client, ONSCHED, x_api_key=secret_key)


@pytest.fixture
def junction(client, secret_key):
    """A server that calls Junction's API with a secret key of all scopes."""
    return System(client, JUNCTION, x_vital_api_key=secret_key)
