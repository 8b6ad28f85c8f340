import pytest
from django.test import Client

from tests.booking.ops.metrics.conftest import TOKEN


def ask(**options):
    return Client().get("/metrics", **options)


def test_metrics_without_a_setting_are_404(db):
    assert ask().status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {TOKEN}"}])
def test_metrics_without_the_token_are_401_and_say_nothing(opened, headers):
    response = ask(headers=headers)
    assert (response.status_code, response["WWW-Authenticate"], response.content) == (401, "Bearer", b"")


def test_metrics_with_the_token_are_in_the_text_format(db, opened):
    response = ask(headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.0.0.7"})
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response["Cache-Control"] == "no-store"


def test_metrics_can_only_be_read(opened):
    response = Client().post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_own_port_has_the_metrics_and_nothing_else(db, opened):
    opened.METRICS_TOKEN, opened.METRICS_BIND = "", "127.0.0.1:9108"
    assert ask(SERVER_PORT="9108").status_code == 200
    assert Client().get("/healthz/live", SERVER_PORT="9108").status_code == 404
    assert Client().get("/", SERVER_PORT="9108").status_code == 404
    assert ask().status_code == 404


def test_own_port_wants_the_token_where_there_is_one(opened):
    opened.METRICS_BIND = "127.0.0.1:9108"
    assert ask(SERVER_PORT="9108").status_code == 401


def test_request_is_counted_by_route_without_what_is_in_its_path(scrape, harbour):
    before = scrape()
    Client().get("/problems/slot-taken?name=Alice")
    Client().generic("BREW", "/problems/slot-taken")
    Client().get("/nobody-is-here/alice")
    after = scrape()
    counted = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    requests = {key[1:]: value for key, value in counted.items() if key[0] == "holdfast_requests_total"}
    assert requests == {
        (("method", "GET"), ("route", "/problems/<slug:code>"), ("status", "200")): 1,
        (("method", "other"), ("route", "/problems/<slug:code>"), ("status", "200")): 1,
        (("method", "GET"), ("route", "unknown"), ("status", "404")): 1,
    }
    timed = {key[1:]: value for key, value in counted.items() if key[0] == "holdfast_request_seconds_count"}
    assert timed == {
        (("method", "GET"), ("route", "/problems/<slug:code>")): 1,
        (("method", "other"), ("route", "/problems/<slug:code>")): 1,
        (("method", "GET"), ("route", "unknown")): 1,
    }
