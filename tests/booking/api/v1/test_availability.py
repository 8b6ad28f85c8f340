"""Free times as a list, per day, the next one, and why a time is not free."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.models import Hold
from scheduling.models import Location, Service, TimeOff, WorkingHours
from tests.booking.api.v1.clock_changes import get_next_last_sunday
from tests.conftest import make_clinician


@pytest.fixture
def ask(api, consultation):
    """Ask for availability of the consultation: ``ask(start_date=day, end_date=day)``; returns the body."""

    def ask(path="", status=200, **query):
        response = api.get(f"/availability{path}", query={"appointment_type_id": consultation.pk, **query})
        assert response.status_code == status, response.content
        return response.json()

    return ask


def times(body):
    """The local start times of the openings, as the guide's client reads them."""
    return [opening["start_time"].partition("T")[2][:5] for opening in body["data"]]


def place(clinician, location, **changes):
    return {
        "clinician_id": str(clinician.pk),
        "clinician_name": clinician.name,
        "location_id": str(location.pk),
        "location_name": location.name,
        "timezone": location.timezone,
        "is_remote": False,
        **changes,
    }


def test_availability_of_a_day_lists_every_opening_with_all_members(ask, dana, harbour, day, at, hold_time):
    WorkingHours.objects.exclude(start_time="09:00").delete()
    hold_time(at(9, 30))

    body = ask(start_date=day, end_date=day)

    keys = [opening.pop("booking_key") for opening in body["data"]]
    assert body["data"] == [
        {
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(minutes=30)).isoformat(),
            **place(dana, harbour),
        }
        for start in (at(9), at(10), at(10, 30), at(11), at(11, 30))
    ]
    assert len(set(keys)) == 5
    assert set(body["meta"]) == {"request_id", "generated_at", "calendars", "next_cursor", "has_more"}
    assert (body["meta"]["next_cursor"], body["meta"]["has_more"]) == (None, False)
    age = datetime.now(UTC) - datetime.fromisoformat(body["meta"]["generated_at"])
    assert timedelta() <= age < timedelta(minutes=1)


def test_booking_key_of_an_opening_books_that_opening(ask, api, dana, day, at):
    opening = ask(start_date=day, end_date=day)["data"][3]

    hold = api.post("/holds", {"booking_key": opening["booking_key"]}).json()["data"]

    named = ["start_time", "end_time", "clinician_id", "location_id", "is_remote"]
    assert [hold[name] for name in named] == [opening[name] for name in named]


def test_availability_range_of_dates_includes_both(ask, dana, day):
    body = ask(start_date=day, end_date=day + timedelta(days=2))

    assert len(body["data"]) == 3 * 14
    assert body["data"][-1]["start_time"][:10] == str(day + timedelta(days=2))


def test_availability_range_of_date_times_excludes_the_end(ask, dana, at):
    assert times(ask(start_date=at(10).isoformat(), end_date=at(11, 30).isoformat())) == ["10:00", "10:30", "11:00"]
    assert times(ask(start_date=at(10).isoformat(), end_date=at(10).isoformat())) == []
    in_utc = at(10).astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert times(ask(start_date=in_utc, end_date=at(10, 30).isoformat())) == ["10:00"]


@pytest.mark.parametrize("days", [0, 30])
def test_availability_of_31_days_is_200(days, ask, dana, day):
    assert len(ask(start_date=day, end_date=day + timedelta(days=days))["data"]) == 14 * (days + 1)


@pytest.mark.parametrize("days", [-1, 31, 3650])
def test_availability_of_more_than_31_days_or_reversed_is_400(days, ask, dana, day):
    problem = ask(start_date=day, end_date=day + timedelta(days=days), status=400)

    assert [error["pointer"] for error in problem["errors"]] == ["#/end_date"]


def test_availability_filters_narrow_the_list(ask, dana, harbour, consultation, day):
    mill = Location.objects.create(name="Mill Lane", address_line_1="1 Mill Lane", city="London")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation], hours=[(9, 10)])
    day = {"start_date": day, "end_date": day}

    assert {opening["clinician_name"] for opening in ask(**day)["data"]} == {"Dana Reed", "Otis Hale"}
    assert times(ask(**day, clinician_id=otis.pk)) == times(ask(**day, location_id=mill.pk)) == ["09:00", "09:30"]
    assert len(ask(**day, clinician_id=[otis.pk, dana.pk])["data"]) == 16
    assert ask(**day, location_id=mill.pk, clinician_id=dana.pk)["data"] == ask(**day, is_remote="true")["data"] == []
    assert len(ask(**day, is_remote="false")["data"]) == 16


def test_openings_by_video_and_in_person_are_distinguished(ask, dana, harbour, consultation, day, at):
    Service.objects.update(mode="both")
    WorkingHours.objects.exclude(start_time="09:00").update(is_remote=True)

    morning, afternoon = [ask(start_date=day, end_date=day, is_remote=remote)["data"] for remote in ("false", "true")]

    assert (len(morning), len(afternoon)) == (6, 8)
    assert {opening["is_remote"] for opening in afternoon} == {True}


