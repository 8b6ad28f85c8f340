"""All patients' pages: no cookie, no caching, nothing from third parties, plain answers."""

import re

import pytest
from django.test import Client

from tests.booking.widget.conftest import Page
from tests.ledger import nothing_changes


def pages(held):
    return ["/", "/book/consultation/", f"/hold/{held.token}/"]


def test_pages_set_no_cookie(client, held, booked):
    for address in [*pages(held), f"/hold/{held.token}/done", "/hold/nonsense/", "/book/nonsense/"]:
        client.get(address)

    assert not client.cookies


def test_forms_with_csrf_checks_need_no_cookie(held, typed):
    response = Client(enforce_csrf_checks=True).post(f"/hold/{held.token}/check", typed)

    assert response.status_code == 200


def test_pages_forbid_caching_and_referrers(client, held):
    for address in pages(held):
        response = client.get(address)

        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"


def test_pages_with_token_are_not_indexed(client, held):
    assert client.get(f"/hold/{held.token}/")["X-Robots-Tag"] == "noindex, nofollow"
    assert "X-Robots-Tag" not in client.get("/")


def test_pages_load_nothing_from_elsewhere(client, held):
    for address in pages(held):
        body = re.sub('<(?:link rel="(?:canonical|alternate)"|meta)[^>]*>', "", client.get(address).content.decode())

        assert "http://" not in body
        assert "https://" not in body
        assert " style=" not in body
        assert " onclick" not in body
        assert "<style" not in body


def test_page_for_htmx_is_a_fragment(client, held):
    for address in pages(held):
        fragment = client.get(address, headers={"HX-Request": "true"}).content.decode()

        assert "<html" not in fragment
        assert "<title>" in fragment
        assert "<h1" in fragment


def test_refusal_for_htmx_keeps_the_address(client, held, typed):
    htmx = {"HX-Request": "true"}

    assert client.post(f"/hold/{held.token}/check", {}, headers=htmx)["HX-Push-Url"] == "false"
    assert "HX-Push-Url" not in client.post(f"/hold/{held.token}/check", typed, headers=htmx)


@pytest.mark.parametrize("name", ["", "check", "done", "appointment.ics"])
@pytest.mark.parametrize("token", ["nonsense", "x" * 200])
def test_page_with_unknown_token_is_404(client, db, token, name):
    response = client.get(f"/hold/{token}/{name}")

    assert response.status_code == 404
    assert "We could not find that" in Page(response).text


@pytest.mark.parametrize("name", ["extend", "again", "release", "check", "confirm"])
def test_action_with_unknown_token_changes_nothing(client, held, typed, name):
    with nothing_changes():
        assert client.post(f"/hold/{held.token}x/{name}", typed).status_code == 404


def test_page_with_wrong_method_is_405(client, held):
    for name, allowed in [("extend", "POST"), ("again", "POST"), ("release", "POST"), ("confirm", "POST")]:
        with nothing_changes():
            response = client.get(f"/hold/{held.token}/{name}")

        assert (response.status_code, response["Allow"]) == (405, allowed)
        assert "There is nothing to see here" in Page(response).text
    for address, allowed in [("/", "GET"), ("/book/consultation/", "GET"), (f"/hold/{held.token}/", "GET, POST")]:
        response = client.delete(address)

        assert (response.status_code, response["Allow"]) == (405, allowed)


def test_head_request_is_answered_like_get(client, held):
    for address in pages(held):
        assert client.head(address).status_code == 200


ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://["},
]
HERE = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},  # the clinic's own site
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://testserver"},
    {"Origin": "https://TESTSERVER"},  # a proxy speaks https
    {"Origin": "null"},  # our pages send no referrer
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_form_of_another_site_is_refused(client, dana, opening, at, headers):
    with nothing_changes():
        response = client.post("/book/consultation/hold", {"opening": opening(at(9))}, headers=headers)

    assert response.status_code == 403
    assert "This came from another site" in Page(response).text


@pytest.mark.parametrize("headers", HERE)
def test_form_of_our_own_pages_is_accepted(client, dana, opening, at, headers):
    response = client.post("/book/consultation/hold", {"opening": opening(at(9))}, headers=headers)

    assert response.status_code == 303


def test_link_of_another_site_opens_a_page(client, db):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_pages_have_a_limit_for_each_network(redis, settings, dana):
    settings.PAGES_PER_NETWORK = 2

    shown, again, refused = [Client(REMOTE_ADDR="192.0.2.7").get("/") for _ in range(3)]

    assert (shown.status_code, again.status_code, refused.status_code) == (200, 200, 429)
    assert f"Please try again in {refused['Retry-After']} seconds." in refused.content.decode()
    assert "Many people are booking from where you are" in refused.content.decode()
    assert Client(REMOTE_ADDR="192.0.2.8").get("/").status_code == 200


def test_pages_are_shown_while_redis_is_away(redis, settings, client, dana):
    settings.PAGES_PER_NETWORK = 1
    redis.kill()

    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 200]
