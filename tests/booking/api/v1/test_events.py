"""The event feed and the question whether anything has changed, over the API."""

from uuid import uuid4

import pytest

from booking.domain.appointments import cancel
from booking.domain.holds import extend_hold
from booking.models import Event
from booking.models.enums import ANNOUNCED_KINDS
from scheduling.models import Location
from tests.waiting import no_event_is_unsettled, wait_until


@pytest.fixture
def committed(transactional_db):
    """Commit each statement: the feed shows nothing of a transaction that is still open."""


def read(api, **query):
    """Return ``(data, meta)`` of a page, once all that is committed can be shown."""
    wait_until(no_event_is_unsettled)
    response = api.get("/events", query=query)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    body = response.json()
    assert set(body["meta"]) == {"request_id", "next_cursor", "has_more"}
    return body["data"], body["meta"]


def list_types(api, **query):
    return [event["type"] for event in read(api, **query)[0]]


def test_event_has_all_members(committed, api, hold_time, at):
    hold = hold_time(at(9))

    events, meta = read(api)

    event = Event.objects.get()
    assert events == [
        {
            "id": str(event.pk),
            "type": "hold.placed",
            "timestamp": hold.created_at.isoformat(),
            "data": {
                "id": str(hold.pk),
                "status": "active",
                "appointment_type_id": str(hold.service_id),
                "clinician_id": str(hold.clinician_id),
                "location_id": str(hold.location_id),
                "start_time": at(9).isoformat(),
                "end_time": at(9, 30).isoformat(),
                "is_remote": False,
                "expires_at": hold.expires_at.isoformat(),
                "sequence": 1,
            },
        }
    ]
    assert meta["has_more"] is False and meta["next_cursor"]


def test_whole_feed_is_read_page_by_page_and_polled_onward(committed, api, book, at):
    appointment = book(at(9))
    types, cursor, has_more = [], {}, True
    while has_more:
        events, meta = read(api, limit=1, **cursor)
        types += [event["type"] for event in events]
        cursor, has_more = {"cursor": meta["next_cursor"]}, meta["has_more"]
    assert sorted(types) == ["appointment.created", "hold.placed", "patient.created"]
    assert read(api, **cursor)[0] == []

    cancel(appointment, reason="other", actor="erin")

    assert list_types(api, **cursor) == ["appointment.cancelled"]


def test_empty_feed_has_next_cursor(committed, api, hold_time, at):
    events, meta = read(api)
    assert (events, meta["has_more"]) == ([], False)
    hold_time(at(9))

    assert list_types(api, cursor=meta["next_cursor"]) == ["hold.placed"]


def test_kinds_may_be_repeated(committed, api, book, at):
    book(at(9))

    assert list_types(api, kind="hold.placed") == ["hold.placed"]
    assert sorted(list_types(api, kind=["hold.placed", "patient.created"])) == ["hold.placed", "patient.created"]
    assert list_types(api, kind="appointment.cancelled") == []


def test_since_is_inclusive_and_cursor_goes_on_from_it(committed, api, hold_time, at):
    hold = hold_time(at(9))
    extend_hold(hold, actor="patient")
    [_, extended] = Event.objects.order_by("id")

    query = {"since": extended.created_at.isoformat()}
    events, meta = read(api, **query)
    assert [event["type"] for event in events] == ["hold.extended"]
    extend_hold(hold, actor="patient")
    assert list_types(api, cursor=meta["next_cursor"], **query) == ["hold.extended"]


@pytest.mark.parametrize(
    ("scopes", "about"),
    [
        ([], {"appointment", "hold"}),
        (["read_patients"], {"appointment", "hold", "patient"}),
        (["write_orders"], {"appointment", "hold", "order"}),
    ],
)
def test_key_sees_events_of_patients_and_orders_with_their_scopes_only(
    scopes, about, committed, make_key, with_key, order, book, at
):
    book(at(9))
    api = with_key(make_key(scopes=["read_appointments", *scopes])[1])

    assert {name.partition(".")[0] for name in list_types(api)} == about


@pytest.mark.parametrize(("kind", "scope"), [("patient.created", "read_patients"), ("order.created", "write_orders")])
def test_kind_that_needs_another_scope_is_403(kind, scope, make_key, with_key):
    api = with_key(make_key(scopes=["read_appointments"])[1])

    response = api.get("/events", query={"kind": ["hold.placed", kind]})

    assert (response.status_code, response.json()["code"], response.json()["scope"]) == (403, "missing-scope", scope)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "hold.confirmed"}, "kind/0"),
        ({"kind": "provider.asked"}, "kind/0"),
        ({"kind": ""}, "kind/0"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"since": "yesterday"}, "since"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"type": "hold.placed"}, "type"),
    ],
)
def test_bad_parameter_of_events_is_400(query, field, api):
    response = api.get("/events", query=query)

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/{field}"]


def test_cursor_of_another_list_is_400(api, book, at):
    for hour in (9, 10):
        book(at(hour))
    cursor = api.get("/appointments", query={"limit": 1}).json()["meta"]["next_cursor"]

    response = api.get("/events", query={"cursor": cursor})

    assert response.status_code == 400


def test_events_have_no_personal_details(committed, api, order, book, at):
    cancel(book(at(9)), reason="other", note="Alice has a cold.", actor="erin")

    text = str(read(api)[0]).lower()

    assert not [word for word in ("alice", "archer", "example.org", "1985-04-12", "2079460123", "cold") if word in text]


def test_all_announced_kinds_can_be_asked_for(api):
    assert api.get("/events", query={"kind": list(ANNOUNCED_KINDS)}).status_code == 200


# Whether anything has changed


def test_changes_of_location_are_304_without_body_until_something_changes(
    committed, public_api, harbour, hold_time, at
):
    path = f"/locations/{harbour.pk}/changes"
    wait_until(no_event_is_unsettled)
    first = public_api.get(path)
    assert (first.status_code, first.json()["data"]) == (200, {"version": first["ETag"].strip('"')})

    same = public_api.get(path, if_none_match=first["ETag"])
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    assert "Content-Type" not in same

    hold_time(at(9))
    changed = public_api.get(path, if_none_match=first["ETag"])
    assert (changed.status_code, changed["ETag"] == first["ETag"]) == (200, False)


@pytest.mark.parametrize("tags", ["*", "W/{}", '"other", {}', '{} , "other"'])
def test_any_of_the_etags_sent_is_compared(tags, public_api, harbour):
    path = f"/locations/{harbour.pk}/changes"
    tag = public_api.get(path)["ETag"]

    assert public_api.get(path, if_none_match=tags.format(tag)).status_code == 304
    assert public_api.get(path, if_none_match='"other"').status_code == 200


def test_changes_of_unknown_location_are_404(api, public_api, harbour):
    assert api.get(f"/locations/{uuid4()}/changes").status_code == 404
    Location.objects.update(is_active=False)
    path = f"/locations/{harbour.pk}/changes"
    assert (api.get(path).status_code, public_api.get(path).status_code) == (200, 404)


def test_question_for_changes_takes_two_statements(api, harbour, django_assert_num_queries):
    api.get("/me")
    with django_assert_num_queries(2):  # the key's and its own
        api.get(f"/locations/{harbour.pk}/changes")
