"""A hold over the API: placed, read, extended, moved, given back."""

from datetime import datetime, timedelta, timezone
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from booking.domain.holds import release_hold
from booking.models import Hold
from scheduling.models import Location, Service, TimeOff
from tests.booking.api.conftest import Caller
from tests.booking.api.v1.clock_changes import get_next_last_sunday
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes
from tests.round_trips import list_round_trips


@pytest.fixture
def opening(consultation, dana, harbour, at):
    """Nine o'clock with Dana."""
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


@pytest.fixture
def place(api, opening):
    """Place a hold, of nine o'clock with Dana if nothing else is said; returns its ``data``."""

    def place(**changes):
        response = api.post("/holds", {**opening, **changes})
        assert response.status_code == 201, response.content
        return response.json()["data"]

    return place


def problem(response):
    body = response.json()
    assert response.status_code == body["status"]
    return response.status_code, body["code"]


def starts(body):
    return [alternative["start_time"] for alternative in body["alternatives"]]


def test_placed_hold_has_all_members(api, opening, dana, harbour, consultation, at):
    response = api.post("/holds", opening)

    hold = Hold.objects.get()
    body = response.json()["data"]
    assert abs(datetime.fromisoformat(body.pop("server_time")) - hold.created_at) < timedelta(minutes=1)
    assert 890 < body.pop("seconds_left") < 900
    assert body == {
        "id": str(hold.pk),
        "status": "active",
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
        "end_time": at(9, 30).isoformat(),
        "is_remote": False,
        "expires_at": hold.expires_at.isoformat(),
        "extensions_left": 10,
        "external_id": "",
        "metadata": {},
    }
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver/api/v1/holds/{hold.pk}"
    assert hold.expires_at - hold.created_at == timedelta(seconds=900)


def test_placed_hold_is_read_at_its_location_with_an_etag(api, opening):
    placed = api.post("/holds", opening)

    read = api.get(f"/holds/{placed.json()['data']['id']}")

    ticking = {"server_time": "", "seconds_left": 0}
    assert {**read.json()["data"], **ticking} == {**placed.json()["data"], **ticking}
    assert read["ETag"] == placed["ETag"]


def test_hold_lives_as_long_as_its_location_says(place, harbour):
    Location.objects.update(hold_seconds=120)

    assert 110 < place()["seconds_left"] < 120


def test_hold_by_local_time_as_in_the_guide(place, day, at):
    assert place(date=str(day), start_time="09:30")["start_time"] == at(9, 30).isoformat()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_hold_by_start_time_with_any_offset(zone, place, at):
    assert place(start_time=at(9).astimezone(ZoneInfo(zone)).isoformat())["start_time"] == at(9).isoformat()


@pytest.fixture
def at_night(dana, harbour, consultation):
    """Nox works at night, and can be booked far ahead."""
    Service.objects.update(horizon=timedelta(days=730))
    return make_clinician("Nox Vale", location=harbour, services=[consultation], hours=[(0, 4)])


def test_hold_at_a_local_time_that_the_clock_skips_is_400(api, opening, at_night):
    night = {"date": str(get_next_last_sunday(3)), "start_time": "01:30", "clinician_id": str(at_night.pk)}

    response = api.post("/holds", {**opening, **night})

    assert problem(response) == (400, "validation")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [("#/start_time", "skipped")]


def test_hold_at_a_repeated_local_time_takes_the_first_free_instant(api, place, at_night, opening):
    sunday = get_next_last_sunday(10)
    night = {"date": str(sunday), "start_time": "01:30", "clinician_id": str(at_night.pk)}

    assert [place(**night)["start_time"] for _ in range(2)] == [f"{sunday}T01:30:00+01:00", f"{sunday}T01:30:00+00:00"]
    assert problem(api.post("/holds", {**opening, **night})) == (409, "slot-taken")


def test_hold_at_a_repeated_local_time_with_any_clinician_is_placed_twice(place, at_night):
    sunday = get_next_last_sunday(10)
    night = {"date": str(sunday), "start_time": "01:30", "clinician_id": None}

    assert [place(**night)["start_time"] for _ in range(2)] == [f"{sunday}T01:30:00+01:00", f"{sunday}T01:30:00+00:00"]


def test_hold_at_either_instant_of_a_repeated_hour_by_its_offset(place, at_night):
    start = f"{get_next_last_sunday(10)}T01:30:00+00:00"

    assert place(start_time=start, clinician_id=str(at_night.pk))["start_time"] == start


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_time": "09:00"}, "start_time"),
        ({"start_time": "09:00", "date": "2027-01-01", "location_id": None}, "start_time"),
        ({"date": "2027-01-01"}, "date"),
        ({"start_time": "2027-01-01T09:00:00"}, "start_time"),
        ({"start_time": "25:00", "date": "2027-01-01"}, "start_time"),
        ({"start_time": None}, "start_time"),
        ({"appointment_type_id": str(uuid4())}, "appointment_type_id"),
        ({"clinician_id": "dana"}, "clinician_id"),
        ({"booking_key": "x"}, "booking_key"),
        ({"clinican_id": "x"}, "clinican_id"),
    ],
)
def test_invalid_hold_is_400_naming_the_field(changes, field, api, opening):
    with nothing_changes():
        response = api.post("/holds", {**opening, **changes})

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{field}"]


