"""The waiting room's pages, while more come than can be served."""

import re
import time

import pytest
from django.test import Client

from booking.access.optional_redis import optional_redis
from booking.access.waiting_line import KEY, waiting_line
from booking.models import EmbeddingSite
from booking.models.embedding import recent_sites
from booking.ops import overload
from booking.widget import waiting_room

TIMES = "/book/consultation/"


@pytest.fixture
def rush(monkeypatch, dana):
    """A rush in this process, and a line without anybody in it; it can be told that all were admitted."""
    line = waiting_line()
    line.redis.client.delete(KEY)
    line.draw(0, is_pressed=True)
    # One in a thousand seconds is admitted, whatever the clock says.
    line.redis.client.hset(KEY, mapping={"drawn": 0, "admitted": 0, "rate": 0.001, "at": time.time(), "rated_at": 1e12})
    monkeypatch.setattr(overload, "state", overload.State())
    overload.state.is_overloaded = overload.state.is_pressed = True
    waiting_room.lines.forget()

    def admit():
        line.redis.client.hset(KEY, "admitted", line.redis.client.hget(KEY, "drawn"))
        waiting_room.lines.forget()

    yield admit
    line.redis.client.delete(KEY)
    waiting_room.lines.forget()


@pytest.fixture
def calm():
    waiting_line().redis.client.delete(KEY)
    waiting_room.lines.forget()


def get_text(response):
    return " ".join(re.sub("<[^>]*>", " ", response.content.decode()).split())


def test_newcomer_waits_in_line_and_goes_in_when_it_is_their_turn(rush, client, day):
    response = client.get(TIMES, {"day": day})
    assert response.status_code == 303
    place = response["Location"]
    assert re.fullmatch(rf"/line/[\w-]+{TIMES}\?day={day}", place)

    page = client.get(place)
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert "You are next." in get_text(page)
    assert '<noscript><meta http-equiv="refresh" content="' in page.content.decode()

    rush()
    inside = client.get(place)
    assert inside.status_code == 303
    assert re.fullmatch(rf"/in/[\w-]+{TIMES}\?day={day}", inside["Location"])
    times = client.get(inside["Location"])
    assert times.status_code == 200
    prefix = inside["Location"].partition(TIMES)[0]
    assert f'action="{prefix}{TIMES}hold"' in times.content.decode()  # whatever it leads to has the pass
    assert "canonical" not in times.content.decode()


def test_place_is_told_and_kept_by_reloading(rush, client):
    first, second = (client.get("/")["Location"] for _ in range(2))

    for _ in range(2):
        assert "1 person is ahead of you." in get_text(client.get(second))
        assert "You are next." in get_text(client.get(first))


def test_page_asks_by_htmx_and_minutes_are_read_out_only_when_they_change(rush, client):
    place = client.get("/")["Location"]
    page = client.get(place).content.decode()
    poll = re.search('id="looking" hx-get="([^"]*)"', page)[1]
    assert poll == f"{place}?shown=17"
    assert re.search('<p id="turn" role="status">', page)

    again = client.get(poll, headers={"HX-Request": "true"}).content.decode()
    assert again.strip().startswith('<div id="looking"')
    assert 'id="turn"' not in again

    other = client.get(f"{place}?shown=7", headers={"HX-Request": "true"}).content.decode()
    assert '<p id="turn" hx-swap-oob="innerHTML">' in other

    rush()
    admitted = client.get(poll, headers={"HX-Request": "true"})
    assert re.fullmatch(r"/in/[\w-]+/", admitted["HX-Redirect"])


def test_page_is_in_the_language_of_its_address(rush, client):
    place = client.get(f"/de{TIMES}")["Location"]

    page = client.get(place)

    assert re.fullmatch(rf"/de/line/[\w-]+{TIMES}", place)
    assert page["Content-Language"] == "de"
    assert f'href="{place.replace("/de/", "/fr/")}" hreflang="fr"' in page.content.decode()
    rush()
    assert re.fullmatch(rf"/de/in/[\w-]+{TIMES}", client.get(place)["Location"])


