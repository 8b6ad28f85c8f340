"""Any clinician: a time is offered once, and who it is with is found when it is pressed."""

import pytest

from booking.models import Hold
from scheduling.models import Location
from tests.booking.widget.conftest import Page
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes


@pytest.fixture
def otis(harbour, consultation):
    return make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 11)])


def choices(client, day, **query):
    page = client.get("/book/consultation/", {"day": day, **query})
    parts = [choices for place in page.context["places"] for _, choices in place.parts]
    return {choice.time: (choice.clinician, choice.value) for choices in parts for choice in choices}


def test_time_of_several_clinicians_is_offered_once_without_a_name(client, day, dana, otis):
    found = choices(client, day)

    assert [found[time][0] for time in ("09:00", "10:30", "11:00", "16:30")] == ["", "", "Dana Reed", "Dana Reed"]
    assert ".anyone." in found["09:00"][1]
    assert f".{dana.pk.hex}." in found["11:00"][1]


def test_time_with_chosen_clinician_is_held_with_that_clinician(client, day, dana, otis):
    found = choices(client, day, clinician=otis.pk)

    assert {clinician for clinician, _ in found.values()} == {"Otis Hale"}
    client.post("/book/consultation/hold", {"opening": found["09:00"][1]})
    assert Hold.objects.get().clinician == otis


def test_time_of_any_clinician_is_held_with_the_free_one(client, day, at, dana, otis, hold_time):
    value = choices(client, day)["09:00"][1]
    hold_time(at(9), clinician=dana)

    response = client.post("/book/consultation/hold", {"opening": value})

    assert response.status_code == 303
    assert Hold.objects.exclude(holder="alice's phone").get().clinician == otis
    assert "Otis Hale" in Page(client.get(response["Location"])).text


def test_time_of_any_clinician_is_held_with_the_less_busy_one(client, day, at, dana, otis, book):
    book(at(14))
    client.post("/book/consultation/hold", {"opening": choices(client, day)["09:00"][1]})

    assert Hold.objects.get(status="active").clinician == otis


def test_time_of_any_clinician_when_all_are_taken_is_refused_with_nearest_times(client, day, at, dana, otis, hold_time):
    value = choices(client, day)["09:00"][1]
    for clinician in (dana, otis):
        hold_time(at(9), clinician=clinician)

    with nothing_changes():
        response = client.post("/book/consultation/hold", {"opening": value})

    assert response.status_code == 409
    page = Page(response)
    assert "That time has just been taken" in page.text
    assert [button.split(".")[1] for button in page.buttons[:3]] == ["anyone"] * 3


def test_own_held_time_among_several_clinicians_shows_its_clinician(client, day, at, dana, otis):
    held = client.post("/book/consultation/hold", {"opening": choices(client, day)["09:00"][1]})["Location"]
    token = held.split("/")[2]

    found = choices(client, day, hold=token)

    assert found["09:00"][0] == Hold.objects.get().clinician.name
    again = client.post("/book/consultation/hold", {"opening": found["09:00"][1], "hold": token})
    assert again["Location"] == held


@pytest.mark.parametrize("clinician", ["any", "", "anyone2", "ANYONE"])
def test_opening_with_unknown_word_for_clinician_is_400(client, day, dana, otis, clinician):
    value = choices(client, day)["09:00"][1].replace("anyone", clinician)

    with nothing_changes():
        assert client.post("/book/consultation/hold", {"opening": value}).status_code == 400


def test_chosen_clinician_stays_chosen_when_the_time_is_changed(client, day, dana, otis, harbour, typed):
    wish = {"clinician": otis.pk, "where": harbour.pk}
    value = choices(client, day, **wish)["09:00"][1]
    address = client.post("/book/consultation/hold", {"opening": value, **wish})["Location"]
    page = Page(client.get(address))

    change = f"/book/consultation/?hold={address.split('/')[2]}&day={day}&clinician={otis.pk}&where={harbour.pk}"
    assert change in page.links
    base = address.partition("?")[0]
    assert change in Page(client.post(f"{base}check", page.inputs)).links  # it has errors
    assert Page(client.post(f"{base}check", typed | page.inputs | typed)).inputs["clinician"] == str(otis.pk)
    released = client.post(f"{base}release", {"clinician": otis.pk})["Location"]
    assert released == f"/book/consultation/?day={day}&clinician={otis.pk}&where={harbour.pk}"


def test_assigned_clinician_is_not_chosen_when_the_time_is_changed(client, day, dana, otis, harbour):
    address = client.post("/book/consultation/hold", {"opening": choices(client, day)["09:00"][1]})["Location"]

    assert "clinician=" not in address
    assert (
        f"/book/consultation/?hold={address.split('/')[2]}&day={day}&where={harbour.pk}"
        in Page(client.get(address)).links
    )


def test_holding_again_a_taken_time_offers_nearest_times_at_the_same_place(
    client, day, at, dana, harbour, consultation, hold_time
):
    mitte = Location.objects.create(name="Mitte", timezone="Europe/London")
    otis = make_clinician("Otis Hale", location=mitte, services=[consultation])
    hold = hold_time(at(9), clinician=otis, location=mitte)
    lapse(hold)
    hold_time(at(9), clinician=otis, location=mitte, holder="bob's phone")

    response = client.post(f"/hold/{hold.token}/again")

    assert response.status_code == 409
    assert [(choice.time, choice.place) for choice in response.context["nearest"]] == [
        ("09:30", "Mitte"),
        ("10:00", "Mitte"),
        ("10:30", "Mitte"),
    ]
