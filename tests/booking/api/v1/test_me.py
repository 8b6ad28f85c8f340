"""A key's own name, scopes and limits."""

from tests.booking.api.conftest import PLENTY, SITE, Caller


def test_me_describes_the_key_without_its_secret(client, make_key):
    key, plain = make_key(scopes=["read_patients", "write_holds"], max_live_holds=7, expires_at="2099-01-01T00:00Z")

    response = Caller(client, plain).get("/me")

    assert response.json()["data"] == {
        "id": str(key.pk),
        "name": "the practice",
        "kind": "secret",
        "scopes": ["read_patients", "write_holds"],
        "allowed_origins": [],
        "requests_per_minute": PLENTY,
        "most_live_holds": 7,
        "expires_at": "2099-01-01T00:00:00+00:00",
    }
    assert response.json()["meta"] == {"request_id": response["X-Request-Id"]}
    assert plain not in response.content.decode()


def test_me_lists_the_sites_of_a_publishable_key(public_api):
    data = public_api.get("/me").json()["data"]

    assert (data["kind"], data["allowed_origins"], data["expires_at"]) == ("publishable", [SITE], None)