def test_hold_of_a_time_not_offered_is_422_with_the_reason(api, opening, dana, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(10), ends_at=at(11))

    closed = api.post("/holds", {**opening, "start_time": at(12).isoformat()})
    away = api.post("/holds", {**opening, "start_time": at(10).isoformat()})
    remote = api.post("/holds", {**opening, "is_remote": True})

    assert [problem(response) for response in (closed, away, remote)] == [(422, "not-offered")] * 3
    assert [response.json()["reason"] for response in (closed, away, remote)] == [
        "closed",
        "time-off",
        "not-offered-here",
    ]


def test_hold_of_a_taken_time_is_409_with_the_three_nearest(api, opening, place, at, dana, harbour):
    place(start_time=at(10).isoformat())

    with nothing_changes():
        response = api.post("/holds", {**opening, "start_time": at(10).isoformat()})

    assert problem(response) == (409, "slot-taken")
    assert starts(response.json()) == [at(9).isoformat(), at(9, 30).isoformat(), at(10, 30).isoformat()]
    assert api.post("/holds", {"booking_key": response.json()["alternatives"][0]["booking_key"]}).status_code == 201


def test_hold_without_clinician_takes_the_least_booked_one(place, dana, harbour, consultation, at):
    anna = make_clinician("Anna Bell", location=harbour, services=[consultation])
    place(clinician_id=str(anna.pk), start_time=at(13).isoformat())

    chosen = [place(clinician_id=None)["clinician_id"] for _ in range(2)]

    assert chosen == [str(dana.pk), str(anna.pk)]


def test_hold_without_clinician_takes_the_next_one_while_there_is_one(api, opening, place, dana, harbour, consultation):
    make_clinician("Anna Bell", location=harbour, services=[consultation])
    del opening["clinician_id"], opening["location_id"]

    answers = [api.post("/holds", opening) for _ in range(3)]

    assert [response.status_code for response in answers] == [201, 201, 409]
    assert len({response.json()["data"]["clinician_id"] for response in answers[:2]}) == 2


def test_extended_hold_has_its_full_time_again(api, place):
    hold = place()
    Hold.objects.update(expires_at=datetime.fromisoformat(hold["expires_at"]) - timedelta(seconds=600))

    response = api.post(f"/holds/{hold['id']}/extend")

    body = response.json()["data"]
    assert response.status_code == 200
    assert (body["extensions_left"], body["status"]) == (9, "active")
    assert 890 < body["seconds_left"] <= 900
    assert response["ETag"] == api.get(f"/holds/{hold['id']}")["ETag"]


def test_hold_extended_more_than_ten_times_is_409(api, place):
    path = f"/holds/{place()['id']}/extend"

    answers = [api.post(path) for _ in range(11)]

    assert [response.status_code for response in answers] == [200] * 10 + [409]
    assert problem(answers[-1]) == (409, "no-more-extensions")


def test_moved_hold_keeps_its_id_and_expiry(api, place, at):
    hold = place()

    moved = api.post(f"/holds/{hold['id']}/move", {"start_time": at(9, 30).isoformat()}).json()["data"]

    ticking = {"server_time": "", "seconds_left": 0, "start_time": "", "end_time": ""}
    assert {**moved, **ticking} == {**hold, **ticking}
    assert (moved["start_time"], moved["end_time"]) == (at(9, 30).isoformat(), at(10).isoformat())
    assert place()["start_time"] == at(9).isoformat()  # the old time is free again


def test_hold_moved_to_a_taken_time_keeps_the_old_one(api, place, at):
    hold, _ = place(), place(start_time=at(10).isoformat())

    with nothing_changes():
        response = api.post(f"/holds/{hold['id']}/move", {"start_time": at(10).isoformat()})

    assert problem(response) == (409, "slot-taken")
    assert at(9, 30).isoformat() in starts(response.json())


def test_hold_moved_into_its_own_time_keeps_the_clinician(api, place, harbour, consultation, dana, at):
    make_clinician("Anna Bell", location=harbour, services=[consultation])
    Service.objects.update(step=timedelta(minutes=10))
    hold = place()

    response = api.post(f"/holds/{hold['id']}/move", {"start_time": at(9, 10).isoformat()})

    assert response.status_code == 200
    assert (response.json()["data"]["start_time"], response.json()["data"]["clinician_id"]) == (
        at(9, 10).isoformat(),
        str(dana.pk),
    )


def test_hold_moved_to_another_service_is_400(api, place, day):
    other = Service.objects.create(name="Other", slug="other", price=1)

    response = api.post(f"/holds/{place()['id']}/move", {"appointment_type_id": str(other.pk), "start_time": "x"})

    assert response.status_code == 400


def test_released_hold_frees_its_time_and_repeating_it_is_200(api, place):
    hold = place()

    answers = [api.delete(f"/holds/{hold['id']}") for _ in range(2)]

    assert [response.status_code for response in answers] == [200, 200]
    assert [response.json()["data"]["status"] for response in answers] == ["released", "released"]
    assert answers[0].json()["data"]["seconds_left"] == 0
    assert place()["start_time"] == hold["start_time"]


