"""Pressing a time: it is held at once, or the page says why not and what is free instead."""

from datetime import timedelta

import pytest

from booking.domain.holds import find_hold
from booking.models import Hold
from scheduling.models import Service, TimeOff
from tests.booking.widget.conftest import Page
from tests.conftest import make_clinician
from tests.ledger import nothing_changes


@pytest.fixture
def press(client):
    """Press a time on the page of times: ``press(opening(at(9)), hold=…)``."""
    return lambda opening, **state: client.post("/book/consultation/hold", {"opening": opening, **state})


def test_pressed_time_is_held(press, opening, at, dana, harbour, consultation):
    response = press(opening(at(9)))

    hold = Hold.objects.get()
    assert (hold.service, hold.clinician, hold.location, hold.starts_at) == (consultation, dana, harbour, at(9))
    assert not hold.is_remote
    assert response.status_code == 303
    assert find_hold(response["Location"].split("/")[2]) == hold


def test_pressed_video_time_is_held_as_video(press, opening, at, dana):
    Service.objects.update(mode="both")
    dana.working_hours.update(is_remote=True)

    press(opening(at(9), is_remote=True))

    assert Hold.objects.get().is_remote


def test_pressed_time_just_taken_is_409_with_three_nearest(press, opening, at, held):
    with nothing_changes():
        response = press(opening(at(9)))

    page = Page(response)
    assert response.status_code == 409
    assert "That time has just been taken" in page.text
    assert page.buttons[:3] == [opening(at(9, 30)), opening(at(10)), opening(at(10, 30))]


def test_nearest_times_match_the_filters_when_any_do(press, opening, at, held, dana, harbour, consultation):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])

    nearest = Page(press(opening(at(9)), clinician=otis.pk)).buttons[:3]
    assert nearest == [opening(at(*time), clinician_id=otis.pk) for time in [(9,), (9, 30), (10,)]]

    otis.working_hours.all().delete()
    assert len(press(opening(at(9)), clinician=dana.pk).context["nearest"]) == 3


@pytest.mark.parametrize(
    ("hour", "why"),
    [(12, "There are no working hours then."), (14, "The clinic is closed or the clinician is away then.")],
)
def test_pressed_time_not_offered_is_422_with_reason(press, opening, at, dana, hour, why):
    TimeOff.objects.create(clinician=dana, starts_at=at(14), ends_at=at(15))

    with nothing_changes():
        response = press(opening(at(hour)))

    assert response.status_code == 422
    assert why in Page(response).text
    assert len(response.context["nearest"]) == 3


def test_pressed_time_too_soon_or_too_far_is_refused_with_reason(press, opening, at):
    Service.objects.update(notice=timedelta(days=10))
    assert "The clinic needs a little notice" in Page(press(opening(at(9)))).text.replace("the clinic", "The clinic")

    Service.objects.update(notice=timedelta(), horizon=timedelta(days=2))
    assert "that day cannot be booked yet" in Page(press(opening(at(9)))).text


def test_hold_beyond_the_hours_of_a_network_is_429_whatever_the_browser(client, opening, at, settings):
    settings.ONLINE_HELD_HOURS_PER_NETWORK = 1

    def press(hour):
        browser = {"user-agent": f"Phone {hour}"}
        return client.post("/book/consultation/hold", {"opening": opening(at(hour))}, headers=browser)

    assert [press(hour).status_code for hour in (9, 10, 11, 13)] == [303] * 4
    with nothing_changes():
        response = press(14)

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 25 * 60 * 60
    assert "Many people are booking from where you are" in Page(response).text


def test_pressed_time_replaces_the_one_held(press, opening, at, held):
    response = press(opening(at(10)), hold=held.token)

    held.refresh_from_db()
    assert held.status == "released"
    assert find_hold(response["Location"].split("/")[2]).starts_at == at(10)


def test_pressed_time_overlapping_the_one_held_replaces_it(press, opening, at, held):
    Service.objects.update(step=timedelta(minutes=15))

    press(opening(at(9, 15)), hold=held.token)

    assert Hold.objects.get(status="active").starts_at == at(9, 15)


def test_pressed_time_that_is_taken_leaves_the_one_held(press, opening, at, held, hold_time):
    hold_time(at(10), holder="bob's phone")

    with nothing_changes():
        response = press(opening(at(10)), hold=held.token)

    assert response.status_code == 409
    assert opening(at(9)) in Page(response).buttons


def test_pressed_own_held_time_redirects_to_its_page(press, opening, at, held):
    with nothing_changes():
        response = press(opening(at(9)), hold=held.token)

    assert response["Location"] == f"/hold/{held.token}/"


def test_pressed_time_never_replaces_a_confirmed_hold(press, opening, at, held, booked):
    press(opening(at(10)), hold=held.token)

    booked.refresh_from_db()
    assert booked.status == "confirmed"
    assert Hold.objects.get(status="active").starts_at == at(10)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "1.2.3",
        "-1.{dana}.{harbour}.video",
        "9{start}.{dana}.{harbour}.in-person",
        "{start}.{dana}.{harbour}.by-owl",
        "{start}.{dana}\x00.{harbour}.video",
        "\u202e",
        "7" * 10_000,
    ],
)
def test_pressed_malformed_time_is_400(press, at, dana, harbour, value):
    value = value.format(start=int(at(9).timestamp()), dana=dana.pk.hex, harbour=harbour.pk.hex)

    with nothing_changes():
        response = press(value)

    assert response.status_code == 400
    assert "That is not a time we know" in Page(response).text


def test_pressed_time_with_unknown_ids_is_refused(press, opening, at, consultation, dana, harbour):
    for changes in ({"clinician_id": harbour.pk}, {"location_id": dana.pk}):
        with nothing_changes():
            response = press(opening(at(9), **changes))

        assert response.status_code == 422
        assert "This is not offered by that clinician there." in Page(response).text


def test_pressed_time_of_service_only_staff_book_is_404(press, opening, at, dana):
    Service.objects.update(is_online_bookable=False)

    with nothing_changes():
        assert press(opening(at(9))).status_code == 404
