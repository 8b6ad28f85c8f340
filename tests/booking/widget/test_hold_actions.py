"""More time, an expired hold, another try, giving back: nothing typed is ever lost."""

from datetime import timedelta

import pytest

from booking.domain.holds import find_hold, release_hold
from booking.models import Hold
from scheduling.lib.clock import database_now
from tests.booking.widget.conftest import Page
from tests.ledger import lapse, nothing_changes


def url(hold, name=""):
    return f"/hold/{hold.token}/{name}"


def find_token(response):
    return response["Location"].split("/")[2]


@pytest.mark.parametrize(("came_from", "goes_to"), [("", ""), ("check", "check")])
def test_extend_returns_to_the_same_step_with_everything_typed(client, held, typed, came_from, goes_to):
    before = held.expires_at

    response = client.post(url(held, "extend"), typed | {"from": came_from})

    held.refresh_from_db()
    assert held.expires_at > before
    # 307: the browser posts the same form there again.
    assert (response.status_code, response["Location"]) == (307, f"{url(held, goes_to)}?extended=1")
    page = Page(client.post(response["Location"], typed))
    assert "You have more time now." in page.text
    assert page.inputs["first_name"] == "Alice"


def test_extend_beyond_the_limit_is_refused(client, held, typed):
    Hold.objects.update(extensions=Hold.MAX_EXTENSIONS)

    with nothing_changes():
        response = client.post(url(held, "extend"), typed)

    page = Page(response)
    assert response.status_code == 409
    assert "It cannot be held any longer" in page.text
    assert "Need more time?" not in page.text
    assert page.inputs["first_name"] == "Alice"


@pytest.mark.parametrize("step", ["check", "confirm", "extend"])
def test_expired_hold_keeps_input_and_offers_to_hold_again(client, lapsed, typed, step):
    with nothing_changes():
        response = client.post(url(lapsed, step), typed)

    page = Page(response)
    assert response.status_code == 410
    assert 'class="running" hidden' in response.content.decode()
    assert "This time is no longer held for you If it is still free, you can hold it again." in page.text
    assert "Hold it again" in page.text
    assert page.inputs["last_name"] == "Archer"


def test_hold_again_from_check_returns_to_check(client, lapsed, typed, hold_time, at):
    typed["from"] = "check"
    for step in ("confirm", "extend"):
        assert "Check and confirm" in Page(client.post(url(lapsed, step), typed)).text
    held_again = client.post(url(lapsed, "again"), typed)["Location"]
    assert held_again.endswith("/check")
    assert "Held for you until" in Page(client.post(held_again, typed)).text

    hold_time(at(10))
    taken = client.post(url(lapsed, "again"), typed)

    assert taken.status_code == 409
    page = Page(taken)
    assert "Check and confirm" in page.text and len(page.buttons) == 3


def test_expired_hold_mentions_input_only_if_there_is_any(client, lapsed, typed):
    hidden = '<span id="kept" hidden>'
    assert hidden in client.get(url(lapsed)).content.decode()
    assert hidden in client.post(url(lapsed), {"first_name": "", "from": "check"}).content.decode()
    assert hidden not in client.post(url(lapsed), typed).content.decode()


@pytest.fixture
def visitors(hold_time, at):
    """A visitor's hold on nine o'clock: ``visitors(minutes=5)`` are left of it."""

    def visitors(**left):
        hold = hold_time(at(9), network="the waiting room")
        hold.expires_at = database_now() + timedelta(**left)
        hold.save()
        return hold

    return visitors


def test_visitor_extends_in_the_last_five_minutes(client, visitors, typed):
    hold = visitors(minutes=5)

    there = client.post(url(hold, "extend"), typed)["Location"]

    hold.refresh_from_db()
    assert hold.extensions == 1
    assert "You have more time now." in Page(client.post(there, typed)).text


def test_visitor_cannot_extend_in_advance(client, visitors, typed):
    hold = visitors(minutes=5, seconds=30)

    with nothing_changes():
        there = client.post(url(hold, "extend"), typed)["Location"]

    page = Page(client.post(there, typed))
    assert "There is time left. In the last five minutes you can ask for more." in page.text
    assert page.inputs["first_name"] == "Alice"


@pytest.mark.parametrize(("minutes", "waits"), [(15, True), (4, False)])
def test_button_for_more_time_waits_for_the_last_minutes(client, visitors, minutes, waits):
    page = client.get(url(visitors(minutes=minutes))).content.decode()

    assert ('class="plain more-time unscripted"' in page, 'class="plain more-time"' in page) == (waits, not waits)


def test_more_time_by_htmx_answers_with_the_countdown_alone(client, held, typed):
    response = client.post(url(held, "extend"), typed, headers={"HX-Request": "true"})

    assert response.status_code == 200
    body = response.content.decode()
    assert "You have more time now." in body
    assert body.lstrip().startswith('<div id="countdown"')
    assert "<form" not in body


