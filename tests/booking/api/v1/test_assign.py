"""One clinician for each start: assign in availability, per day, and next; and the key of what was assigned."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from booking.models import Hold
from scheduling.models import Location
from scheduling.slots import take_slot
from tests.conftest import make_clinician


@pytest.fixture
def otis(harbour, consultation):
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


@pytest.fixture
def ask(api, consultation):
    """Ask for availability of the consultation: ``ask("/days", assign="random")``; returns the data."""

    def ask(path="", status=200, **query):
        response = api.get(f"/availability{path}", query={"appointment_type_id": consultation.pk, **query})
        assert response.status_code == status, response.content
        return response.json()["data"] if status == 200 else response.json()

    return ask


def test_balanced_assignment_offers_each_start_with_the_least_booked_clinician(ask, dana, otis, hold_time, day, at):
    hold_time(at(9))

    openings = ask(start_date=day, end_date=day, assign="balanced")

    assert [opening["start_time"][11:16] for opening in openings] == [
        f"{hour:02}:{minute:02}" for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)
    ]
    assert {opening["clinician_name"] for opening in openings} == {"Otis Hale"}


def test_assigned_opening_has_the_members_of_any_opening(ask, dana, otis, day):
    def plain(assign):
        openings = ask(start_date=day, end_date=day, assign=assign)
        return [{**opening, "booking_key": ""} for opening in openings]

    balanced = plain("balanced")
    assert balanced == [opening for opening in plain("none") if opening["clinician_name"] == "Dana Reed"]
    assert plain("none") == [{**opening, "booking_key": ""} for opening in ask(start_date=day, end_date=day)]


def test_random_assignment_offers_each_start_with_one_clinician(ask, dana, otis, day):
    seen = Counter()
    for _ in range(8):
        openings = ask(start_date=day, end_date=day, assign="random")
        assert len({opening["start_time"] for opening in openings}) == len(openings) == 14
        seen.update(opening["clinician_name"] for opening in openings)
    assert min(seen["Dana Reed"], seen["Otis Hale"]) > 20


def test_assignment_is_separate_for_each_location(ask, dana, otis, consultation, day):
    quay = Location.objects.create(name="Quay", city="London")
    make_clinician("Ada Byrne", location=quay, services=[consultation])

    openings = ask(start_date=day, end_date=day, assign="balanced")

    assert [(one["clinician_name"], one["location_name"]) for one in openings[:2]] == [
        ("Ada Byrne", "Quay"),
        ("Dana Reed", "Harbour Street"),
    ]
    assert len(openings) == 28
    assert len(ask(start_date=day, end_date=day, assign="balanced", location_id=quay.pk)) == 14


def test_assignment_chooses_among_the_named_clinicians(ask, dana, otis, harbour, consultation, day):
    vera = make_clinician("Vera Holm", location=harbour, services=[consultation])

    openings = ask(start_date=day, end_date=day, assign="balanced", clinician_id=[otis.pk, vera.pk])

    assert {opening["clinician_name"] for opening in openings} == {"Otis Hale"}


@pytest.mark.parametrize(("assign", "number"), [("none", 28), ("random", 14), ("balanced", 14)])
def test_days_count_the_assigned_openings(assign, number, ask, dana, otis, day):
    assert ask("/days", start_date=day, end_date=day, assign=assign) == [{"date": str(day), "openings": number}]


def test_next_balanced_opening_is_with_the_least_booked_clinician(ask, dana, otis, harbour, hold_time):
    first = datetime.fromisoformat(ask("/next")["start_time"])
    take_slot(clinician=dana, location=harbour, period=(first - timedelta(minutes=5), first))

    assert ask("/next")["clinician_name"] == "Dana Reed"
    opening = ask("/next", assign="balanced")

    assert (opening["start_time"], opening["clinician_name"]) == (first.isoformat(), "Otis Hale")


def test_booking_by_the_key_of_an_assigned_opening_counts_as_assigned(ask, api, dana, otis, day):
    keys = {
        assign: ask(start_date=day, end_date=day, assign=assign)[0]["booking_key"] for assign in ("none", "balanced")
    }

    assert api.post("/holds", {"booking_key": keys["none"]}).json()["data"]["clinician_id"] == str(dana.pk)
    dana.refresh_from_db()
    assert dana.last_assigned_at is None
    assert api.delete(f"/holds/{held(dana)}").status_code == 200

    assert api.post("/holds", {"booking_key": keys["balanced"]}).json()["data"]["clinician_id"] == str(dana.pk)
    dana.refresh_from_db()
    assert dana.last_assigned_at is not None


def held(clinician):
    return Hold.objects.get(clinician=clinician).pk


def test_unknown_assignment_is_400(ask, dana, day):
    problem = ask(start_date=day, end_date=day, assign="fair", status=400)

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("#/assign", "invalid_choice")]


def test_explain_refuses_an_assignment(ask, dana, at):
    problem = ask("/explain", start_time=at(9).isoformat(), assign="balanced", status=400)

    assert [error["code"] for error in problem["errors"]] == ["unknown"]
