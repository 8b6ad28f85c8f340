"""Free times beside clinicians' own calendars: read now if asked for, and never silently out of date."""

from datetime import UTC, date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduling.calendars import syncing
from scheduling.calendars.storing import store_busy
from scheduling.calendars.syncing import sync_calendar
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, UnreadEvent
from tests.conftest import make_clinician
from tests.receivers import answer, hang, in_turn
from tests.waiting import assert_time_limit

EVERY_PATH = pytest.mark.parametrize("path", ["", "/days", "/next", "/explain"])


def ics(start, end):
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        "UID:1",
        "SUMMARY:Private matter",
        f"DTSTART:{start.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTEND:{end.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.fixture
def unhurried(monkeypatch):
    """Two seconds are enough, but not for a machine that runs many tests at a time."""
    monkeypatch.setattr(syncing, "NOW_TIMEOUT", 20)


@pytest.fixture
def connect(dana):
    def connect(receiver, **fields):
        url = f"{receiver.url}private-token/basic.ics"
        return Calendar.objects.create(**{"clinician": dana, "name": "Dana privately", "url": url, **fields})

    return connect


@pytest.fixture
def ask(api, consultation, day, at):
    def ask(path="", caller=api, **query):
        where = {"": {"start_date": day, "end_date": day}, "/explain": {"start_time": at(9).isoformat()}}
        where["/days"] = where[""]
        query = {"appointment_type_id": consultation.pk, **where.get(path, {}), **query}
        response = caller.get(f"/availability{path}", query=query)
        assert response.status_code == 200, response.content
        return response.json()

    return ask


def times(body):
    return [opening["start_time"][11:16] for opening in body["data"]]


def told(calendar, **changes):
    calendar.refresh_from_db()
    synced_at = calendar.last_synced_at
    return {
        "id": str(calendar.pk),
        "clinician_id": calendar.clinician_id and str(calendar.clinician_id),
        "location_id": calendar.location_id and str(calendar.location_id),
        "is_current": True,
        "last_synced_at": synced_at and synced_at.isoformat(),
        "error": None,
        "not_understood": [],
        **changes,
    }


def test_availability_without_calendars_lists_none_in_meta(ask, dana):
    assert ask()["meta"]["calendars"] == ask(sync_external="true")["meta"]["calendars"] == []


def test_sync_external_sees_an_event_made_a_moment_ago(unhurried, ask, listen, connect, at):
    receiver = listen(in_turn(answer(200, body=ics(at(9), at(10))), answer(200, body=ics(at(9), at(16)))))
    calendar = connect(receiver)
    sync_calendar(calendar)
    Calendar.objects.update(last_tried_at=database_now() - timedelta(seconds=11))

    before = ask()
    after = ask(sync_external="true")

    assert times(before)[0] == "10:00" and times(after) == ["16:00", "16:30"]
    assert after["meta"]["calendars"] == [told(calendar)]
    assert len(receiver.requests) == 2


@EVERY_PATH
def test_sync_external_works_on_every_availability_endpoint(unhurried, path, ask, listen, connect, at):
    calendar = connect(listen(answer(200, body=ics(at(0), at(12)))))

    body = ask(path, sync_external="true")

    assert body["meta"]["calendars"] == [told(calendar)]
    expected = {
        "": lambda data: times(body)[0] == "13:00",
        "/days": lambda data: data[0]["openings"] == 8,
        "/next": lambda data: data is not None,
        "/explain": lambda data: data["reasons"] == ["calendar-busy"],
    }
    assert expected[path](body["data"])


@EVERY_PATH
def test_hanging_calendar_delays_availability_by_two_seconds_and_is_reported(path, ask, listen, connect, at):
    calendar = connect(listen(hang), last_synced_at=database_now() - timedelta(minutes=5))
    store_busy(calendar, [(int(at(0).timestamp()), int(at(12).timestamp()))])

    with assert_time_limit(2):
        body = ask(path, sync_external="true")

    error = "There was no answer in time, or none that could be read."
    assert body["meta"]["calendars"] == [told(calendar, is_current=False, error=error)]
    if path == "":
        assert times(body)[0] == "13:00"