@pytest.mark.parametrize("verb", ["extend", "move"])
def test_expired_hold_is_404_with_alternatives(verb, api, place, at):
    hold = Hold.objects.get(pk=place()["id"])
    lapse(hold)

    response = api.post(f"/holds/{hold.pk}/{verb}", {"start_time": at(10).isoformat()} if verb == "move" else None)

    assert problem(response) == (404, "hold-expired")
    assert response.json()["expired_at"] == hold.expires_at.isoformat()
    wanted = at(10) if verb == "move" else at(9)
    assert wanted.isoformat() in starts(response.json())


def test_lapsed_hold_reads_as_expired_before_it_is_marked(api, place):
    hold = place()
    lapse(Hold.objects.get())

    with nothing_changes():
        read = api.get(f"/holds/{hold['id']}").json()["data"]

    assert (read["status"], read["seconds_left"], Hold.objects.get().status) == ("expired", 0, "active")


@pytest.mark.parametrize("verb", ["extend", "move"])
def test_change_of_a_released_hold_is_refused(verb, api, place, at):
    hold = Hold.objects.get(pk=place()["id"])
    release_hold(hold, actor="patient")

    response = api.post(f"/holds/{hold.pk}/{verb}", {"start_time": at(10).isoformat()} if verb == "move" else None)

    assert problem(response) == (404, "not-found")


def test_hold_placed_with_another_key_is_404(api, client, make_key, place, at):
    other = Caller(client, make_key(name="another server")[1])
    path = f"/holds/{place()['id']}"
    person = {"first_name": "A", "last_name": "B", "date_of_birth": "1985-04-12", "email": "a@example.org"}

    with nothing_changes():
        answers = [
            other.get(path),
            other.delete(path),
            other.post(f"{path}/extend"),
            other.post(f"{path}/move", {"start_time": at(10).isoformat()}),
            other.post(f"{path}/confirm", {"patient": person}),
        ]

    assert [problem(response) for response in answers] == [(404, "not-found")] * 5
    assert {response.json()["detail"] for response in answers} == {api.get(f"/holds/{uuid4()}").json()["detail"]}


@pytest.mark.parametrize("verb", ["extend", "move"])
def test_hold_change_with_outdated_etag_is_412(verb, api, opening, at):
    placed = api.post("/holds", opening)
    path, body = f"/holds/{placed.json()['data']['id']}", {"start_time": at(10).isoformat()}
    body = body if verb == "move" else None
    api.post(f"{path}/extend")

    with nothing_changes():
        late = api.post(f"{path}/{verb}", body, if_match=placed["ETag"])
    in_time = api.post(f"{path}/{verb}", body, if_match=api.get(path)["ETag"])

    assert problem(late) == (412, "changed-meanwhile")
    assert in_time.status_code == 200


def test_hold_beyond_the_keys_live_holds_is_429(client, make_key, opening, at):
    caller = Caller(client, make_key(max_live_holds=2)[1])
    answers = [caller.post("/holds", {**opening, "start_time": at(hour).isoformat()}) for hour in (9, 10, 11)]

    assert [response.status_code for response in answers] == [201, 201, 429]
    assert problem(answers[2]) == (429, "too-many-holds")
    assert 890 < int(answers[2]["Retry-After"]) <= 900


def test_hold_with_a_key_of_no_live_holds_is_429(client, make_key, opening):
    caller = Caller(client, make_key(max_live_holds=0)[1])

    assert problem(caller.post("/holds", opening)) == (429, "too-many-holds")


def test_publishable_key_is_not_told_that_clinician_is_away(public_api, api, opening, dana, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(10), ends_at=at(11))
    away = {**opening, "start_time": at(10).isoformat()}

    assert api.post("/holds", away).json()["reasons"] == ["time-off"]
    assert public_api.post("/holds", away).json()["reasons"] == ["closed"]
    assert public_api.post("/holds", {**opening, "is_remote": True}).json()["reasons"] == ["not-offered-here"]


def test_publishable_key_cannot_hold_service_not_bookable_online(public_api, api, opening):
    Service.objects.update(is_online_bookable=False)

    assert problem(public_api.post("/holds", opening)) == (422, "not-offered")
    assert api.post("/holds", opening).status_code == 201


def test_hold_by_start_time_with_an_odd_offset_is_placed(api, opening, at):
    odd = at(9).astimezone(timezone(timedelta(hours=23, minutes=59)))

    answer = api.post("/holds", {**opening, "clinician_id": None, "start_time": odd.isoformat()})

    assert (answer.status_code, answer.json()["data"]["start_time"]) == (201, at(9).isoformat())


@pytest.mark.django_db(transaction=True)
def test_placed_hold_waits_for_database_four_times(place, at):
    place(start_time=at(10).isoformat())  # the key's first use in a minute is written

    with list_round_trips() as trips:
        place()

    # The key; what is named; the lock and what is read behind it; what is written.
    assert [len(trip) for trip in trips] == [1, 1, 5, 4]
