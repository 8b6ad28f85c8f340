"""Working hours, extra hours and time off over the API. Dana works 9 to 12 and 13 to 17 at Harbour Street."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from booking.models import Appointment, IdempotentAnswer
from scheduling.models import ExtraHours, Location, TimeOff, WorkingHours
from tests.ledger import nothing_changes

SATURDAY = date(2026, 12, 19)


def data(response, status=200):
    assert response.status_code == status, response.json()
    assert response["Cache-Control"] == "no-store"
    return response.json()["data"]


def refused(response, status, code, **members):
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert members.items() <= body.items()
    return True


def list_errors(response):
    assert refused(response, 400, "validation")
    return {error["pointer"]: error["code"] for error in response.json()["errors"]}


@pytest.fixture
def mill():
    return Location.objects.create(name="Mill Lane", city="Auckland", timezone="Pacific/Auckland")


@pytest.fixture
def saturday(bea, harbour):
    return {
        "clinician_id": str(bea.pk),
        "location_id": str(harbour.pk),
        "date": "2026-12-19",
        "start_time": "09:00",
        "end_time": "12:00",
    }


def test_extra_hours_are_created_read_changed_and_deleted(api, saturday):
    response = api.post("/extra-hours", saturday)
    made = ExtraHours.objects.get()
    written = {
        "id": made.pk,
        **saturday,
        "is_remote": False,
        "created_at": made.created_at.isoformat(),
        "updated_at": made.updated_at.isoformat(),
    }
    assert data(response, 201) == written
    assert response["Location"] == f"http://testserver/api/v1/extra-hours/{made.pk}"
    read = api.get(f"/extra-hours/{made.pk}")
    assert (data(read), read["ETag"]) == (written, response["ETag"])
    assert api.get(f"/extra-hours/{made.pk}", if_none_match=read["ETag"]).status_code == 304

    changed = api.patch(f"/extra-hours/{made.pk}", {"end_time": "00:00"}, if_match=read["ETag"])
    assert data(changed) == written | {"end_time": "00:00", "updated_at": data(changed)["updated_at"]}
    with nothing_changes():
        assert refused(api.patch(f"/extra-hours/{made.pk}", {}, if_match=read["ETag"]), 412, "changed-meanwhile")
        assert refused(api.delete(f"/extra-hours/{made.pk}", if_match=read["ETag"]), 412, "changed-meanwhile")

    assert data(api.delete(f"/extra-hours/{made.pk}", if_match=changed["ETag"])) == data(changed)
    assert not ExtraHours.objects.exists()
    for call in (api.get, api.delete, api.patch):
        assert refused(call(f"/extra-hours/{made.pk}"), 404, "not-found")


def test_repeated_creation_makes_one_row(api, saturday):
    first, second = (api.post("/extra-hours", saturday, idempotency_key="one") for _ in range(2))

    assert data(first, 201) == second.json()["data"]
    assert second["Idempotent-Replayed"] == "true"
    assert (ExtraHours.objects.count(), IdempotentAnswer.objects.count()) == (1, 1)


def test_working_hours_of_every_second_week_are_written_as_they_were_sent(api, saturday):
    del saturday["date"]
    fields = saturday | {
        "weekday": "monday",
        "is_remote": True,
        "valid_from": "2026-12-07",
        "valid_until": "2027-03-31",
        "every_weeks": 2,
    }

    made = data(api.post("/working-hours", fields), 201)

    row = WorkingHours.objects.get()
    assert fields.items() <= made.items()
    assert (row.weekday, row.every_weeks, row.valid_from) == (0, 2, date(2026, 12, 7))
    changed = data(api.patch(f"/working-hours/{row.pk}", {"weekday": "sunday", "valid_from": None, "every_weeks": 1}))
    assert (changed["weekday"], changed["valid_from"], changed["every_weeks"]) == ("sunday", None, 1)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"weekday": "Monday"}, {"#/weekday": "invalid_choice"}),
        ({"weekday": 0}, {"#/weekday": "type"}),
        ({"start_time": "9:00"}, {"#/start_time": "invalid"}),
        ({"start_time": "12:00"}, {"#/end_time": "order"}),
        ({"valid_from": "2026-12-20", "valid_until": "2026-12-19"}, {"#/end_time": "order"}),
        ({"every_weeks": 2}, {"#/valid_from": "required"}),
        ({"every_weeks": 53}, {"#/every_weeks": "max_value"}),
        ({"clinician_id": "7d1f6cf0-0000-4000-8000-000000000000"}, {"#/clinician_id": "does_not_exist"}),
        ({"date": "2026-12-19"}, {"#/date": "unknown"}),
    ],
)
def test_working_hours_that_cannot_be_are_refused(fields, errors, api, saturday):
    del saturday["date"]
    with nothing_changes():
        assert list_errors(api.post("/working-hours", saturday | {"weekday": "monday"} | fields)) == errors


def test_hours_that_overlap_others_elsewhere_are_refused_and_named(api, saturday, mill, dana):
    elsewhere = data(api.post("/extra-hours", saturday | {"location_id": str(mill.pk), "date": "2026-12-20"}), 201)
    late = saturday | {"start_time": "19:00", "end_time": "21:00"}  # on Saturday evening it is Sunday in Auckland

    with nothing_changes():
        response = api.post("/extra-hours", late)
        named = {"extra_hours_id": elsewhere["id"], "working_hours_id": None, "date": "2026-12-19"}
        assert refused(response, 422, "overlapping-hours", **named)
    made = data(api.post("/extra-hours", late | {"end_time": "20:00"}), 201)
    with nothing_changes():
        response = api.patch(f"/extra-hours/{made['id']}", {"end_time": "20:01"})
        assert refused(response, 422, "overlapping-hours", **named)
    data(api.post("/extra-hours", late | {"clinician_id": str(dana.pk)}), 201)


def test_deleted_hours_leave_bookings_as_they_are(api, dana, book, at):
    appointment = book(at(9))
    rule = dana.working_hours.get(weekday=at(9).weekday(), start_time=time(9))

    data(api.delete(f"/working-hours/{rule.pk}"))

    assert Appointment.objects.values().get() == Appointment.objects.filter(pk=appointment.pk).values().get()
    assert (Appointment.objects.get().status, Appointment.objects.get().slot_id) == ("confirmed", appointment.slot_id)


def test_time_off_of_days_is_that_of_where_the_clinician_works(api, dana, day):
    fields = {"clinician_id": str(dana.pk), "start_time": "2027-02-02", "end_time": "2027-02-05", "reason": "Leave"}

    made = data(api.post("/time-off", fields), 201)

    row = TimeOff.objects.get()
    assert (row.starts_at, row.ends_at) == (datetime(2027, 2, 2, tzinfo=UTC), datetime(2027, 2, 6, tzinfo=UTC))
    assert made == fields | {
        "id": row.pk,
        "location_id": None,
        "start_time": "2027-02-02T00:00:00+00:00",
        "end_time": "2027-02-06T00:00:00+00:00",
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def test_time_off_of_location_is_written_with_its_offset(api, mill):
    closed = {"location_id": str(mill.pk), "start_time": "2026-12-25", "end_time": "2026-12-25T01:30:00Z"}

    made = data(api.post("/time-off", closed), 201)

    assert (made["start_time"], made["end_time"]) == ("2026-12-25T00:00:00+13:00", "2026-12-25T14:30:00+13:00")


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"end_time": "2027-02-01"}, {"#/end_time": "order"}),
        ({"clinician_id": None}, {"#/clinician_id": "either"}),
        ({"start_time": "2027-02-02T09:00:00"}, {"#/start_time": "no_offset"}),
    ],
)
def test_time_off_that_cannot_be_is_refused(fields, errors, api, dana):
    away = {"clinician_id": str(dana.pk), "start_time": "2027-02-03", "end_time": "2027-02-04"}
    with nothing_changes():
        assert list_errors(api.post("/time-off", away | fields)) == errors


def test_reason_of_time_off_is_for_those_who_may_change_it(make_key, with_key, dana, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9), ends_at=at(10), reason="Surgery")

    def get_reasons(*scopes):
        [row] = data(with_key(make_key(scopes=scopes)[1]).get("/time-off"))
        return row["reason"]

    assert get_reasons("read_schedule") == ""
    assert get_reasons("read_schedule", "write_schedule") == "Surgery"


def test_lists_are_filtered_and_paged(api, dana, bea, mill, harbour, saturday):
    ids = [data(api.post("/extra-hours", saturday | {"date": f"2026-12-{day}"}), 201)["id"] for day in (19, 20, 26)]
    there = data(api.post("/extra-hours", saturday | {"location_id": str(mill.pk), "date": "2027-01-02"}), 201)["id"]

    def list_ids(path, **query):
        return [row["id"] for row in data(api.get(path, query=query))]

    assert list_ids("/extra-hours") == [*ids, there]
    assert list_ids("/extra-hours", location_id=str(mill.pk)) == [there]
    assert list_ids("/extra-hours", clinician_id=str(dana.pk)) == []
    assert list_ids("/extra-hours", start_date="2026-12-20", end_date="2026-12-26") == ids[1:]
    page = api.get("/extra-hours", query={"limit": 3}).json()
    assert [row["id"] for row in page["data"]] == ids
    assert list_ids("/extra-hours", limit=3, cursor=page["meta"]["next_cursor"]) == [there]
    assert list_errors(api.get("/patients", query={"cursor": page["meta"]["next_cursor"]})) == {"#/cursor": "cursor"}

    summer = {"weekday": 2, "start_time": time(18), "end_time": time(20), "location": harbour, "clinician": bea}
    rule = WorkingHours.objects.create(valid_from=date(2027, 6, 1), valid_until=date(2027, 8, 31), **summer)
    mine = {"clinician_id": str(bea.pk)}
    assert list_ids("/working-hours", **mine, start_date="2027-08-31") == [rule.pk]
    assert list_ids("/working-hours", **mine, end_date="2027-06-01") == [rule.pk]
    assert list_ids("/working-hours", **mine, start_date="2027-09-01") == []
    assert list_ids("/working-hours", **mine, end_date="2027-05-31") == []
    assert len(list_ids("/working-hours", clinician_id=str(dana.pk), start_date="2030-01-01")) == 14


def test_list_of_time_off_is_filtered_by_local_dates(api, dana, mill, day):
    data(api.post("/time-off", {"location_id": str(mill.pk), "start_time": str(day), "end_time": str(day)}), 201)

    def count(**query):
        return len(data(api.get("/time-off", query={name: str(value) for name, value in query.items()})))

    assert count(start_date=day, end_date=day) == count(location_id=mill.pk) == 1
    assert count(start_date=day + timedelta(days=1)) == count(end_date=day - timedelta(days=1)) == 0
    assert count(clinician_id=dana.pk) == 0


def test_changes_of_the_schedule_are_noted_at_locations(api, saturday, harbour, dana, day):
    def is_noted(response):
        data(response, response.status_code)
        noted = Location.objects.get().schedule_changed_at
        Location.objects.update(schedule_changed_at=None)
        return noted is not None

    made = api.post("/extra-hours", saturday)
    assert is_noted(made)
    path = f"/extra-hours/{made.json()['data']['id']}"
    assert is_noted(api.patch(path, {"end_time": "13:00"}))
    assert is_noted(api.delete(path))
    assert is_noted(api.post("/time-off", {"clinician_id": str(dana.pk), "start_time": str(day), "end_time": str(day)}))