def test_availability_dates_are_local_to_each_location(ask, consultation, dana, day):
    """At nine in Auckland it is still the evening before in London."""
    auckland = Location.objects.create(name="Queen Street", city="Auckland", timezone="Pacific/Auckland")
    honolulu = Location.objects.create(name="King Street", city="Honolulu", timezone="Pacific/Honolulu")
    make_clinician("Aroha Ngata", location=auckland, services=[consultation], hours=[(9, 10)])
    make_clinician("Kai Mahoe", location=honolulu, services=[consultation], hours=[(22, 23)])
    dana.working_hours.exclude(start_time="09:00").delete()

    body = ask(start_date=day, end_date=day)

    assert {opening["start_time"][:10] for opening in body["data"]} == {str(day)}
    assert [opening["clinician_name"][0] for opening in body["data"]] == ["A"] * 2 + ["D"] * 6 + ["K"] * 2
    assert [opening["timezone"] for opening in body["data"]][::6] == ["Pacific/Auckland", "Europe/London"]
    assert ask("/days", start_date=day, end_date=day)["data"] == [{"date": str(day), "openings": 10}]


@pytest.fixture
def far(consultation):
    """The consultation can be booked two years ahead."""
    Service.objects.update(horizon=timedelta(days=730))


def test_availability_omits_the_hour_that_a_clock_change_skips(ask, far, harbour, consultation):
    sunday = get_next_last_sunday(3)
    make_clinician("Nox Vale", location=harbour, services=[consultation], hours=[(0, 4)])

    starts = [opening["start_time"] for opening in ask(start_date=sunday, end_date=sunday)["data"]]

    assert starts == [
        f"{sunday}T{time}"
        for time in (
            "00:00:00+00:00",
            "00:30:00+00:00",
            "02:00:00+01:00",
            "02:30:00+01:00",
            "03:00:00+01:00",
            "03:30:00+01:00",
        )
    ]


def test_availability_offers_both_hours_that_a_clock_change_repeats(ask, far, harbour, consultation):
    sunday = get_next_last_sunday(10)
    make_clinician("Nox Vale", location=harbour, services=[consultation], hours=[(0, 3)])

    data = ask(start_date=sunday, end_date=sunday)["data"]

    assert [(opening["start_time"][11:], opening["end_time"][11:]) for opening in data] == [
        ("00:00:00+01:00", "00:30:00+01:00"),
        ("00:30:00+01:00", "01:00:00+01:00"),
        ("01:00:00+01:00", "01:30:00+01:00"),
        ("01:30:00+01:00", "01:00:00+00:00"),
        ("01:00:00+00:00", "01:30:00+00:00"),
        ("01:30:00+00:00", "02:00:00+00:00"),
        ("02:00:00+00:00", "02:30:00+00:00"),
        ("02:30:00+00:00", "03:00:00+00:00"),
    ]


@pytest.mark.parametrize(("month", "offsets"), [(3, ["+00:00", "+01:00"]), (10, ["+01:00", "+00:00"])])
def test_opening_at_nine_is_at_nine_on_both_sides_of_a_clock_change(month, offsets, ask, far, dana):
    sunday = get_next_last_sunday(month)

    data = ask(start_date=sunday - timedelta(days=1), end_date=sunday)["data"]

    assert [opening["start_time"] for opening in data[::14]] == [
        f"{day}T09:00:00{offset}" for day, offset in zip([sunday - timedelta(days=1), sunday], offsets, strict=True)
    ]


def test_days_counts_openings_and_omits_days_without(ask, dana, day, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(0) + timedelta(days=1))
    TimeOff.objects.create(clinician=dana, starts_at=at(9) + timedelta(days=1), ends_at=at(12) + timedelta(days=1))

    body = ask("/days", start_date=day - timedelta(days=1), end_date=day + timedelta(days=1))

    assert body["data"] == [
        {"date": str(day - timedelta(days=1)), "openings": 14},
        {"date": str(day + timedelta(days=1)), "openings": 8},
    ]
    assert set(body["meta"]) == {"request_id", "generated_at", "calendars", "next_cursor", "has_more"}


def test_next_is_the_first_opening(ask, dana, harbour, day, at):
    TimeOff.objects.create(location=harbour, starts_at=at(0) - timedelta(days=9), ends_at=at(10))

    opening = ask("/next")["data"]

    assert opening.pop("booking_key")
    assert opening == {"start_time": at(10).isoformat(), "end_time": at(10, 30).isoformat(), **place(dana, harbour)}


def test_next_without_openings_is_null(ask):
    assert ask("/next")["data"] is None


def test_explain_of_an_open_time_says_so(ask, dana, harbour, at):
    body = ask("/explain", start_time=at(9).isoformat())

    assert body["data"] == {
        "start_time": at(9).isoformat(),
        "is_open": True,
        "reasons": [],
        "places": [{**place(dana, harbour), "is_open": True, "reasons": [], "not_understood": []}],
    }


