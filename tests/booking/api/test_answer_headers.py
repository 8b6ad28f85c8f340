"""All headers of the API's answers, whichever middleware writes them."""

import pytest

from tests.booking.api.conftest import PLENTY, SITE

NO_FEATURES = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), "
    "gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), "
    "screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=(), "
    "publickey-credentials-create=(), publickey-credentials-get=()"
)
CONTENT_SECURITY_POLICY = [
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
    "img-src 'self' data:",
    "manifest-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
]
POLICIES = {
    "Permissions-Policy": NO_FEATURES,
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
JSON = {"Content-Type": "application/json", **POLICIES, "Vary": "origin"}
PROBLEM = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
EXPOSED = (
    "Deprecation, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Sunset, "
    "X-Request-Id"
)


def read_headers(response):
    """Return all headers, without the length of the body and the request's id, which are checked here."""
    headers = dict(response.items())
    assert headers.pop("X-Request-Id")
    if "Content-Length" in headers:
        assert headers.pop("Content-Length") == str(len(response.content))
    if policy := headers.get("Content-Security-Policy"):
        headers["Content-Security-Policy"] = sorted(policy.split("; "))
    return headers


def count(requests):
    """Return the RateLimit headers of a key's answer to that many requests."""
    return {
        "RateLimit-Policy": f'"key";q={PLENTY};w=60',
        "RateLimit": f'"key";r={PLENTY - requests};t=60',
    }


@pytest.fixture
def opening(consultation, dana, at):
    """The body of a request for nine o'clock."""
    return {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}


def test_answers_to_holding_and_confirming_have_these_headers(api, opening, alice):
    patient = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": alice.email}

    held = api.post("/holds", opening)
    id = held.json()["data"]["id"]
    confirmed = api.post(f"/holds/{id}/confirm", {"patient": patient})
    unchanged = api.get(f"/appointments/{id}", if_none_match=confirmed["ETag"])

    no_store = {"Cache-Control": "no-store"}
    location = "http://testserver/api/v1"
    assert read_headers(held) == {
        **JSON,
        **no_store,
        **count(1),
        "ETag": held["ETag"],
        "Location": f"{location}/holds/{id}",
    }
    assert read_headers(confirmed) == {
        **JSON,
        **no_store,
        **count(2),
        "ETag": confirmed["ETag"],
        "Location": f"{location}/appointments/{id}",
    }
    assert unchanged.status_code == 304
    assert read_headers(unchanged) == {**POLICIES, "Vary": "origin", **no_store, **count(3), "ETag": confirmed["ETag"]}


def test_answer_to_page_of_the_site_has_cors_headers_too(public_api, opening):
    held = public_api.post("/holds", opening)

    assert read_headers(held) == {
        **JSON,
        **count(1),
        "Cache-Control": "no-store",
        "ETag": held["ETag"],
        "Location": f"http://testserver/api/v1/holds/{held.json()['data']['id']}",
        "access-control-allow-origin": SITE,
        "access-control-expose-headers": EXPOSED,
    }


def test_preflight_says_what_a_page_may_send(client, publishable_key):
    preflight = client.options("/api/v1/holds", headers={"origin": SITE, "access-control-request-method": "POST"})

    headers = read_headers(preflight)
    assert headers.pop("content-length") == "0"
    assert headers == {
        "Content-Type": "text/html; charset=utf-8",
        "Permissions-Policy": NO_FEATURES,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "origin",
        "access-control-allow-origin": SITE,
        "access-control-allow-headers": "authorization, content-type, idempotency-key, if-match, if-none-match, "
        "x-api-key, x-client-id, x-idempotency-error, x-idempotency-key, x-request-id, x-vital-api-key",
        "access-control-allow-methods": "DELETE, GET, OPTIONS, PATCH, POST, PUT",
        "access-control-expose-headers": EXPOSED,
        "access-control-max-age": "86400",
    }


@pytest.mark.parametrize(
    ("status", "method", "path", "more"),
    [
        (400, "POST", "/holds", {}),
        (404, "GET", "/nowhere", {}),
        (404, "GET", "/me/", {}),
        (405, "DELETE", "/holds", {"Allow": "GET, POST, HEAD"}),
    ],
)
def test_refusals_by_endpoints_have_these_headers(api, status, method, path, more):
    refused = api(method, path, {})

    assert refused.status_code == status
    assert read_headers(refused) == {**JSON, **PROBLEM, **count(1), **more}


def test_refusal_without_key_has_a_challenge(with_key, opening):
    refused = with_key(None).post("/holds", opening)

    assert read_headers(refused) == {**JSON, **PROBLEM, "WWW-Authenticate": 'Bearer realm="Holdfast"'}


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (413, {"body": b"a" * 1_000_001}),
        (415, {"body": b"a=b", "content_type": "multipart/form-data; boundary=x"}),
        (400, {"host": "scanner.example"}),
    ],
)
def test_refusals_before_any_endpoint_have_these_headers(api, status, sent):
    refused = api.post("/holds", **sent)

    assert refused.status_code == status
    assert read_headers(refused) == {**PROBLEM, "Vary": "origin"}


def test_page_of_the_documentation_has_these_headers(db, client):
    page = client.get("/api/docs")

    assert read_headers(page) == {
        **POLICIES,
        "Content-Type": "text/html; charset=utf-8",
        "Vary": "Accept-Encoding, origin",
    }