def test_twelve_hanging_calendars_are_awaited_together(ask, listen, connect, harbour, consultation, at, monkeypatch):
    hanging = listen(hang)
    clinicians = [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(12)]
    for clinician in clinicians:
        connect(hanging, clinician=clinician)
    quick = connect(listen(answer(200, body=ics(at(9), at(16)))))
    monkeypatch.setattr(syncing, "NOW_TIMEOUT", 5)

    with assert_time_limit(5):
        body = ask(sync_external="true")

    assert [one["id"] for one in body["meta"]["calendars"] if one["is_current"]] == [str(quick.pk)]
    assert times(body) == ["16:00", "16:30"]  # of who hangs, nothing is known, and so nothing offered


def test_calendar_read_a_moment_ago_is_not_read_again(unhurried, ask, listen, connect, at):
    receiver = listen(answer(200, body=ics(at(9), at(16))))
    calendar = connect(receiver)

    for _ in range(5):
        assert ask(sync_external="true")["meta"]["calendars"] == [told(calendar)]

    assert len(receiver.requests) == 1


def test_calendar_that_failed_a_moment_ago_is_not_read_again(unhurried, ask, listen, connect):
    receiver = listen(answer(503))
    calendar = connect(receiver)

    first, second = ask(sync_external="true"), ask(sync_external="true")

    error = "The calendar's server answered 503 instead of the calendar."
    assert first["meta"]["calendars"] == [told(calendar, is_current=False, error=error)]
    assert second["meta"]["calendars"] == [told(calendar, is_current=False)]
    assert len(receiver.requests) == 1


def test_sync_external_reads_only_calendars_of_the_clinicians_asked_for(
    unhurried, ask, listen, connect, dana, harbour, consultation, at
):
    receiver = listen(answer(200, body=ics(at(9), at(16))))
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    ours, theirs = connect(receiver), connect(listen(hang), clinician=otis)

    assert ask(sync_external="true", clinician_id=dana.pk)["meta"]["calendars"] == [told(ours)]
    assert len(ask()["meta"]["calendars"]) == 2
    theirs.refresh_from_db()
    assert theirs.last_tried_at is None


def test_stale_calendar_is_reported_and_its_clinician_is_not_offered(ask, listen, connect):
    calendar = connect(
        listen(answer(500)), last_synced_at=database_now() - timedelta(hours=2), last_error="It was refused."
    )

    body = ask()

    assert body["data"] == []
    assert body["meta"]["calendars"] == [told(calendar, is_current=False, error="It was refused.")]


def test_stale_calendar_offers_its_clinician_as_last_known_where_the_policy_says_so(ask, listen, connect, at):
    calendar = connect(
        listen(answer(500)), last_synced_at=database_now() - timedelta(hours=2), when_unreachable="offer"
    )
    store_busy(calendar, [(int(at(9).timestamp()), int(at(16).timestamp()))])

    body = ask()

    assert times(body) == ["16:00", "16:30"]
    assert body["meta"]["calendars"] == [told(calendar, is_current=False)]


def test_explain_says_that_a_calendar_is_unreachable_and_why(ask, listen, connect):
    calendar = connect(listen(answer(500)), last_error="There is no calendar at its address any more.")

    body = ask("/explain")

    assert (body["data"]["is_open"], body["data"]["reasons"]) == (False, ["calendar-unreachable"])
    assert body["data"]["places"][0]["reasons"] == ["calendar-unreachable"]
    error = "There is no calendar at its address any more."
    assert body["meta"]["calendars"] == [told(calendar, is_current=False, error=error)]


@EVERY_PATH
@pytest.mark.parametrize("sync", ["true", "false"])
def test_publishable_key_learns_only_whether_a_calendar_is_current(sync, path, ask, public_api, listen, connect):
    calendar = connect(listen(answer(500)), last_synced_at=database_now() - timedelta(hours=2), last_error="Refused.")

    body = ask(path, caller=public_api, sync_external=sync)

    expected = told(calendar, is_current=False, last_synced_at=None, not_understood=None)
    assert body["meta"]["calendars"] == [expected]


@pytest.fixture
def unread(connect, listen, day):
    """Dana's calendar, of which two events of the day and one without a day were not understood, and one is ignored."""
    calendar = connect(listen(answer(500)), last_synced_at=database_now())
    for number, when in enumerate([day, day, None, date(2020, 12, 14)]):
        ignored_at = database_now() if number == 3 else None
        UnreadEvent.objects.create(calendar=calendar, fingerprint=str(number), day=when, ignored_at=ignored_at)
    return calendar