def test_explain_lists_every_reason_why_a_time_is_not_open(ask, dana, harbour, at, hold_time, book, alice):
    hold_time(at(9))
    book(at(10))
    TimeOff.objects.create(clinician=dana, starts_at=at(10), ends_at=at(11))

    def reasons(moment):
        body = ask("/explain", start_time=moment.isoformat())["data"]
        assert body["is_open"] is False
        assert body["reasons"] == body["places"][0]["reasons"]
        return body["reasons"]

    assert reasons(at(9)) == ["held"]
    assert reasons(at(10)) == ["taken", "time-off"]
    assert reasons(at(12)) == reasons(at(11, 7)) == ["closed"]
    assert reasons(at(9) - timedelta(days=60)) == ["too-soon"]
    assert reasons(at(9) + timedelta(days=60)) == ["too-far"]


def test_explain_tells_a_publishable_key_taken_or_closed(public_api, consultation, dana, at, hold_time, book):
    hold_time(at(9))
    book(at(10))
    TimeOff.objects.create(clinician=dana, starts_at=at(10), ends_at=at(12))

    def reasons(moment):
        query = {"appointment_type_id": consultation.pk, "start_time": moment.isoformat()}
        body = public_api.get("/availability/explain", query=query).json()["data"]
        assert body["reasons"] == body["places"][0]["reasons"]
        return body["reasons"]

    assert reasons(at(9)) == ["taken"]
    assert reasons(at(10)) == ["closed", "taken"]
    assert reasons(at(11)) == reasons(at(12)) == reasons(at(9) + timedelta(days=60)) == ["closed"]
    assert reasons(at(14)) == []


def test_time_of_an_answer_is_accepted_in_an_address_unencoded(api, dana, consultation):
    sunday = "2026-06-07T09:00:00+01:00"

    def ask(path):
        return api.get(f"{path}&appointment_type_id={consultation.pk}")

    asked = ask(f"/availability/explain?start_time={sunday}")
    ranged = ask(f"/availability?start_date={sunday}&end_date=2026-06-07T10:00+01:00")
    listed = api.get(f"/appointments?start_from={sunday}")

    assert asked.json()["data"]["start_time"] == "2026-06-07T08:00:00+00:00"
    assert [response.status_code for response in (ranged, listed)] == [200, 200]
    spaced = {"appointment_type_id": str(consultation.pk), "start_time": sunday.replace("+", " ")}
    in_a_body = api.post("/holds", spaced)
    assert in_a_body.json()["errors"][0]["pointer"] == "#/start_time"


@pytest.mark.parametrize("odd", ["2026-06-07 09:00", "2026-06-07T09:00 1:00", "2026-06-07T09:00  01:00", " 01:00"])
def test_misplaced_space_in_a_time_is_400(api, consultation, odd):
    query = {"appointment_type_id": consultation.pk, "start_time": odd}
    assert api.get("/availability/explain", query=query).status_code == 400


def test_explain_of_a_service_nobody_offers_says_so(ask, at):
    assert ask("/explain", start_time=at(9).isoformat())["data"] == {
        "start_time": at(9).isoformat(),
        "is_open": False,
        "reasons": ["not-offered-here"],
        "places": [],
    }


def test_availability_is_gzipped_for_clients_that_accept_it(api, ask, dana, consultation, day):
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day + timedelta(days=6)}

    plain = api.get("/availability", query=query)
    small = api.get("/availability", query=query, accept_encoding="gzip, deflate")

    assert "Content-Encoding" not in plain
    assert small["Content-Encoding"] == "gzip" and "Accept-Encoding" in small["Vary"]
    assert json.loads(gzip.decompress(small.content))["data"][0]["start_time"] == plain.json()["data"][0]["start_time"]
    assert len(small.content) < len(plain.content) / 3


@pytest.mark.parametrize("path", ["", "/days", "/next", "/explain"])
def test_availability_of_fifty_clinicians_makes_as_many_queries_as_of_five(
    path, api, ask, harbour, consultation, day, at
):
    query = {"start_date": day, "end_date": day} if path in ("", "/days") else {}
    query |= {"start_time": at(9).isoformat()} if path == "/explain" else {}
    counts = []
    for number in (5, 45):
        for n in range(number):
            make_clinician(f"Clinician {number} {n}", location=harbour, services=[consultation])
        ask(path, **query)
        with CaptureQueriesContext(connection) as captured:
            ask(path, **query)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 7


def test_publishable_key_sees_the_same_openings(public_api, api, dana, consultation, day):
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day}

    def plain(caller):
        return [{**opening, "booking_key": ""} for opening in caller.get("/availability", query=query).json()["data"]]

    assert plain(public_api) == plain(api) != []


def test_reading_availability_changes_nothing(ask, dana, day):
    ask(start_date=day, end_date=day)

    assert not Hold.objects.exists()
