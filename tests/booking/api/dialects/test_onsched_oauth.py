"""A client fetches a token with its client id and secret, which are an API key, and calls with the token."""

from base64 import b64encode
from datetime import timedelta
from urllib.parse import quote_plus, urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking import tasks
from booking.access.access_tokens import find_key_of_token, issue_token
from booking.access.api_keys import InvalidKey, find_key, revoke_key, rotate_key
from booking.access.tokens import hash_token
from booking.models import AccessToken, ApiKey, IdempotentAnswer
from tests.booking.api.conftest import SITE
from tests.booking.api.dialects.conftest import ONSCHED, System
from tests.ledger import rows

FORM = "application/x-www-form-urlencoded"
HOUR = timedelta(hours=1)


@pytest.fixture
def anybody(client):
    """A client of OnSched's API that shows nothing of its own accord."""
    return System(client, ONSCHED)


@pytest.fixture
def ask(anybody):
    """Ask for a token with a form: ``ask(grant_type="client_credentials", …)``; ``headers`` are headers."""

    def ask(headers=None, **fields):
        return anybody("POST", "/oauth/token", body=urlencode(fields).encode(), content_type=FORM, **headers or {})

    return ask


@pytest.fixture
def credentials(make_key):
    """The client_id and client_secret of a key that reads availability and appointment types."""
    key, plain = make_key(scopes=["read_appointment_types", "read_availability"])
    return {"client_id": key.start, "client_secret": plain}


@pytest.fixture
def grant(credentials):
    return {"grant_type": "client_credentials", **credentials}


def basic(client_id, client_secret):
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def granted(response):
    body = response.json()
    assert response.status_code == 200, body
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    token = body.pop("access_token")
    assert body == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read_appointment_types read_availability",
    }
    return token


def refused(response, status, error, said):
    body = response.json()
    expected = {"error": error, "error_description": said, "request_id": response.headers["X-Request-Id"]}
    assert (response.status_code, body) == (status, expected)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "application/json"
    assert not AccessToken.objects.exists()
    return True


# Fetching one


def test_token_is_given_for_credentials_in_a_form(ask, grant):
    token = granted(ask(**grant))

    assert token.startswith("hf_tok_")
    assert bytes(AccessToken.objects.get().token_hash) == hash_token(token)
    assert not any(token[7:] in str(value) for row in rows(AccessToken) for value in row.values())


def test_token_is_given_for_credentials_in_json(anybody, grant):
    assert granted(anybody("POST", "/oauth/token", grant))
    body = b' {"grant_type": "client_credentials", "client_id": "%s", "client_secret": "%s"}'
    body %= grant["client_id"].encode(), grant["client_secret"].encode()
    assert granted(anybody("POST", "/oauth/token", body=body, content_type=FORM))  # as curl sends it


def test_token_is_given_for_credentials_in_a_basic_header(ask, credentials):
    assert granted(ask(basic(**credentials), grant_type="client_credentials"))


def test_token_request_with_onscheds_own_scope_gets_all_of_the_key(ask, grant):
    assert granted(ask(**grant, scope="OnSchedApi"))


def test_token_request_ignores_what_it_does_not_know(ask, grant):
    assert granted(ask(**grant, audience="https://v3.example", code=""))


def test_token_with_fewer_scopes_may_do_only_that(ask, grant, client):
    response = ask(**grant, scope="read_availability")

    assert response.json()["scope"] == "read_availability"
    caller = System(client, ONSCHED, authorization=f"Bearer {response.json()['access_token']}")
    assert caller("GET", "/location/7d1f6cf0-0000-4000-8000-000000000000").json()["code"] == "missing-scope"


def test_token_of_a_key_that_ends_sooner_ends_with_it(ask, make_key):
    key, plain = make_key(expires_at=timezone.now() + timedelta(minutes=10))
    response = ask(grant_type="client_credentials", client_id=key.start, client_secret=plain)
    assert 590 <= response.json()["expires_in"] <= 600
    assert AccessToken.objects.get().expires_at == key.expires_at