def test_refused_more_time_by_htmx_replaces_the_whole_page(client, lapsed, typed):
    with nothing_changes():
        response = client.post(url(lapsed, "extend"), typed, headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Retarget"]) == (410, "#page")
    assert "This time is no longer held for you" in Page(response).text


def test_note_tells_of_a_live_hold_and_of_no_other(client, held, day):
    shown = f"You hold {day:%a} {day.day} {day:%b}, 09:00 for 15 more minutes."
    assert shown in client.get(url(held, "note")).content.decode()
    assert shown in Page(client.get(f"/?hold={held.token}")).text
    assert shown in Page(client.get(f"/book/consultation/?hold={held.token}")).text

    release_hold(held, actor="patient")
    assert "You hold" not in client.get(url(held, "note")).content.decode()
    assert "You hold" not in Page(client.get(f"/?hold={held.token}")).text
    assert client.get("/hold/unknown/note").content.strip() == b""


def test_extended_notice_is_shown_once(client, held, typed):
    there = client.post(url(held, "extend"), typed)["Location"]

    assert "You have more time now." in Page(client.post(there, typed)).text
    assert "You have more time now." not in Page(client.get(there)).text


def test_hold_again_of_free_time_holds_it(client, lapsed, typed, at):
    response = client.post(url(lapsed, "again"), typed)

    again = find_hold(find_token(response))
    assert (again.starts_at, again.status) == (at(9), "active")
    assert response.status_code == 307
    page = Page(client.post(response["Location"], typed))
    assert page.inputs["first_name"] == "Alice"


def test_hold_again_of_taken_time_is_409_with_three_nearest(client, lapsed, typed, at, hold_time, opening):
    hold_time(at(9), holder="bob's phone")

    with nothing_changes():
        response = client.post(url(lapsed, "again"), typed)

    page = Page(response)
    assert response.status_code == 409
    assert "That time has just been taken" in page.text
    assert page.buttons == [opening(at(9, 30)), opening(at(10)), opening(at(10, 30))]
    assert page.inputs["first_name"] == "Alice"
    assert "Hold it again" not in page.text


def test_nearest_time_is_held_with_everything_typed(client, lapsed, typed, at, opening):
    response = client.post(url(lapsed, "again"), typed | {"opening": opening(at(10))})

    assert find_hold(find_token(response)).starts_at == at(10)
    assert response.status_code == 307


def test_hold_again_with_malformed_or_unoffered_opening_changes_nothing(client, lapsed, typed, at, opening, hold_time):
    for value, status in [("nonsense", 400), (opening(at(12)), 422)]:
        with nothing_changes():
            response = client.post(url(lapsed, "again"), typed | {"opening": value})

        assert response.status_code == status
        assert Page(response).inputs["first_name"] == "Alice"


def test_hold_again_counts_against_the_hours_of_the_network(client, lapsed, typed, at, opening, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1
    for hour in (10, 11, 13, 14):
        client.post("/book/consultation/hold", {"opening": opening(at(hour))})

    with nothing_changes():
        response = client.post(url(lapsed, "again"), typed)

    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert Page(response).inputs["first_name"] == "Alice"


def test_hold_again_of_live_hold_keeps_it(client, held, typed):
    with nothing_changes():
        assert client.post(url(held, "again"), typed)["Location"] == url(held)


def test_details_page_of_expired_hold_is_410(client, lapsed):
    response = client.get(url(lapsed))

    assert response.status_code == 410
    assert "This time is no longer held for you." in Page(response).text


def test_release_frees_the_time_and_shows_that_day(client, held, day, harbour):
    response = client.post(url(held, "release"))

    held.refresh_from_db()
    assert held.status == "released"
    assert response["Location"] == f"/book/consultation/?day={day}&where={harbour.pk}"


@pytest.mark.parametrize("name", ["", "check", "done"])
def test_pages_of_released_hold_are_410_and_offer_the_times(client, held, name):
    release_hold(held, actor="patient")

    response = client.get(url(held, name))

    assert response.status_code == 410
    assert "That time was given back" in Page(response).text
    assert "/book/consultation/" in Page(response).links


def test_actions_on_released_hold_are_410(client, held, typed):
    release_hold(held, actor="patient")

    for name in ("check", "confirm", "extend", "again", "release"):
        with nothing_changes():
            assert client.post(url(held, name), typed).status_code == 410


def test_countdown_for_htmx_is_a_fragment(client, held):
    htmx = {"HX-Request": "true"}

    fragment = client.get(url(held, "countdown"), headers=htmx).content.decode()
    assert fragment.strip().startswith('<div id="countdown"')
    assert client.get(url(held, "countdown"))["Location"] == url(held)

    lapse(held)
    assert 'data-seconds-left="0"' in client.get(url(held, "countdown"), headers=htmx).content.decode()


def test_countdown_of_finished_hold_refreshes_the_page(client, held):
    release_hold(held, actor="patient")

    for address in (url(held, "countdown"), "/hold/nonsense/countdown"):
        response = client.get(address, headers={"HX-Request": "true"})

        assert (response.status_code, response["HX-Refresh"]) == (204, "true")


def test_countdown_under_two_minutes_warns(client, held):
    assert "countdown short" not in client.get(url(held)).content.decode()

    Hold.objects.update(expires_at=database_now() + timedelta(seconds=100))

    assert "countdown short" in client.get(url(held)).content.decode()