@EVERY_PATH
def test_events_not_understood_are_told_to_secret_keys_only(path, ask, public_api, unread, day):
    on_the_day = {"date": day.isoformat(), "events": 2}
    undated = {"date": None, "events": 1}

    [calendar] = ask(path)["meta"]["calendars"]

    messages = [one.pop("message") for one in calendar["not_understood"]]
    assert calendar == told(unread, not_understood=[on_the_day, undated])
    assert messages[0].startswith(f"2 events on {day.day} {day:%B}")
    assert messages[0].endswith(" were not understood; that day is closed.")
    assert messages[1] == "1 event without a readable start was not understood; nothing is closed for it."
    [public] = ask(path, caller=public_api)["meta"]["calendars"]
    assert public == told(unread, last_synced_at=None, not_understood=None)


def test_explain_tells_what_was_not_understood_on_its_date_only(ask, public_api, unread, at, harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation])

    def find_told(caller=None, **query):
        places = ask("/explain", **({"caller": caller} if caller else {}), **query)["data"]["places"]
        return {place["clinician_name"]: place["not_understood"] for place in places}

    found = find_told()
    assert found["Otis Hale"] == [] and len(found["Dana Reed"]) == 1
    assert found["Dana Reed"][0].startswith("2 events on ")
    assert find_told(start_time=(at(9) + timedelta(days=1)).isoformat()) == {"Otis Hale": [], "Dana Reed": []}
    assert find_told(public_api) == {"Otis Hale": [], "Dana Reed": []}


@EVERY_PATH
def test_holidays_are_told_with_their_location_and_close_it(path, ask, connect, listen, harbour, at):
    one = connect(listen(answer(500)), kind="holidays", clinician=None, location=harbour, last_synced_at=database_now())
    store_busy(one, [(int(at(0).timestamp()), int(at(0).timestamp()) + 86_400)])

    body = ask(path)

    assert body["meta"]["calendars"] == [told(one)]
    assert (one.clinician_id, one.location_id) == (None, harbour.pk)
    expected = {
        "": lambda data: data == [],
        "/days": lambda data: data == [],
        "/next": lambda data: not data["start_time"].startswith(f"{at(0):%Y-%m-%d}"),
        "/explain": lambda data: (data["is_open"], data["reasons"]) == (False, ["holiday"]),
    }
    assert expected[path](body["data"])


@EVERY_PATH
def test_calendar_answers_reveal_no_url_name_or_title(path, ask, listen, connect, at, caplog):
    receiver = listen(in_turn(answer(200, body=ics(at(9), at(10))), answer(500)))
    connect(receiver, username="dana-login", password="dana-password")

    for _ in range(2):
        body = str(ask(path, sync_external="true")) + caplog.text
        Calendar.objects.update(last_tried_at=None)
        for secret in ("private-token", "127.0.0.1", "Private matter", "privately", "dana-login", "dana-password"):
            assert secret not in body


def test_hold_refused_for_a_calendar_names_the_reason(api, listen, connect, consultation, dana, harbour, at):
    connect(listen(answer(500)))

    response = api.post(
        "/holds",
        {
            "appointment_type_id": str(consultation.pk),
            "clinician_id": str(dana.pk),
            "location_id": str(harbour.pk),
            "start_time": at(9).isoformat(),
            "is_remote": False,
        },
    )

    assert (response.status_code, response.json()["code"]) == (422, "not-offered")
    assert response.json()["reasons"] == ["calendar-unreachable"]


@pytest.mark.parametrize("value", ["maybe", ""])
def test_sync_external_other_than_true_or_false_is_400(value, api, consultation, day):
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day, "sync_external": value}

    response = api.get("/availability", query=query)

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/sync_external"]


@EVERY_PATH
def test_availability_of_many_calendars_makes_as_many_queries_as_of_one(
    path, ask, listen, connect, harbour, consultation, at
):
    receiver = listen(answer(200, body=ics(at(9), at(10))))
    counts = []
    for number in (1, 9):
        for n in range(number):
            clinician = make_clinician(f"Clinician {number} {n}", location=harbour, services=[consultation])
            store_busy(connect(receiver, clinician=clinician), [(int(at(9).timestamp()), int(at(10).timestamp()))])
        ask(path)
        with CaptureQueriesContext(connection) as captured:
            ask(path)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 7
