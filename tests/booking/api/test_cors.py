"""Which sites' pages may read what the API answers: through the middleware, as browsers ask."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.access.api_keys import revoke_key, rotate_key
from booking.models import ApiKey
from tests.booking.api.conftest import BASE, SITE

OTHER = "https://www.elsewhere.example"
EXPOSED = {
    *{"Deprecation", "ETag", "Idempotent-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy"},
    *{"Retry-After", "Sunset", "X-Request-Id"},
}
# What a browser would say for a page that only looks as if it were on the site.
NOT_THE_SITE = [
    "null",
    "",
    "https://WWW.clinic.example",
    "https://www.clinic.example:443",
    "https://www.clinic.example:8443",
    "https://www.clinic.example/",
    "https://www.clinic.example.evil.example",
    "https://clinic.example",
    "http://www.clinic.example",
    "https://www.clinic.example, https://www.clinic.example",
    "*",
    " " + SITE + " x",
    "https://www.clinic.example\x00",
    "https://[",
    "é" * 3000,
]


def preflight(client, origin, path="/holds", method="POST"):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers["Access-Control-Request-Headers"] = "authorization, content-type, idempotency-key"
    return client.options(BASE + path, headers=headers)


def allowed(response):
    """The origin that may read the answer, or None; no header of the kind is there without one."""
    origin = response.headers.get("Access-Control-Allow-Origin")
    if origin is None:
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]
    return origin


# Preflights


def test_preflight_from_site_of_live_key_is_allowed(client, publishable_key):
    response = preflight(client, SITE)
    assert response.status_code == 200
    assert allowed(response) == SITE
    assert set(response.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "x-idempotency-error",
        "x-idempotency-key",
        "x-request-id",
        "x-api-key",
        "x-client-id",
        "x-vital-api-key",  # as clients of the dialects say them
    }
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers["Vary"].lower() == "origin"


def test_preflight_from_unlisted_site_is_not_allowed(client, publishable_key):
    assert allowed(preflight(client, OTHER)) is None


@pytest.mark.parametrize("origin", NOT_THE_SITE)
def test_preflight_from_misspelled_origin_is_not_allowed(client, publishable_key, origin):
    assert allowed(preflight(client, origin)) is None


def test_preflight_from_site_of_dead_key_is_not_allowed(client, make_key):
    key, _ = make_key(kind="publishable", allowed_origins=[SITE])
    revoke_key(key)
    make_key(allowed_origins=[SITE], expires_at=timezone.now() - timedelta(seconds=1))
    assert allowed(preflight(client, SITE)) is None


def test_preflight_from_site_of_rotated_key_is_allowed(client, make_key):
    key, _ = make_key(kind="publishable", allowed_origins=[SITE])
    rotate_key(key, overlap=timedelta())
    assert allowed(preflight(client, SITE)) == SITE


def test_preflight_makes_one_query(client, publishable_key, django_assert_num_queries):
    with django_assert_num_queries(1):
        preflight(client, SITE)


def test_patient_and_staff_pages_allow_no_other_origin(client, publishable_key):
    for path in ("/", "/admin/", "/problems/"):
        headers = {"Origin": SITE, "Access-Control-Request-Method": "GET"}
        assert allowed(client.options(path, headers=headers)) is None
        assert allowed(client.get(path, headers=headers)) is None


# Requests


def test_answer_to_the_keys_own_site_is_readable(public_api):
    response = public_api.get("/appointment-types")
    assert response.status_code == 200
    assert allowed(response) == SITE
    assert set(response.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "origin" in response.headers["Vary"].lower()


def test_refusal_of_a_valid_key_is_readable_by_its_site(public_api, make_key, with_key):
    limited = with_key(make_key(kind="publishable", allowed_origins=[SITE], requests_per_minute=1)[1], origin=SITE)
    limited.get("/me")
    refusals = {
        400: public_api.post("/holds", body=b"{"),
        403: public_api.get("/appointments"),
        404: public_api.get("/nowhere"),
        405: public_api("PUT", "/me"),
        406: public_api.get("/me", accept="text/html"),
        413: public_api.post("/holds", body=b" " * 1_000_001),
        415: public_api.post("/holds", body=b"{}", content_type="text/plain"),
        429: limited.get("/me"),
    }
    for status, response in refusals.items():
        assert response.status_code == status
        assert allowed(response) == SITE


def test_answer_to_site_of_another_key_is_not_readable(client, publishable_key, make_key, with_key):
    _, other = make_key(kind="publishable", allowed_origins=[OTHER])
    assert allowed(preflight(client, SITE)) == SITE
    response = with_key(other, origin=SITE).get("/me")
    assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert allowed(response) is None


@pytest.mark.parametrize("origin", NOT_THE_SITE)
def test_publishable_key_from_another_site_is_403_foreign_origin(with_key, publishable_key, origin):
    response = with_key(publishable_key, origin=origin).get("/appointment-types")
    assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert allowed(response) is None


def test_publishable_key_without_origin_is_403_foreign_origin(with_key, publishable_key):
    response = with_key(publishable_key).get("/appointment-types")
    assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert response.json()["title"] == "A publishable key works only in pages of the sites it names (header Origin)."


def test_publishable_key_from_same_origin_page_needs_no_origin_header(make_key, with_key, publishable_key):
    _, own = make_key(kind="publishable", allowed_origins=["http://testserver"])
    assert with_key(own, sec_fetch_site="same-origin").get("/me").status_code == 200
    for where in ("same-site", "cross-site", "none"):
        assert with_key(own, sec_fetch_site=where).get("/me").status_code == 403
    assert with_key(publishable_key, sec_fetch_site="same-origin").get("/me").status_code == 403


@pytest.mark.parametrize("origin", [SITE, OTHER, "null"])
def test_secret_key_without_sites_works_but_is_not_readable_by_pages(with_key, secret_key, publishable_key, origin):
    response = with_key(secret_key, origin=origin).get("/me")
    assert response.status_code == 200
    assert allowed(response) is None


def test_secret_key_with_a_site_is_readable_by_that_site_only(with_key, make_key):
    _, plain = make_key(allowed_origins=[SITE])
    assert allowed(with_key(plain, origin=SITE).get("/me")) == SITE
    other = with_key(plain, origin=OTHER).get("/me")
    assert (other.status_code, allowed(other)) == (200, None)


@pytest.mark.parametrize("key", [None, "hf_pub_" + "A" * 43])
def test_refusal_of_an_invalid_key_is_not_readable_by_pages(with_key, publishable_key, key):
    response = with_key(key, origin=SITE).get("/me")
    assert response.status_code == 401
    assert allowed(response) is None


def test_refusal_of_a_revoked_key_is_not_readable_by_pages(with_key, publishable_key):
    revoke_key(ApiKey.objects.get())
    response = with_key(publishable_key, origin=SITE).get("/me")
    assert (response.status_code, allowed(response)) == (401, None)


def test_options_without_preflight_is_405(with_key, publishable_key):
    response = with_key(publishable_key, origin=SITE)("OPTIONS", "/me")
    assert response.status_code == 405
    assert allowed(response) == SITE