# Refusals


def test_token_request_with_wrong_credentials_is_401_invalid_client(ask, make_key, credentials):
    _, other_plain = make_key()
    revoked, revoked_plain = make_key()
    revoke_key(revoked)
    expired, expired_plain = make_key(expires_at=timezone.now())
    own_token = "hf_tok_" + "A" * 43
    for client_id, secret in [
        ("", ""),
        (credentials["client_id"], ""),
        (credentials["client_id"], "hf_sec_" + "A" * 43),
        (credentials["client_id"], own_token),
        (credentials["client_id"], other_plain),
        (credentials["client_secret"], credentials["client_secret"]),
        ("", credentials["client_secret"]),
        (revoked.start, revoked_plain),
        (expired.start, expired_plain),
    ]:
        wrong = {"client_id": client_id, "client_secret": secret}
        for response in (
            ask(grant_type="client_credentials", **wrong),
            ask(basic(**wrong), grant_type="client_credentials"),
        ):
            said = "The API key is missing, unknown, expired or revoked."
            assert refused(response, 401, "invalid_client", said)
            assert response.headers["WWW-Authenticate"] == 'Basic realm="Holdfast"'


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Basic bm9uZQ=="])
def test_token_request_with_broken_basic_header_is_401(ask, db, header):
    response = ask({"authorization": header}, grant_type="client_credentials")
    assert refused(response, 401, "invalid_client", "The API key is missing, unknown, expired or revoked.")


def test_token_is_never_given_for_a_token(ask, credentials):
    key = find_key(credentials["client_secret"])
    _, token = issue_token(key, scopes=key.scopes)
    AccessToken.objects.update(created_at=timezone.now())
    response = ask(grant_type="client_credentials", client_id=key.start, client_secret=token)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert AccessToken.objects.count() == 1


def test_token_request_of_a_publishable_key_is_unauthorized_client(ask, make_key):
    key, plain = make_key(kind="publishable", allowed_origins=[SITE])
    said = "A publishable key is for browsers: it gets no token."
    for headers in (None, {"origin": SITE}):
        response = ask(headers, grant_type="client_credentials", client_id=key.start, client_secret=plain)
        assert refused(response, 400, "unauthorized_client", said)


@pytest.mark.parametrize("grant_type", ["password", "authorization_code", "refresh_token", "ä"])
def test_token_request_of_another_grant_is_unsupported_grant_type(ask, credentials, grant_type):
    said = "grant_type: Choose one of these: client_credentials."
    assert refused(ask(grant_type=grant_type, **credentials), 400, "unsupported_grant_type", said)


@pytest.mark.parametrize("scope", ["read_patients", "read_availability read_patients", "everything"])
def test_token_request_for_scopes_the_key_lacks_is_invalid_scope(ask, grant, scope):
    said = "The key has not got all of these scopes."
    assert refused(ask(**grant, scope=scope), 400, "invalid_scope", said)


def test_token_request_without_grant_type_is_invalid_request(ask, anybody, credentials):
    assert refused(ask(**credentials), 400, "invalid_request", "grant_type: This field is required.")


@pytest.mark.parametrize("body", [b"a=1&a=2", b"\xff", b"{", b"[", b"&".join([b"a=1"] * 30)])
def test_token_request_that_cannot_be_read_is_refused(anybody, db, body):
    response = anybody("POST", "/oauth/token", body=body, content_type=FORM)
    assert response.status_code in (400, 401)
    assert response.json()["error"] in ("invalid_request", "invalid_client")


def test_token_requests_with_wrong_credentials_are_limited_like_wrong_keys(ask, credentials, monkeypatch):
    monkeypatch.setattr("booking.api.throttles.ADDRESS_LIMIT", 1)
    wrong = {"grant_type": "client_credentials", "client_id": credentials["client_id"], "client_secret": "wrong"}
    assert ask(**wrong).status_code == 401
    response = ask(**wrong)
    assert refused(response, 429, "throttled", "Too many requests.")
    assert int(response.headers["Retry-After"]) > 0


