"""A client of OnSched lists appointments, changes and confirms them, reserves times, and reads what happened."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.domain.appointments import cancel
from booking.models import Appointment, Event, Hold
from patients.models import Patient
from scheduling.models import Location, Slot
from tests.booking.api.dialects.conftest import ONSCHED, System
from tests.booking.api.dialects.test_onsched import (  # noqa: F401 (fixtures)
    ALICE,
    NOWHERE,
    choice,
    data,
    erin,
    hold,
    refused,
    spell,
    utc,
    utc_with_milliseconds,
)
from tests.booking.api.dialects.test_onsched_catalogue import listed
from tests.ledger import lapse, nothing_changes

# Lists


@pytest.fixture
def ids(onsched):
    """List appointments and return their ids: ``ids(status="BK")``."""
    return lambda **query: [row["id"] for row in listed(onsched("GET", "/appointments", query=query))]


def test_onsched_appointments_are_listed_by_their_start_with_what_the_key_holds(onsched, book, hold, hold_time, at):  # noqa: F811
    held = hold()
    hold_time(at(13))  # by somebody else
    later, sooner = book(at(11)), book(at(10))
    rows = listed(onsched("GET", "/appointments"))
    assert rows == [data(onsched("GET", f"/appointment/{id}")) for id in (held["id"], sooner.pk, later.pk)]
    assert rows[0] == held
    assert (rows[1]["Customer"]["firstName"], rows[1]["status"]) == ("Alice", "BK")
    assert listed(onsched("GET", "/appointments/filter")) == rows
    assert onsched("GET", "/appointments").headers["Cache-Control"] == "no-store"


def test_onsched_appointments_come_in_pages(onsched, book, at):
    booked = [str(book(at(hour)).pk) for hour in (9, 10, 11)]
    first = listed(onsched("GET", "/appointments", query={"limit": 2}), limit=2, has_more=True)
    second = listed(onsched("GET", "/appointments", query={"limit": 2, "page": 2}), limit=2, page=2)
    assert [row["id"] for row in first + second] == booked


def test_onsched_appointments_are_filtered(ids, book, erin, dana, consultation, harbour, at, day):  # noqa: F811
    bob = Patient.objects.create(first_name="Bob", last_name="Brown", email="bob@example.org")
    mine, his = str(book(at(10)).pk), str(book(at(11), patient=bob, clinician=erin).pk)
    tomorrow = str(book(at(10) + timedelta(days=1)).pk)
    mill = Location.objects.create(name="Mill Lane", timezone="Europe/London")
    elsewhere = "7d1f6cf0-0000-4000-8000-000000000001"

    assert ids(CustomerId=bob.pk) == [his]
    assert ids(ResourceIds=dana.pk) == [mine, tomorrow]
    assert ids(resourceId=erin.pk) == [his]
    assert ids(ResourceIds=f"{dana.pk},{erin.pk}") == [mine, his, tomorrow]
    assert ids(serviceIds=consultation.pk) == [mine, his, tomorrow]
    assert ids(ServiceId=elsewhere) == []
    assert ids(locationId=harbour.pk) == [mine, his, tomorrow]
    assert ids(LocationId=mill.pk) == []
    assert ids(startDate=utc(at(11))) == [his, tomorrow]
    assert ids(endDate=utc(at(11))) == [mine]
    assert ids(**{"from": day, "to": day}) == [mine, his]
    assert ids(**{"from": day + timedelta(days=1)}) == [tomorrow]
    assert ids(startDate=utc(at(10, 1)), endDate=utc(at(11, 1)), ResourceIds=erin.pk, CustomerId=bob.pk) == [his]


def test_onsched_appointments_are_filtered_by_status(onsched, ids, book, hold, choice, at):  # noqa: F811
    held = hold()["id"]
    reserved = data(onsched("POST", "/appointment/reserve", choice | {"Unavailability": spell(at(10))}), 201)["id"]
    booked, cancelled, agreed = (book(at(hour)) for hour in (11, 13, 14))
    cancel(cancelled, reason="other", actor="erin")
    Appointment.objects.filter(pk=agreed.pk).update(status="reserved")
    booked, cancelled, agreed = (str(each.pk) for each in (booked, cancelled, agreed))

    assert ids(status="IN") == [held]
    assert ids(status="RS") == [reserved, agreed]
    assert ids(status="BK") == [booked]
    assert ids(status="CN") == [cancelled]
    assert ids(status="BK,IN") == [held, booked]
    assert ids(**{"status[]": ["RS", "CN"]}) == [reserved, cancelled, agreed]
    assert ids(status="PE") == []


def test_onsched_list_has_no_hold_that_has_lapsed_or_was_given_back(onsched, ids, hold):  # noqa: F811
    held = hold()
    lapse(Hold.objects.get())
    assert ids() == []
    again = hold()
    data(onsched("PUT", f"/appointment/{again['id']}/cancel"))
    assert ids() == []
    assert held["id"] != again["id"]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "RE"},
        {"status": "bk"},
        {"LocationId": NOWHERE},
        {"CustomerId": "alice"},
        {"ServiceIds": "x"},
        {"startDate": "tomorrow"},
        {"endDate": "2026-01-01T00:00:00"},
    ],
)
def test_onsched_invalid_filter_of_appointments_is_400(onsched, query):
    response = onsched("GET", "/appointments", query=query)
    assert refused(response, 400, "validation")
    assert [error["field"].split(".")[0] for error in response.json()["errors"]] == list(query)


def test_onsched_appointments_take_as_many_statements_for_many_as_for_one(onsched, book, hold, at):  # noqa: F811
    hold()
    book(at(10))
    with CaptureQueriesContext(connection) as few:
        assert len(listed(onsched("GET", "/appointments"))) == 2
    for hour in (11, 13, 14, 15):
        bob = Patient.objects.create(first_name="Bob", last_name=f"Brown {hour}", email=f"bob{hour}@example.org")
        book(at(hour), patient=bob)
    with CaptureQueriesContext(connection) as many:
        assert len(listed(onsched("GET", "/appointments"))) == 6
    assert len(many) == len(few)


# PUT appointment/{id}


def test_onsched_appointment_is_changed_in_what_is_sent(onsched, book, at):
    appointment = book(at(9))
    before = data(onsched("GET", f"/appointment/{appointment.pk}"))
    more = {"name": "Ada Archer", "phone": None, "LocationId": NOWHERE, "status": "CN"}
    changed = data(onsched("PUT", f"/appointment/{appointment.pk}", {"notes": "Needs a ramp", "email": "", **more}))

    customer = before["Customer"] | {"email": ""}
    assert changed == before | {"notes": "Needs a ramp", "Customer": customer, "updatedAt": changed["updatedAt"]}
    assert data(onsched("GET", f"/appointment/{appointment.pk}")) == changed
    appointment.refresh_from_db()
    assert (appointment.attendee_name, appointment.attendee_phone) == ("Ada Archer", "+442079460123")
    event = Event.objects.filter(subject_id=appointment.pk).latest("sequence")
    assert (event.kind, event.data) == (
        "appointment.updated",
        {"changed": ["attendee_email", "attendee_name", "notes"]},
    )


def test_onsched_metadata_of_an_appointment_is_merged(onsched, book, at):
    appointment = book(at(9))
    for sent, kept in (
        ({"room": "4", "lift": "yes"}, {"room": "4", "lift": "yes"}),
        ({"room": "5", "lift": None}, {"room": "5"}),
    ):
        assert data(onsched("PUT", f"/appointment/{appointment.pk}", {"metadata": sent}))["metadata"] == kept
    assert listed(onsched("GET", "/appointments"))[0]["metadata"] == {"room": "5"}
    with nothing_changes():
        many = {"metadata": {f"name {number}": "x" for number in range(50)}}
        assert refused(onsched("PUT", f"/appointment/{appointment.pk}", many), 409, "too-much-metadata")


def test_onsched_change_of_nothing_changes_nothing(onsched, book, at):
    appointment = book(at(9))
    with nothing_changes():
        for body in (None, {}, {"notes": None, "status": "CN"}):
            assert data(onsched("PUT", f"/appointment/{appointment.pk}", body))["status"] == "BK"


@pytest.mark.parametrize(
    "body, field",
    [
        ({"email": "alice"}, "email"),
        ({"name": ""}, "name"),
        ({"notes": "a\x00"}, "notes"),
        ({"notes": 7}, "notes"),
        ({"metadata": {"a": [1]}}, "metadata"),
    ],
)
def test_onsched_invalid_change_of_appointment_is_400(onsched, book, at, body, field):
    appointment = book(at(9))
    with nothing_changes():
        response = onsched("PUT", f"/appointment/{appointment.pk}", body)
        assert refused(response, 400, "validation")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_onsched_what_is_held_cannot_be_changed_or_confirmed(onsched, hold):  # noqa: F811
    held = hold()
    with nothing_changes():
        for path in (f"/appointment/{held['id']}", f"/appointment/{held['id']}/confirm"):
            response = onsched("PUT", path, {"notes": "Needs a ramp"})
            assert refused(response, 409, "wrong-state")
            assert (response.json()["subject"], response.json()["state"]) == ("hold", "active")
        assert refused(onsched("PUT", f"/appointment/{NOWHERE}", {"notes": "x"}), 404, "not-found")


# Confirm


def test_onsched_appointment_that_waits_for_staff_is_confirmed(onsched, hold, desk):  # noqa: F811
    asked = data(onsched("PUT", f"/appointment/{hold(Customer=ALICE)['id']}/book"))
    assert (asked["status"], asked["confirmed"]) == ("PE", False)
    confirmed = data(onsched("PUT", f"/appointment/{asked['id']}/confirm"))
    assert confirmed == asked | {"status": "BK", "confirmed": True, "updatedAt": confirmed["updatedAt"]}
    assert Slot.objects.get().expires_at is None
    with nothing_changes():
        assert data(onsched("PUT", f"/appointment/{asked['id']}/confirm")) == confirmed


def test_onsched_appointment_that_another_system_must_approve_is_not_confirmed(onsched, book, at, desk):
    appointment = book(at(9))
    desk.kind = "upstream"
    desk.save()
    with nothing_changes():
        response = onsched("PUT", f"/appointment/{appointment.pk}/confirm")
        assert refused(response, 409, "wrong-state")
    assert response.json()["state"] == "pending"


def test_onsched_appointment_that_is_over_is_not_confirmed(onsched, book, at, desk):
    appointment = book(at(9))
    cancel(appointment, reason="other", actor="erin")
    with nothing_changes():
        assert refused(onsched("PUT", f"/appointment/{appointment.pk}/confirm"), 409, "wrong-state")


# Reserve


@pytest.fixture
def reserve(onsched, choice):  # noqa: F811
    """Reserve a time: ``reserve(Customer={…})`` returns its data."""
    return lambda **changes: data(onsched("POST", "/appointment/reserve", choice | changes), 201)


def test_onsched_time_is_reserved_until_its_start_then_booked(onsched, reserve, hold_time, at, consultation, dana):
    reserved = reserve()
    stored, slot = Hold.objects.get(), Slot.objects.get()
    assert reserved == {
        "id": str(stored.pk),
        "status": "RS",
        "confirmed": False,
        "confirmationNumber": None,
        "ServiceId": str(consultation.pk),
        "LocationId": str(stored.location_id),
        "ResourceIds": [str(dana.pk)],
        "CustomerId": None,
        "Customer": None,
        "Unavailability": spell(at(9)),
        "timezone": "Europe/London",
        "notes": "",
        "metadata": {},
        "expiresAt": None,
        "createdAt": utc_with_milliseconds(stored.created_at),
        "updatedAt": utc_with_milliseconds(stored.updated_at),
    }
    assert (stored.expires_at, slot.expires_at) == (at(9), at(9))
    assert data(onsched("GET", f"/appointment/{reserved['id']}")) == reserved

    booked = data(onsched("PUT", f"/appointment/{reserved['id']}/book", {"Customer": ALICE}))
    assert (booked["id"], booked["status"]) == (reserved["id"], "BK")
    assert Slot.objects.get().expires_at is None


def test_onsched_reserved_time_cannot_be_had_by_others(onsched, reserve, choice):  # noqa: F811
    reserve()
    with nothing_changes():
        assert refused(onsched("POST", "/appointment/hold", choice), 409, "slot-taken")
        assert refused(onsched("POST", "/appointment/reserve", choice), 409, "slot-taken")


def test_onsched_reservation_that_is_rescheduled_lasts_until_its_new_start(onsched, reserve, at):
    reserved = reserve()
    for hour in (14, 10):
        moved = data(onsched("PUT", f"/appointment/{reserved['id']}/reschedule", {"Unavailability": spell(at(hour))}))
        assert moved == reserved | {"Unavailability": spell(at(hour)), "updatedAt": moved["updatedAt"]}
        assert (Hold.objects.get().expires_at, Slot.objects.get().expires_at) == (at(hour), at(hour))


def test_onsched_reservation_is_given_back(onsched, reserve):
    reserved = reserve(Customer=ALICE)
    assert data(onsched("PUT", f"/appointment/{reserved['id']}/cancel"))["status"] == "CN"
    assert not Slot.objects.exists()


def test_onsched_reservation_of_a_time_not_offered_is_422(onsched, choice, at):  # noqa: F811
    with nothing_changes():
        response = onsched("POST", "/appointment/reserve", choice | {"Unavailability": spell(at(12))})
        assert refused(response, 422, "not-offered")


def test_reservation_that_is_extended_lasts_no_shorter(onsched, api, reserve, at):
    reserved = reserve()
    assert api.post(f"/holds/{reserved['id']}/extend").status_code == 200
    assert (Hold.objects.get().expires_at, Slot.objects.get().expires_at) == (at(9), at(9))


# Audit


def test_onsched_audit_tells_what_happened_without_personal_data(onsched, hold, choice, at):  # noqa: F811
    id = hold(Customer=ALICE)["id"]
    data(onsched("PUT", f"/appointment/{id}/book"))
    data(onsched("PUT", f"/appointment/{id}", {"notes": "Needs a ramp"}))
    data(onsched("PUT", f"/appointment/{id}/reschedule", {"Unavailability": spell(at(14))}))
    data(onsched("PUT", f"/appointment/{id}/cancel", {"note": "No car"}))

    response = onsched("GET", f"/appointment/{id}/audit")
    events = data(response)
    stored = Event.objects.filter(subject_id=id).order_by("sequence")
    assert events == [
        {
            "sequence": number,
            "event": kind,
            "createdAt": utc_with_milliseconds(event.created_at),
            "createdBy": "key",
            "fromStatus": before,
            "toStatus": after,
            "data": event.data,
        }
        for number, (kind, before, after), event in zip(
            range(1, 7),
            [
                ("hold.placed", None, "IN"),
                ("hold.confirmed", "IN", "BK"),
                ("appointment.created", None, "BK"),
                ("appointment.updated", None, None),
                ("appointment.rescheduled", None, None),
                ("appointment.cancelled", "BK", "CN"),
            ],
            stored,
            strict=True,
        )
    ]
    assert not any(word in response.text for word in ("Alice", "alice", "ramp", "car", "7946"))


def test_onsched_audit_of_a_hold_is_for_the_key_that_placed_it(client, onsched, hold, make_key):  # noqa: F811
    held = hold()
    lapse(Hold.objects.get())
    assert [event["event"] for event in data(onsched("GET", f"/appointment/{held['id']}/audit"))] == ["hold.placed"]
    other = System(client, ONSCHED, x_api_key=make_key()[1])
    for caller, id in ((other, held["id"]), (onsched, NOWHERE)):
        assert refused(caller("GET", f"/appointment/{id}/audit"), 404, "not-found")