def test_holders_staff_and_programs_do_not_wait(rush, client, held):
    assert client.get(TIMES, {"hold": held.token}).status_code == 200
    assert client.get(f"/hold/{held.token}/").status_code == 200
    assert client.get("/api/v1/availability").status_code == 401
    assert client.get("/admin/login/").status_code == 200
    assert client.get(TIMES, {"hold": "x" * 43}).status_code == 303


def test_time_is_not_held_from_outside_the_line(rush, client, opening, at):
    response = client.post(
        f"{TIMES}hold", f"opening={opening(at(9))}", content_type="application/x-www-form-urlencoded"
    )

    assert re.fullmatch(rf"/line/[\w-]+{TIMES}", response["Location"])


def test_place_is_shared_with_few_and_a_pass_with_none_beyond_a_browsers_pages(rush, client, monkeypatch):
    place = client.get("/")["Location"]
    rush()

    passes = [client.get(place)["Location"] for _ in range(4)]

    assert [address.startswith("/in/") for address in passes] == [True, True, True, False]
    monkeypatch.setattr(waiting_room, "PAGES_PER_PASS", 2)
    statuses = [client.get(address).status_code for address in passes[:3]]
    assert statuses == [200, 200, 303]


@pytest.mark.parametrize("address", ["/line/x/", "/line/x//evil.example/", "/line/x/admin/", "/in/x/"])
def test_token_that_is_none_leads_to_the_entrance(rush, client, address):
    response = client.get(address)

    assert response.status_code == 303
    assert re.fullmatch(r"/|/line/[\w-]+/", response["Location"])


@pytest.mark.parametrize("address", ["/in/x/admin/login/", "/in/x/de/admin/login/", "/in/x/de/api/v1/availability"])
def test_pass_opens_nothing_but_the_patients_pages(rush, client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", [f"/in/x/de{TIMES}", f"/in/x/de/fr{TIMES}", f"/fr/in/x/de{TIMES}", "/in/x/de"])
def test_language_behind_what_is_no_pass_leads_nobody_past_the_line(rush, client, address):
    assert client.get(address).status_code == 404


def test_without_redis_newcomers_are_asked_to_come_back(rush, client, monkeypatch):
    monkeypatch.setattr(optional_redis(), "retry_at", float("inf"))

    response = client.get(f"/fr{TIMES}")

    assert (response.status_code, response["Retry-After"]) == (503, response["Refresh"])
    assert '<html lang="fr"' in response.content.decode()


def test_network_draws_no_more_numbers_than_it_may_open_pages(rush, settings):
    settings.PAGES_PER_NETWORK = 2
    bot = Client(REMOTE_ADDR="10.77.1.1")

    assert [bot.get("/").status_code for _ in range(3)] == [303, 303, 429]


def test_in_the_calm_nobody_waits_and_old_addresses_lead_in(calm, client, dana):
    assert client.get(TIMES).status_code == 200
    assert client.get(f"/in/x{TIMES}").status_code == 200
    assert client.get(f"/line/x{TIMES}")["Location"] == TIMES


def test_listed_site_may_frame_the_line_and_the_page_of_who_is_refused(rush, client, monkeypatch):
    place = client.get("/")["Location"]
    EmbeddingSite.objects.create(origin="https://www.clinic.example")
    recent_sites.forget()
    waiting_room.pages.forget()

    line = client.get(place)
    monkeypatch.setattr(optional_redis(), "retry_at", float("inf"))
    refused = client.get("/")

    assert (line.status_code, refused.status_code) == (200, 503)
    for page in (line, refused):
        assert "frame-ancestors 'self' https://www.clinic.example;" in f"{page['Content-Security-Policy']};"
        assert "X-Frame-Options" not in page.headers


def test_room_that_is_switched_off_lets_everybody_in(rush, client, settings):
    settings.WAITING_ROOM = "off"

    assert client.get(TIMES).status_code == 200