def test_token_requests_count_against_the_limit_of_their_key(ask, make_key):
    key, plain = make_key(requests_per_minute=1)
    grant = {"grant_type": "client_credentials", "client_id": key.start, "client_secret": plain}
    assert ask(**grant).status_code == 200
    assert ask(**grant).status_code == 429
    assert AccessToken.objects.count() == 1


def test_token_is_read_with_post_only(anybody, grant, credentials):
    response = anybody("GET", "/oauth/token", query=grant, **basic(**credentials))
    assert refused(response, 405, "method-not-allowed", response.json()["error_description"])
    assert response.headers["Allow"] == "POST"


def test_token_answer_is_never_stored_for_an_idempotency_key(ask, grant):
    first, second = (granted(ask({"idempotency_key": "one"}, **grant)) for _ in range(2))
    assert first != second
    assert not IdempotentAnswer.objects.exists()


# Calling with one


@pytest.fixture
def token(ask, make_key):
    """A token of a key with all scopes, and the key: ``(ApiKey, token)``."""
    key, plain = make_key()
    response = ask(grant_type="client_credentials", client_id=key.start, client_secret=plain)
    return key, response.json()["access_token"]


def test_token_is_accepted_wherever_its_key_is(client, with_key, token, harbour):
    key, plain = token
    assert System(client, ONSCHED, authorization=f"Bearer {plain}")("GET", f"/location/{harbour.pk}").status_code == 200
    for headers in ({"x_api_key": plain}, {"x_api_key": "the company", "authorization": f"bearer {plain}"}):
        assert System(client, ONSCHED, **headers)("GET", f"/location/{harbour.pk}").status_code == 200
    me = with_key(plain).get("/me").json()["data"]
    assert (me["name"], me["scopes"]) == (key.name, key.scopes)
    assert ApiKey.objects.get().last_used_at is not None


def test_token_stops_when_its_key_is_revoked(with_key, token):
    key, plain = token
    assert with_key(plain).get("/me").status_code == 200
    revoke_key(key)
    assert with_key(plain).get("/me").json()["code"] == "invalid-key"


def test_token_stops_when_its_rotated_key_does(with_key, token):
    key, plain = token
    rotate_key(key, overlap=HOUR)
    assert with_key(plain).get("/me").status_code == 200  # as the old key is: its holder needs time to change it
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert with_key(plain).get("/me").json()["code"] == "invalid-key"


def test_token_stops_at_once_when_its_key_is_rotated_without_overlap(with_key, token):
    key, plain = token
    rotate_key(key, overlap=timedelta())
    assert with_key(plain).get("/me").json()["code"] == "invalid-key"


def test_token_loses_a_scope_with_its_key(with_key, token):
    _, plain = token
    ApiKey.objects.update(scopes=["read_availability"])
    assert with_key(plain).get("/me").json()["data"]["scopes"] == ["read_availability"]


def test_token_stops_after_an_hour_and_is_deleted_by_beat(with_key, token):
    key, plain = token
    fresh, _ = issue_token(key, scopes=[])
    past = timezone.now() - timedelta(seconds=1)
    AccessToken.objects.filter(token_hash=hash_token(plain)).update(expires_at=past)
    assert with_key(plain).get("/me").json()["code"] == "invalid-key"

    tasks.forget_expired_tokens()

    assert AccessToken.objects.get() == fresh


def test_unknown_token_is_invalid_key(db):
    for wrong in ("hf_tok_", "hf_tok_" + "A" * 43, "hf_tok_\ud800"):
        with pytest.raises(InvalidKey):
            find_key_of_token(wrong)


def test_finding_a_token_and_a_key_takes_one_statement_each(make_key):
    key, plain = make_key()
    find_key(plain)
    _, token = issue_token(key, scopes=key.scopes)
    for find, what in ((find_key, plain), (find_key_of_token, token)):
        with CaptureQueriesContext(connection) as statements:
            assert find(what) == key
        assert len(statements) == 1
