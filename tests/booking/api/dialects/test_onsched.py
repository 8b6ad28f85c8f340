"""A client of OnSched finds a time, holds it, books it, moves it and gives it up, in the words it knows."""

import json
from datetime import UTC, date, timedelta
from uuid import UUID

import pytest
from django.test import Client

from booking.domain.confirmation import confirm_hold
from booking.models import ApiKey, Appointment, Event, Hold, Provider
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.models import Calendar, Location, Slot
from tests.booking.api.conftest import SITE
from tests.booking.api.dialects.conftest import ONSCHED, System
from tests.conftest import make_clinician
from tests.ledger import lapse, nothing_changes
from tests.receivers import Receiver, answer

NOWHERE = "7d1f6cf0-0000-4000-8000-000000000000"
ALICE = {"firstName": "Alice", "lastName": "Archer", "email": "alice@example.org", "phone": "020 7946 0123"}


def utc(moment):
    """A moment as OnSched writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def utc_with_milliseconds(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spell(start, minutes=30):
    """The Unavailability of a time."""
    return {"startTime": utc(start), "endTime": utc(start + timedelta(minutes=minutes))}


def data(response, status=200):
    body = response.json()
    assert (response.status_code, body.pop("success")) == (status, True), body
    assert list(body) == ["data"]
    return body["data"]


def refused(response, status, code):
    body = response.json()
    assert (response.status_code, body["success"], body["code"]) == (status, False, code), body
    assert body["message"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    return True


@pytest.fixture
def erin(harbour, consultation):
    """Another clinician like Dana."""
    return make_clinician("Erin Stone", location=harbour, services=[consultation])


@pytest.fixture
def times(onsched, consultation, at):
    """Ask for the times from 9 to 10 on the day: ``times(roundRobin="RANDOM")``."""

    def times(**changes):
        query = {"ServiceId": consultation.pk, "startDate": utc(at(9)), "endDate": utc(at(10)), **changes}
        return onsched("GET", "/availability", query={name: value for name, value in query.items() if value})

    return times


@pytest.fixture
def choice(consultation, dana, harbour, at):
    """What a client sends of the time it has chosen: with Dana at nine."""
    return {
        "LocationId": str(harbour.pk),
        "ServiceId": str(consultation.pk),
        "ResourceIds": [str(dana.pk)],
        "Unavailability": spell(at(9)),
    }


@pytest.fixture
def hold(onsched, choice):
    """Hold a time: ``hold(Customer={…})`` returns its data."""
    return lambda **changes: data(onsched("POST", "/appointment/hold", choice | changes), 201)


# Availability


def test_onsched_availability_lists_times_and_free_resources(
    times, dana, erin, hold_time, harbour, consultation, day, at
):
    hold_time(at(9, 30), clinician=erin)

    nine = {"start_time": utc(at(9)), "end_time": utc(at(9, 30))}
    half_past = {"start_time": utc(at(9, 30)), "end_time": utc(at(10))}
    assert data(times(LocationId=harbour.pk)) == {
        "ServiceId": str(consultation.pk),
        "availableDays": {day.isoformat(): [nine, half_past]},
        "availableTimes": [
            {**nine, "ResourceIds": [str(dana.pk), str(erin.pk)], "LocationId": str(harbour.pk)},
            {**half_past, "ResourceIds": [str(dana.pk)], "LocationId": str(harbour.pk)},
        ],
    }


@pytest.mark.parametrize("name", ["ResourceIds", "resourceIds", "ResourceIds[]"])
def test_onsched_availability_of_some_resources_lists_only_them(times, dana, erin, name):
    others = make_clinician("Fay Moss", location=Location.objects.get(), services=dana.services.all())
    for asked, expected in (
        (str(erin.pk), [erin]),
        ([dana.pk, others.pk], [dana, others]),
        (f"{dana.pk},{erin.pk}", [dana, erin]),
    ):
        assert data(times(**{name: asked}))["availableTimes"][0]["ResourceIds"] == [str(each.pk) for each in expected]


def test_onsched_availability_round_robin_random_names_one_resource(times, dana, erin, at):
    def chosen():
        found = data(times(endDate=utc(at(17)), roundRobin="RANDOM"))["availableTimes"]
        assert (len(found), {len(time["ResourceIds"]) for time in found}) == (14, {1})
        return {resource for time in found for resource in time["ResourceIds"]}

    assert set().union(*(chosen() for _ in range(5))) == {str(dana.pk), str(erin.pk)}
    only_dana = data(times(roundRobin="RANDOM", ResourceIds=dana.pk))["availableTimes"]
    assert [time["ResourceIds"] for time in only_dana] == [[str(dana.pk)]] * 2


def test_onsched_availability_round_robin_balanced_names_the_least_booked(times, dana, erin, hold_time, at):
    hold_time(at(15))  # with Dana
    found = data(times(roundRobin="BALANCED"))["availableTimes"]
    assert [time["ResourceIds"] for time in found] == [[str(erin.pk)]] * 2


def test_onsched_availability_with_sync_external_reads_calendars_now(times, dana, at, settings):
    event = f"DTSTART:{at(9).astimezone(UTC):%Y%m%dT%H%M%SZ}\r\nDURATION:PT30M\r\nUID:1\r\nDTSTAMP:20260101T000000Z"
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    with Receiver(answer(200, body=text.encode(), Content_Type="text/calendar")) as elsewhere:
        settings.PRIVATE_HOSTS = [elsewhere.netloc]
        calendar = Calendar.objects.create(clinician=dana, name="her own", url=elsewhere.url, when_unreachable="offer")
        assert len(data(times(syncExternal="false"))["availableTimes"]) == 2
        body = times(syncExternal="true").json()
    calendar.refresh_from_db()
    assert [time["start_time"] for time in body["data"]["availableTimes"]] == [utc(at(9, 30))]
    assert body["externalCalendars"] == [
        {
            "ResourceId": str(dana.pk),
            "isCurrent": True,
            "error": None,
            "lastSyncedAt": calendar.last_synced_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
    ]


def test_onsched_availability_without_location_is_of_the_primary_one(times, dana, harbour, consultation):
    abbey = Location.objects.create(name="Abbey Road", address_line_1="1 Abbey Road", city="London")
    assert data(times())["availableTimes"] == []
    make_clinician("Erin Stone", location=abbey, services=[consultation])
    assert {time["LocationId"] for time in data(times())["availableTimes"]} == {str(abbey.pk)}
    Location.objects.filter(pk=abbey.pk).update(is_active=False)
    assert {time["LocationId"] for time in data(times())["availableTimes"]} == {str(harbour.pk)}


def test_onsched_available_days_are_local_to_the_location(onsched, consultation, day):
    tokyo = Location.objects.create(name="Ginza", address_line_1="1", city="Tokyo", timezone="Asia/Tokyo")
    make_clinician("Erin Stone", location=tokyo, services=[consultation], hours=[(7, 8)])  # 22:00 UTC the day before
    after = day + timedelta(days=1)
    query = {"ServiceId": consultation.pk, "startDate": f"{day}T00:00:00Z", "endDate": f"{after}T00:00:00Z"}
    [(found, [first, _])] = data(onsched("GET", "/availability", query=query))["availableDays"].items()
    assert (found, first["start_time"]) == (str(after), f"{day}T22:00:00.000Z")


def test_onsched_availability_range_without_length_is_a_day(times, dana, at):
    assert len(data(times(startDate=utc(at(0)), endDate=utc(at(0))))["availableTimes"]) == 14


def test_onsched_availability_dates_are_local_to_the_location(times, dana, day):
    assert len(data(times(startDate=str(day), endDate=str(day)))["availableTimes"]) == 14


@pytest.mark.parametrize(
    "change, field",
    [
        ({"ServiceId": ""}, "ServiceId"),
        ({"ServiceId": NOWHERE}, "ServiceId"),
        ({"LocationId": NOWHERE}, "LocationId"),
        ({"ResourceIds": NOWHERE}, "ResourceIds"),
        ({"ResourceIds": "dana"}, "ResourceIds.0"),
        ({"roundRobin": "SOMETIMES"}, "roundRobin"),
        ({"syncExternal": "perhaps"}, "syncExternal"),
        ({"startDate": "tomorrow"}, "startDate"),
        ({"endDate": "2026-01-01T00:00:00"}, "endDate"),
        ({"startDate": "2026-01-02", "endDate": "2026-01-01"}, "endDate"),
        ({"startDate": "2026-01-01", "endDate": "2026-02-01"}, "endDate"),
        ({"startDate": "2026-01-01", "endDate": "2026-01-02T00:00:00Z"}, "endDate"),
    ],
)
def test_onsched_invalid_availability_query_is_400(times, dana, change, field):
    response = times(**change)
    assert refused(response, 400, "validation")
    assert [error["field"] for error in response.json()["errors"]] == [field]


# From IN to BK


def test_onsched_appointment_is_held_then_booked(onsched, hold, choice, consultation, dana, harbour, at):
    held = hold()
    stored = Hold.objects.get()
    assert held == {
        "id": str(stored.pk),
        "status": "IN",
        "confirmed": False,
        "confirmationNumber": None,
        "ServiceId": str(consultation.pk),
        "LocationId": str(harbour.pk),
        "ResourceIds": [str(dana.pk)],
        "CustomerId": None,
        "Customer": None,
        "Unavailability": spell(at(9)),
        "timezone": "Europe/London",
        "notes": "",
        "metadata": {},
        "expiresAt": stored.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "createdAt": stored.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "updatedAt": stored.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert data(onsched("GET", f"/appointment/{held['id']}")) == held

    booked = data(onsched("PUT", f"/appointment/{held['id']}/book", {"Customer": ALICE}))
    appointment = Appointment.objects.get()
    patient = Patient.objects.get()
    assert booked == held | {
        "status": "BK",
        "confirmed": True,
        "confirmationNumber": appointment.reference,
        "expiresAt": None,
        "CustomerId": str(patient.pk),
        "Customer": {
            "id": str(patient.pk),
            "firstName": "Alice",
            "lastName": "Archer",
            "email": "alice@example.org",
            "phone": "+442079460123",
        },
        "createdAt": booked["createdAt"],
        "updatedAt": booked["updatedAt"],
    }
    assert (appointment.status, appointment.attendee_name) == ("confirmed", "Alice Archer")
    assert data(onsched("GET", f"/appointment/{held['id']}")) == booked


def test_onsched_hold_may_name_the_customer(onsched, hold):
    held = hold(Customer=ALICE)
    assert (held["status"], held["Customer"]["email"]) == ("IN", "alice@example.org")
    for body in (None, {}):  # once it is booked there is nothing more to book
        response = onsched("PUT", f"/appointment/{held['id']}/book", body)
        if body is None:
            assert data(response)["CustomerId"] == held["CustomerId"]
    assert refused(response, 404, "not-found")
    assert Appointment.objects.get().patient == Patient.objects.get()


def test_onsched_booking_without_customer_is_400(onsched, hold):
    held = hold()
    with nothing_changes():
        response = onsched("PUT", f"/appointment/{held['id']}/book", {"status": "BK"})
        assert refused(response, 400, "validation")
    assert response.json()["errors"] == [{"field": "Customer", "message": "Say who comes."}]


def test_onsched_hold_of_a_held_time_is_409(onsched, hold, choice, times, dana):
    hold()
    with nothing_changes():
        assert refused(onsched("POST", "/appointment/hold", choice), 409, "slot-taken")
        assert refused(onsched("POST", "/appointment", choice | {"Customer": ALICE}), 409, "slot-taken")
    assert len(data(times())["availableTimes"]) == 1


def test_onsched_conflict_offers_the_nearest_times(onsched, hold, choice, dana, harbour, at):
    mine = hold()
    onsched("PUT", f"/appointment/{mine['id']}/reschedule", {"Unavailability": spell(at(10))})
    hold()
    move = f"/appointment/{mine['id']}/reschedule"
    for method, path, body in (
        ("POST", "/appointment/hold", choice),
        ("POST", "/appointment", choice | {"Customer": ALICE}),
        ("PUT", move, {"Unavailability": spell(at(9))}),
    ):
        with nothing_changes():
            response = onsched(method, path, body)
        assert response.status_code == 409
        assert response.json() == {
            "success": False,
            "code": "slot-taken",
            "request_id": response.headers["X-Request-Id"],
            "message": "That time has just been taken. Offer one of the alternatives, or ask for availability again.",
            "alternatives": [
                {
                    "start_time": utc(start),
                    "end_time": utc(start + timedelta(minutes=30)),
                    "ResourceIds": [str(dana.pk)],
                    "LocationId": str(harbour.pk),
                }
                for start in (at(9, 30), at(10, 30), at(11))
            ],
        }


def test_onsched_booking_of_an_expired_hold_is_404(onsched, hold, times, at):
    held = hold()
    lapse(Hold.objects.get())
    with nothing_changes():
        for method, path, body in (
            ("PUT", "/book", {"Customer": ALICE}),
            ("GET", "", None),
            ("PUT", "/cancel", None),
        ):
            response = onsched(method, f"/appointment/{held['id']}{path}", body)
            assert refused(response, 404, "hold-expired")
            assert response.json()["expired_at"] == utc_with_milliseconds(Hold.objects.get().expires_at)
            assert [each["start_time"] for each in response.json()["alternatives"]] == [
                utc(at(9)),
                utc(at(9, 30)),
                utc(at(10)),
            ]
    assert len(data(times())["availableTimes"]) == 2


def test_onsched_booking_of_a_booked_appointment_is_404(onsched, hold):
    held = hold(Customer=ALICE)
    data(onsched("PUT", f"/appointment/{held['id']}/book"))
    with nothing_changes():
        response = onsched("PUT", f"/appointment/{held['id']}/book", {"Customer": ALICE})
        assert refused(response, 404, "not-found")
    assert response.json()["message"] == (
        "It is not held any more: it has been booked. "
        "With an Idempotency-Key the same request again has the same answer."
    )


def test_onsched_booking_of_an_unknown_id_is_404(onsched, dana):
    for method, path in (("GET", ""), ("PUT", "/book"), ("PUT", "/cancel"), ("PUT", "/reschedule")):
        assert refused(onsched(method, f"/appointment/{NOWHERE}{path}"), 404, "not-found")


def test_onsched_hold_lives_as_long_as_its_location_says(onsched, hold, harbour, at):
    assert data(onsched("PUT", f"/location/{harbour.pk}", {"expirationDelay": 60, "name": "Elsewhere"})) == {
        "id": str(harbour.pk),
        "name": "Harbour Street",
        "expirationDelay": 60,
        "timezone": "Europe/London",
        "address": {
            "addressLine1": "12 Harbour Street",
            "addressLine2": "",
            "city": "London",
            "postalCode": "E1 6AN",
            "country": "GB",
        },
        "phone": "+442079460000",
        "email": "",
    }
    assert data(onsched("GET", f"/location/{harbour.pk}"))["expirationDelay"] == 60
    hold()
    first = Hold.objects.get()
    assert first.expires_at - first.created_at == timedelta(seconds=60)

    data(onsched("PUT", f"/location/{harbour.pk}", {"expirationDelay": 86_400}))
    second = Hold.objects.get(pk=hold(Unavailability=spell(at(10)))["id"])
    assert second.expires_at - second.created_at == timedelta(days=1)
    first.refresh_from_db()
    assert first.expires_at - first.created_at == timedelta(seconds=60)  # a change touches new holds only


def test_onsched_change_of_expiration_delay_is_recorded_with_its_actor(onsched, harbour, make_key, client):
    key, plain = make_key()
    for delay in (60, 60):  # again changes nothing
        data(System(client, ONSCHED, x_api_key=plain)("PUT", f"/location/{harbour.pk}", {"expirationDelay": delay}))
    event = Event.objects.get()
    assert (event.kind, event.subject_id, event.actor, event.data) == (
        "location.updated",
        harbour.pk,
        f"key:{key.holder}",
        {"changed": ["hold_seconds"], "from": 900, "to": 60},
    )
    with nothing_changes():
        assert data(onsched("PUT", f"/location/{harbour.pk}", {"name": "Elsewhere"}))["expirationDelay"] == 60


@pytest.mark.parametrize("delay", [29, 86_401, -1, 0, "60", 60.5, True, 2**70])
def test_onsched_expiration_delay_out_of_range_is_400(onsched, harbour, delay):
    response = onsched("PUT", f"/location/{harbour.pk}", {"expirationDelay": delay})
    assert refused(response, 400, "validation")
    harbour.refresh_from_db()
    assert harbour.hold_seconds == 900


# BK at once


def test_onsched_appointment_is_booked_at_once(onsched, choice):
    booked = data(onsched("POST", "/appointment", choice | {"Customer": ALICE, "notes": "Left knee"}), 201)
    appointment = Appointment.objects.get()
    assert (booked["id"], booked["status"]) == (str(appointment.pk), "BK")
    assert (appointment.notes, appointment.attendee_email) == ("Left knee", "alice@example.org")


def test_onsched_customer_is_found_by_id(onsched, choice, alice):
    alice.save()
    booked = data(onsched("POST", "/appointment", choice | {"Customer": {"id": str(alice.pk)}}), 201)
    assert (booked["CustomerId"], booked["Customer"]["phone"]) == (str(alice.pk), "+442079460123")
    assert Patient.objects.count() == 1


def test_onsched_customer_is_found_by_email(onsched, choice, alice):
    alice.save()
    before = Patient.objects.values().get()
    customer = {"firstName": "alice", "lastName": "ARCHER", "email": "Alice@Example.org", "phone": "020 7946 0000"}
    booked = data(onsched("POST", "/appointment", choice | {"Customer": customer}), 201)
    assert booked["CustomerId"] == str(alice.pk)
    assert Patient.objects.values().get() == before  # a caller does not change what is written down
    assert Appointment.objects.get().attendee_phone == "+442079460000"


def test_onsched_unknown_customer_is_created(onsched, choice):
    data(onsched("POST", "/appointment", choice | {"Customer": ALICE}), 201)
    patient = Patient.objects.get()
    assert (str(patient), patient.email, patient.phone, patient.date_of_birth) == (
        "Alice Archer",
        "alice@example.org",
        "+442079460123",
        None,
    )


def test_onsched_customer_with_a_name_only_is_created(onsched, choice, alice, at):
    alice.save()
    customer = {"firstName": "Alice", "lastName": "Archer"}
    for hour in (9, 10):  # a name is nobody yet: each is another
        data(onsched("POST", "/appointment", choice | {"Customer": customer, "Unavailability": spell(at(hour))}), 201)
    assert Patient.objects.count() == 3


def test_onsched_customers_with_the_same_names_and_email_differ_by_birth_date(onsched, choice, alice, at):
    alice.save()
    niece = Patient.objects.create(
        first_name="Alice", last_name="Archer", email="alice@example.org", date_of_birth=date(2015, 1, 2)
    )
    book = {**choice, "Customer": ALICE | {"dateOfBirth": "2015-01-02"}}
    assert data(onsched("POST", "/appointment", book), 201)["CustomerId"] == str(niece.pk)
    book = {**choice, "Customer": ALICE, "Unavailability": spell(at(10))}
    assert UUID(data(onsched("POST", "/appointment", book), 201)["CustomerId"]) not in (alice.pk, niece.pk)


@pytest.mark.parametrize(
    "customer, field",
    [
        (None, "Customer"),
        ({}, "Customer.firstName"),
        ({"email": "a@example.org"}, "Customer.firstName"),
        (ALICE | {"email": "nobody"}, "Customer.email"),
        (ALICE | {"phone": "1"}, "Customer.phone"),
        ({"id": NOWHERE}, "Customer.id"),
        ({"id": "x"}, "Customer.id"),
        (ALICE | {"firstName": "\u202e"}, "Customer.firstName"),
        (ALICE | {"dateOfBirth": "1800-01-01"}, "Customer.dateOfBirth"),
        ("Alice", "Customer"),
        ([ALICE], "Customer"),
    ],
)
def test_onsched_invalid_customer_is_400(onsched, choice, customer, field):
    with nothing_changes():
        response = onsched("POST", "/appointment", choice | {"Customer": customer})
        assert refused(response, 400, "validation")
    assert response.json()["errors"][0]["field"].startswith(field)


# Which time, and with whom


def test_onsched_hold_without_location_is_at_the_primary_one(onsched, choice, harbour):
    del choice["LocationId"]
    assert data(onsched("POST", "/appointment/hold", choice), 201)["LocationId"] == str(harbour.pk)


@pytest.mark.parametrize("name", ["resourceId", "resourceIds", "ResourceIds"])
def test_onsched_hold_accepts_every_way_to_name_one_resource(onsched, choice, erin, name):
    del choice["ResourceIds"]
    held = data(onsched("POST", "/appointment/hold", choice | {name: str(erin.pk)}), 201)
    assert held["ResourceIds"] == [str(erin.pk)]


def test_onsched_hold_of_several_resources_takes_a_free_one(onsched, choice, dana, erin, hold_time, at):
    make_clinician("Fay Moss", location=Location.objects.get(), services=dana.services.all())
    hold_time(at(9))
    choice["ResourceIds"] = [str(dana.pk), str(erin.pk)]
    assert data(onsched("POST", "/appointment/hold", choice), 201)["ResourceIds"] == [str(erin.pk)]
    with nothing_changes():  # others are free, but were not named
        assert refused(onsched("POST", "/appointment/hold", choice), 409, "slot-taken")


def test_onsched_hold_without_resource_takes_any(onsched, choice, dana, erin):
    choice["ResourceIds"] = []
    found = {data(onsched("POST", "/appointment/hold", choice), 201)["ResourceIds"][0] for _ in range(2)}
    assert found == {str(dana.pk), str(erin.pk)}


def test_onsched_unknown_members_are_ignored(onsched, choice):
    more = {
        "status": "IN",
        "CompanyId": 7,
        "bookedBy": None,
        "metadata": {"a": [1]},
        "Unavailability": {**choice["Unavailability"], "allDay": False, "RRule": None},
    }
    assert data(onsched("POST", "/appointment/hold", choice | more, query={"completeBooking": "BK"}), 201)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"ServiceId": None}, "ServiceId"),
        ({"ServiceId": NOWHERE}, "ServiceId"),
        ({"LocationId": "x"}, "LocationId"),
        ({"ResourceIds": [NOWHERE]}, "ResourceIds"),
        ({"ResourceIds": [7]}, "ResourceIds"),
        ({"ResourceIds": {"a": 1}}, "ResourceIds"),
        ({"Unavailability": None}, "Unavailability"),
        ({"Unavailability": {}}, "Unavailability.startTime"),
        ({"Unavailability": {"startTime": "2026-01-01T09:00:00"}}, "Unavailability.startTime"),
        (
            {"Unavailability": {"startTime": "2026-01-01T09:00:00Z", "endTime": "2026-01-01T10:00:00Z"}},
            "Unavailability.endTime",
        ),
    ],
)
def test_onsched_invalid_hold_is_400(onsched, choice, change, field):
    with nothing_changes():
        response = onsched("POST", "/appointment/hold", choice | change)
        assert refused(response, 400, "validation")
    assert response.json()["errors"][0]["field"].startswith(field)


def test_onsched_hold_of_a_time_not_offered_is_422(onsched, choice, at):
    with nothing_changes():
        response = onsched("POST", "/appointment/hold", choice | {"Unavailability": spell(at(12))})
        assert refused(response, 422, "not-offered")
    assert (response.json()["reason"], response.json()["reasons"]) == ("closed", ["closed"])


# Afterwards


def test_onsched_appointment_is_rescheduled(onsched, hold, at, dana, harbour):
    held = hold(Customer=ALICE)
    booked = data(onsched("PUT", f"/appointment/{held['id']}/book"))
    moved = data(onsched("PUT", f"/appointment/{held['id']}/reschedule", {"Unavailability": spell(at(14))}))
    assert moved == booked | {"Unavailability": spell(at(14)), "updatedAt": moved["updatedAt"]}


def test_onsched_hold_is_rescheduled(onsched, hold, at):
    held = hold()
    moved = data(onsched("PUT", f"/appointment/{held['id']}/reschedule", {"Unavailability": spell(at(14))}))
    assert moved == held | {"Unavailability": spell(at(14)), "updatedAt": moved["updatedAt"]}


def test_onsched_reschedule_to_a_taken_time_is_409(onsched, hold, hold_time, at):
    held = hold()
    hold_time(at(14))
    with nothing_changes():
        response = onsched("PUT", f"/appointment/{held['id']}/reschedule", {"Unavailability": spell(at(14))})
        assert refused(response, 409, "slot-taken")


def test_onsched_cancellation_frees_the_time(onsched, hold, choice):
    held = hold(Customer=ALICE)
    data(onsched("PUT", f"/appointment/{held['id']}/book"))
    cancelled = data(onsched("PUT", f"/appointment/{held['id']}/cancel", {"note": "No car"}))
    assert cancelled["status"] == "CN"
    assert (Appointment.objects.get().cancellation_reason, Appointment.objects.get().cancellation_note) == (
        "other",
        "No car",
    )
    assert data(onsched("GET", f"/appointment/{held['id']}")) == cancelled
    assert hold()["status"] == "IN"


def test_onsched_cancellation_of_a_hold_releases_it(onsched, hold):
    held = hold()
    assert data(onsched("PUT", f"/appointment/{held['id']}/cancel"))["status"] == "CN"
    assert data(onsched("GET", f"/appointment/{held['id']}"))["status"] == "CN"
    assert refused(onsched("PUT", f"/appointment/{held['id']}/book", {"Customer": ALICE}), 404, "not-found")
    assert hold()["status"] == "IN"


def test_onsched_cancellation_within_the_notice_is_409(onsched, hold, consultation):
    held = hold(Customer=ALICE)
    data(onsched("PUT", f"/appointment/{held['id']}/book"))
    consultation.cancellation_notice = timedelta(days=30)
    consultation.save()
    with nothing_changes():
        assert refused(onsched("PUT", f"/appointment/{held['id']}/cancel"), 409, "past-cutoff")


@pytest.mark.parametrize(
    "status, letters",
    [("reserved", "RS"), ("confirmed", "BK"), ("in_progress", "AR"), ("completed", "CO"), ("no_show", "NS")],
)
def test_onsched_has_two_letters_for_every_status(onsched, book, at, status, letters):
    appointment = book(at(9))
    Appointment.objects.update(status=status)
    assert data(onsched("GET", f"/appointment/{appointment.pk}"))["status"] == letters


# Keys, limits, and once or again


def test_onsched_key_is_read_from_either_header(client, secret_key, harbour):
    bearer = f"Bearer {secret_key}"
    for headers in ({"x_api_key": secret_key, "x_client_id": "the-practice"}, {"authorization": bearer}):
        assert data(System(client, ONSCHED, **headers)("GET", f"/location/{harbour.pk}"))
    for headers in ({}, {"x_api_key": "wrong"}, {"x_client_id": secret_key}, {"authorization": secret_key}):
        response = System(client, ONSCHED, **headers)("GET", f"/location/{harbour.pk}")
        assert refused(response, 401, "invalid-key")
        assert response.json()["message"].endswith(" Send a live key: x-api-key: hf_sec_…")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="Holdfast"'


def test_onsched_key_reaches_only_its_own_holds(client, hold, make_key):
    held = hold()
    other = System(client, ONSCHED, x_api_key=make_key()[1])
    with nothing_changes():
        assert refused(other("GET", f"/appointment/{held['id']}"), 404, "not-found")
        assert refused(other("PUT", f"/appointment/{held['id']}/book", {"Customer": ALICE}), 404, "not-found")


def test_onsched_publishable_key_holds_and_books_and_learns_nothing(client, publishable_key, choice, alice, at):
    alice.save()
    page = System(client, ONSCHED, x_api_key=publishable_key, origin=SITE)
    strangers_and_hers = [ALICE, ALICE | {"firstName": "Bob", "email": "bob@example.org"}]
    for customer, hour in zip(strangers_and_hers, (9, 10), strict=True):
        body = choice | {"Customer": customer, "Unavailability": spell(at(hour))}
        response = page("POST", "/appointment/hold", body)
        assert response.headers["Access-Control-Allow-Origin"] == SITE
        held = data(response, 201)
        booked = data(page("PUT", f"/appointment/{held['id']}/book"))
        for told in (held, booked):
            assert (told["CustomerId"], told["Customer"]) == (None, None)
    with nothing_changes():
        response = page("POST", "/appointment/hold", choice | {"Customer": {"id": str(alice.pk)}})
        assert refused(response, 403, "missing-scope")
    assert response.json()["scope"] == "read_patients"


def test_onsched_publishable_key_is_not_told_who_has_visits_to_come(client, publishable_key, choice, at, settings):
    settings.ONLINE_VISITS_PER_PERSON = 1
    page = System(client, ONSCHED, x_api_key=publishable_key, origin=SITE)

    def book(hour):
        held = page("POST", "/appointment/hold", choice | {"Customer": ALICE, "Unavailability": spell(at(hour))})
        return data(page("PUT", f"/appointment/{data(held, 201)['id']}/book"))["status"]

    assert [book(9), book(10)] == ["BK", "BK"]
    assert sorted(Appointment.objects.values_list("status", flat=True)) == ["confirmed", "pending"]


def test_onsched_publishable_key_beyond_its_networks_number_books_what_is_pending(
    client, publishable_key, choice, settings
):
    settings.ONLINE_BOOKINGS_PER_NETWORK, settings.ONLINE_HELD_HOURS_PER_NETWORK = 0, 1
    page = System(client, ONSCHED, x_api_key=publishable_key, origin=SITE)
    held = data(page("POST", "/appointment/hold", choice | {"Customer": ALICE}), 201)

    assert data(page("PUT", f"/appointment/{held['id']}/book"))["status"] == "PE"
    with nothing_changes():
        assert refused(page("POST", "/appointment/hold", choice), 409, "slot-taken")


def test_onsched_publishable_key_cannot_hold_service_not_bookable_online(
    client, publishable_key, onsched, choice, consultation
):
    consultation.is_online_bookable = False
    consultation.save()
    page = System(client, ONSCHED, x_api_key=publishable_key, origin=SITE)
    assert refused(page("POST", "/appointment/hold", choice), 422, "not-offered")
    query = {"ServiceId": consultation.pk, "startDate": "2026-01-01", "endDate": "2026-01-01"}
    assert refused(page("GET", "/availability", query=query), 400, "validation")
    assert data(onsched("POST", "/appointment/hold", choice), 201)


def test_onsched_appointment_that_nobody_confirmed_in_time_is_cancelled(onsched, hold, consultation):
    desk = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    desk.services.add(consultation)
    booked = data(onsched("PUT", f"/appointment/{hold()['id']}/book", {"Customer": ALICE}))
    assert booked["status"] == "PE"
    past = database_now() - timedelta(seconds=1)
    Appointment.objects.update(answer_by=past)
    Slot.objects.update(expires_at=past)

    assert data(onsched("GET", f"/appointment/{booked['id']}"))["status"] == "CN"

    assert Appointment.objects.get().cancellation_reason == "not_acknowledged"


def test_onsched_repeated_request_with_idempotency_key_gets_the_stored_answer(onsched, choice, at):
    first = onsched("POST", "/appointment/hold", choice, idempotency_key="one")
    again = onsched("POST", "/appointment/hold", choice, idempotency_key="one")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    held = data(first, 201)
    booked = [
        onsched("PUT", f"/appointment/{held['id']}/book", {"Customer": ALICE}, idempotency_key="two") for _ in range(2)
    ]
    assert data(booked[0]) == data(booked[1])
    moved, again = (
        onsched("PUT", f"/appointment/{held['id']}/reschedule", {"Unavailability": spell(at(10))}, idempotency_key="3")
        for _ in range(2)
    )
    assert (again.content, again.headers["Idempotent-Replayed"]) == (moved.content, "true")
    other = onsched("POST", "/appointment/hold", choice | {"a": 1}, idempotency_key="one")
    assert refused(other, 422, "idempotency-key-reused")


def test_onsched_request_beyond_the_limit_is_429(client, make_key, harbour):
    caller = System(client, ONSCHED, x_api_key=make_key(requests_per_minute=1)[1])
    assert caller("GET", f"/location/{harbour.pk}").headers["RateLimit"].startswith('"key";r=0')
    response = caller("GET", f"/location/{harbour.pk}")
    assert refused(response, 429, "throttled")
    assert int(response.headers["Retry-After"]) > 0


def test_onsched_hold_beyond_the_keys_number_is_429(client, make_key, choice, at):
    caller = System(client, ONSCHED, x_api_key=make_key(max_live_holds=1)[1])
    data(caller("POST", "/appointment/hold", choice), 201)
    with nothing_changes():
        response = caller("POST", "/appointment/hold", choice | {"Unavailability": spell(at(10))})
        assert refused(response, 429, "too-many-holds")


def test_onsched_body_is_read_as_json_whatever_its_content_type(onsched, choice):
    body = json.dumps(choice).encode()
    assert data(onsched("POST", "/appointment/hold", body=body, content_type="text/plain"), 201)
    for broken in (b"{", b"[]", b"\xff", b'{"a": NaN}'):
        assert refused(onsched("POST", "/appointment/hold", body=broken), 400, "malformed")


def test_onsched_unknown_path_is_404_in_its_own_format(onsched, settings):
    for path in ("/nothing", "/appointment/7", "/"):
        assert refused(onsched("GET", path), 404, "not-found")
    response = onsched("DELETE", "/appointment/hold")
    assert refused(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "POST"
    settings.SECURE_SSL_REDIRECT = True
    assert refused(System(Client(), ONSCHED)("GET", "/availability"), 403, "https-required")


def test_onsched_personal_data_is_no_store(onsched, hold):
    response = onsched("GET", f"/appointment/{hold(Customer=ALICE)['id']}")
    assert response.headers["Cache-Control"] == "no-store"


def test_onsched_reads_what_another_api_has_confirmed(onsched, hold, alice):
    held = hold()
    confirm_hold(Hold.objects.get(), patient=alice, actor="patient")
    assert data(onsched("GET", f"/appointment/{held['id']}"))["status"] == "BK"
    assert ApiKey.objects.count() == 1
