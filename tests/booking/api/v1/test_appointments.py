"""Appointments over the API: listed, booked directly, given another time, cancelled, and marked."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from booking.models import Appointment, Hold, OutboxMessage
from patients.models import Patient
from scheduling.models import Location, Service, Slot
from tests.booking.api.conftest import Caller
from tests.conftest import make_clinician
from tests.ledger import begin, lapse, nothing_changes

PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}


@pytest.fixture
def opening(consultation, dana, harbour, at):
    return {
        "appointment_type_id": str(consultation.pk),
        "clinician_id": str(dana.pk),
        "location_id": str(harbour.pk),
        "start_time": at(9).isoformat(),
    }


def problem(response):
    return response.status_code, response.json()["code"]


def ids(response):
    return [appointment["id"] for appointment in response.json()["data"]]


def kinds(response):
    return [event["kind"] for event in response.json()["data"]["events"]]


# Listing


def test_appointments_are_listed_by_start_with_the_members_of_entries(api, book, at):
    late, early = book(at(11)), book(at(9))

    response = api.get("/appointments")

    assert response.json()["data"] == [api.get(f"/appointments/{one.pk}").json()["data"] for one in (early, late)]
    assert response.json()["meta"] == {"request_id": response["X-Request-Id"], "next_cursor": None, "has_more": False}
    assert response["Cache-Control"] == "no-store"


def test_appointment_filters_must_all_match(api, book, at, dana, harbour, alice, consultation):
    first, second = book(at(9)), book(at(10))
    bob = Patient.objects.create(**{**PERSON, "first_name": "Bob"})
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    third = book(at(10), patient=bob, clinician=otis)
    api.post(f"/appointments/{second.pk}/cancel", {"reason": "other"})

    def listed(**query):
        return ids(api.get("/appointments", query=query))

    one, two, three = str(first.pk), str(second.pk), str(third.pk)
    assert listed(patient_id=bob.pk) == listed(clinician_id=otis.pk) == [three]
    assert sorted(listed(location_id=harbour.pk)) == sorted([one, two, three])
    assert listed(location_id=uuid4()) == listed(clinician_id=dana.pk, patient_id=bob.pk) == []
    assert listed(status="cancelled") == [two]
    assert sorted(listed(status=["cancelled", "confirmed"])) == sorted([one, two, three])
    assert sorted(listed(start_from=at(10).isoformat())) == sorted([two, three])
    assert listed(start_to=at(10).isoformat()) == [one]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "lost"},
        {"patient_id": "x"},
        {"start_from": "2026-01-01"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "x"},
        {"colour": "red"},
        {"limit": [1, 2]},
    ],
)
def test_invalid_appointment_filter_is_400_naming_the_parameter(query, api):
    response = api.get("/appointments", query=query)

    assert problem(response) == (400, "validation")
    assert response.json()["errors"][0]["pointer"].startswith(f"#/{next(iter(query))}")


def test_appointment_pages_miss_nothing_while_rows_come_and_go(api, book, at):
    booked = [book(at(hour)) for hour in (9, 10, 11, 13, 14)]
    first = api.get("/appointments", query={"limit": 2})
    book(at(9, 30))  # before where the reader is
    book(at(13, 30))  # after it
    Appointment.objects.filter(pk=booked[1].pk).update(status="cancelled")

    second = api.get("/appointments", query={"limit": 2, "cursor": first.json()["meta"]["next_cursor"]})
    third = api.get("/appointments", query={"limit": 2, "cursor": second.json()["meta"]["next_cursor"]})

    starts = [one["start_time"][11:16] for page in (first, second, third) for one in page.json()["data"]]
    assert starts == ["09:00", "10:00", "11:00", "13:00", "13:30", "14:00"]
    assert [page.json()["meta"]["has_more"] for page in (first, second, third)] == [True, True, False]
    assert third.json()["meta"]["next_cursor"] is None


def test_appointment_pages_continue_between_equal_starts(api, book, at, harbour, consultation):
    for n in range(5):
        book(at(9), clinician=make_clinician(f"Clinician {n}", location=harbour, services=[consultation]))
    found, cursor = [], {}
    for _ in range(3):
        page = api.get("/appointments", query={"limit": 2, **cursor})
        found += ids(page)
        cursor = {"cursor": page.json()["meta"]["next_cursor"]}

    assert len(found) == len(set(found)) == 5


def test_unknown_appointment_is_404(api, db):
    assert problem(api.get(f"/appointments/{uuid4()}")) == (404, "not-found")


# Booking directly


def test_direct_booking_leaves_an_appointment_as_a_confirmed_hold_does(api, opening):
    response = api.post("/appointments", {**opening, "patient": PERSON, "notes": "My knee."})

    appointment = Appointment.objects.get()
    assert response.status_code == 201
    assert response.json()["data"] == api.get(f"/appointments/{appointment.pk}").json()["data"]
    assert kinds(response) == ["hold.placed", "hold.confirmed", "appointment.created"]
    assert Slot.objects.get().expires_at is None
    assert Patient.objects.get() == appointment.patient
    assert OutboxMessage.objects.count() == 1


def test_direct_booking_of_a_person_without_birth_date_finds_or_creates_them(api, opening, alice, at):
    alice.save()
    person = {"first_name": "alice", "last_name": "Archer", "email": "ALICE@example.org"}
    response = api.post("/appointments", {**opening, "patient": person})
    assert (response.status_code, response.json()["data"]["patient_id"]) == (201, str(alice.pk))

    response = api.post(
        "/appointments", {**opening, "start_time": at(16).isoformat(), "patient": person | {"first_name": "Bob"}}
    )
    bob = Patient.objects.get(first_name="Bob")
    assert (response.status_code, response.json()["data"]["patient_id"]) == (201, str(bob.pk))
    assert api.get(f"/patients/{bob.pk}").json()["data"]["date_of_birth"] is None


def test_direct_booking_by_patient_id_and_booking_key(api, opening, alice, day, consultation):
    alice.save()
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day}
    key = api.get("/availability", query=query).json()["data"][4]["booking_key"]

    response = api.post("/appointments", {"booking_key": key, "patient_id": str(alice.pk)})

    assert (response.status_code, response.json()["data"]["patient_id"]) == (201, str(alice.pk))


def test_direct_booking_of_a_taken_time_is_409_with_alternatives(api, opening, hold_time, at):
    hold_time(at(9))

    with nothing_changes():
        response = api.post("/appointments", {**opening, "patient": PERSON})

    assert problem(response) == (409, "slot-taken")
    assert [each["start_time"] for each in response.json()["alternatives"]] == [
        at(9, 30).isoformat(),
        at(10).isoformat(),
        at(10, 30).isoformat(),
    ]


def test_direct_booking_without_clinician_takes_the_next_free_one(api, opening, harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation])
    del opening["clinician_id"]

    people = [{**PERSON, "first_name": name} for name in ("Alice", "Bob", "Carol")]
    answers = [api.post("/appointments", {**opening, "patient": person}) for person in people]

    assert [response.status_code for response in answers] == [201, 201, 409]
    assert len({response.json()["data"]["clinician_id"] for response in answers[:2]}) == 2


def test_direct_booking_is_not_limited_by_live_holds(client, make_key, opening, at):
    caller = Caller(client, make_key(max_live_holds=1)[1])

    answers = [
        caller.post("/appointments", {**opening, "start_time": at(hour).isoformat(), "patient": PERSON})
        for hour in (9, 10, 11)
    ]

    assert [response.status_code for response in answers] == [201] * 3


# Another time


@pytest.fixture
def booked(book, at):
    return book(at(9))


@pytest.fixture
def reschedule(api, booked):
    return lambda body, **headers: api.post(f"/appointments/{booked.pk}/reschedule", body, **headers)


def test_reschedule_keeps_the_appointment_and_its_id(reschedule, api, booked, at):
    before = api.get(f"/appointments/{booked.pk}").json()["data"]

    response = reschedule({"start_time": at(10).isoformat()})

    after = response.json()["data"]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"start_time", "end_time", "events", "updated_at"}
    assert (after["start_time"], after["end_time"]) == (at(10).isoformat(), at(10, 30).isoformat())
    assert after["events"][-1]["kind"] == "appointment.rescheduled"
    assert response["ETag"] == api.get(f"/appointments/{booked.pk}")["ETag"]
    assert [slot.period.lower for slot in Slot.objects.all()] == [at(10)]


def test_reschedule_by_local_time_by_booking_key_and_to_another_location(
    reschedule, api, booked, consultation, harbour, day, at
):
    mill = Location.objects.create(name="Mill Lane", address_line_1="1", city="London")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation])
    query = {"appointment_type_id": consultation.pk, "start_date": day, "end_date": day, "location_id": mill.pk}
    key = api.get("/availability", query=query).json()["data"][2]["booking_key"]

    by_time = reschedule({"date": str(day), "start_time": "11:00", "location_id": str(harbour.pk)})
    by_key = reschedule({"booking_key": key})

    assert by_time.json()["data"]["start_time"] == at(11).isoformat()
    assert [by_key.json()["data"][name] for name in ("start_time", "clinician_id", "location_id")] == [
        at(10).isoformat(),
        str(otis.pk),
        str(mill.pk),
    ]


def test_reschedule_into_its_own_old_time_keeps_the_clinician(reschedule, harbour, consultation, dana, at):
    make_clinician("Anna Bell", location=harbour, services=[consultation])
    Service.objects.update(step=timedelta(minutes=10))

    data = reschedule({"start_time": at(9, 10).isoformat()}).json()["data"]

    assert (data["start_time"], data["clinician_id"]) == (at(9, 10).isoformat(), str(dana.pk))


def test_reschedule_with_its_clinician_taken_takes_another(reschedule, harbour, consultation, hold_time, at):
    anna = make_clinician("Anna Bell", location=harbour, services=[consultation])
    hold_time(at(10))

    assert reschedule({"start_time": at(10).isoformat()}).json()["data"]["clinician_id"] == str(anna.pk)


def test_reschedule_to_a_live_hold_takes_its_time(reschedule, api, opening, booked, at):
    hold = api.post("/holds", {**opening, "start_time": at(10).isoformat()}).json()["data"]

    response = reschedule({"hold_id": hold["id"]})

    assert (response.status_code, response.json()["data"]["start_time"]) == (200, at(10).isoformat())
    assert response.json()["data"]["id"] == str(booked.pk)
    assert Hold.objects.get(pk=hold["id"]).status == "confirmed"
    assert Slot.objects.count() == 1
    assert problem(reschedule({"hold_id": hold["id"]})) == (409, "wrong-state")


def test_reschedule_to_an_expired_or_foreign_hold_is_404(reschedule, api, opening, hold_time, at):
    mine = Hold.objects.get(pk=api.post("/holds", {**opening, "start_time": at(10).isoformat()}).json()["data"]["id"])
    lapse(mine)
    anothers = hold_time(at(11))

    with nothing_changes():
        answers = [reschedule({"hold_id": str(id)}) for id in (mine.pk, anothers.pk, uuid4())]

    assert [response.status_code for response in answers] == [404, 404, 404]
    assert [response.json()["code"] for response in answers] == ["hold-expired", "not-found", "not-found"]


@pytest.mark.parametrize(
    "body", [{}, {"hold_id": "x"}, {"hold_id": str(uuid4()), "start_time": "2027-01-01T09:00Z"}, {"colour": "red"}]
)
def test_invalid_reschedule_is_400_naming_the_field(body, reschedule):
    with nothing_changes():
        assert problem(reschedule(body)) == (400, "validation")


def test_reschedule_to_a_taken_time_keeps_the_old_one(reschedule, hold_time, booked, at):
    hold_time(at(10))

    with nothing_changes():
        response = reschedule({"start_time": at(10).isoformat()})

    assert problem(response) == (409, "slot-taken")
    assert at(9, 30).isoformat() in [each["start_time"] for each in response.json()["alternatives"]]


# Cancelling


def test_cancellation_frees_the_time_and_records_the_reason(api, booked, book, at):
    response = api.post(f"/appointments/{booked.pk}/cancel", {"reason": "patient_unwell", "note": "Flu."})

    data = response.json()["data"]
    assert (response.status_code, data["status"], data["cancellation_reason"]) == (200, "cancelled", "patient_unwell")
    assert (data["can_cancel"], data["can_reschedule"]) == (False, False)
    assert data["events"][-1]["data"] == {"reason": "patient_unwell"}
    assert Appointment.objects.get().cancellation_note == "Flu."
    assert response["ETag"] == api.get(f"/appointments/{booked.pk}")["ETag"]
    book(at(9))


def test_repeated_cancellation_is_200_and_changes_nothing(api, booked):
    first = api.post(f"/appointments/{booked.pk}/cancel", {"reason": "other"})
    with nothing_changes():
        second = api.post(f"/appointments/{booked.pk}/cancel", {"reason": "patient_request"})

    assert second.status_code == 200
    assert second.json()["data"] == first.json()["data"]


@pytest.mark.parametrize("body", [{}, {"reason": "bored"}, {"reason": "other", "note": "x" * 501}])
def test_unknown_cancellation_reason_is_400(body, api, booked):
    with nothing_changes():
        assert problem(api.post(f"/appointments/{booked.pk}/cancel", body)) == (400, "validation")


def test_cancellation_accepts_all_listed_reasons(api, book, at):
    reasons = api.get("/cancellation-reasons").json()["data"]
    assert reasons[0] == {"id": "patient_request", "name": "the patient asked"}
    for reason in reasons:
        response = api.post(f"/appointments/{book(at(9)).pk}/cancel", {"reason": reason["id"]})
        assert response.json()["data"]["cancellation_reason"] == reason["id"]


@pytest.mark.parametrize(("verb", "body"), [("cancel", {"reason": "other"}), ("reschedule", None)])
def test_change_within_the_cancellation_notice_is_409_past_cutoff(verb, body, api, booked, at):
    Service.objects.update(cancellation_notice=timedelta(days=30))

    with nothing_changes():
        response = api.post(f"/appointments/{booked.pk}/{verb}", body or {"start_time": at(10).isoformat()})

    assert problem(response) == (409, "past-cutoff")
    assert datetime.fromisoformat(response.json()["cutoff_at"]) == at(9).astimezone(UTC) - timedelta(days=30)
    assert api.get(f"/appointments/{booked.pk}").json()["data"]["can_cancel"] is False


# Marking


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (["arrive"], "in_progress"),
        (["arrive", "complete"], "completed"),
        (["complete"], "completed"),
        (["no-show"], "no_show"),
    ],
)
def test_appointment_is_marked_and_repeating_it_is_200(verbs, status, api, booked):
    begin(booked)
    for verb in verbs:
        response = api.post(f"/appointments/{booked.pk}/{verb}")
    with nothing_changes():
        again = api.post(f"/appointments/{booked.pk}/{verbs[-1]}")

    assert response.json()["data"]["status"] == again.json()["data"]["status"] == status
    assert response["ETag"] == again["ETag"]


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        ("complete", "arrive", []),
        ("no-show", "complete", []),
        ("arrive", "no-show", ["completed", "cancelled"]),
        ("complete", "reschedule", []),
    ],
)
def test_mark_from_a_wrong_state_is_409(first, second, allowed, api, booked, at):
    api.post(f"/appointments/{begin(booked).pk}/{first}")
    body = {"start_time": at(10).isoformat()} if second == "reschedule" else None

    with nothing_changes():
        response = api.post(f"/appointments/{booked.pk}/{second}", body)

    assert problem(response) == (409, "wrong-state")
    assert (response.json()["state"], response.json()["allowed"]) == (Appointment.objects.get().status, allowed)


@pytest.mark.parametrize("verb", ["arrive", "complete", "no-show"])
def test_mark_before_the_visit_is_409_too_early(verb, api, booked, at):
    with nothing_changes():
        response = api.post(f"/appointments/{booked.pk}/{verb}")

    assert problem(response) == (409, "too-early")
    assert datetime.fromisoformat(response.json()["starts_at"]) == at(9)


# Lost updates


@pytest.mark.parametrize(
    ("verb", "body"),
    [("cancel", {"reason": "other"}), ("reschedule", "later"), ("arrive", None), ("complete", None), ("no-show", None)],
)
def test_appointment_change_with_outdated_etag_is_412(verb, body, api, booked, at):
    body = {"start_time": at(10).isoformat()} if body == "later" else body
    path = f"/appointments/{booked.pk}"
    seen = api.get(path)["ETag"]
    api.post(f"{path}/reschedule", {"start_time": at(11).isoformat()})
    if body is None:
        begin(booked)

    with nothing_changes():
        late = api.post(f"{path}/{verb}", body, if_match=seen)
    in_time = api.post(f"{path}/{verb}", body, if_match=f'"other", {api.get(path)["ETag"]}')

    assert problem(late) == (412, "changed-meanwhile")
    assert in_time.status_code == 200
