"""What other systems keep with things: external ids and metadata, written by servers and seen by no page."""

import json

import pytest

from booking.domain.patients import merge
from booking.models import Appointment, Event, Hold, Order, OutboxMessage
from booking.models.enums import Job
from patients.models import Patient
from scheduling.models import Clinician, Location, Service
from tests.ledger import nothing_changes

PERSON = {"first_name": "Alice", "last_name": "Archer", "date_of_birth": "1985-04-12", "email": "alice@example.org"}
EXTERNAL = {"external_id": "VISIT-881", "metadata": {"campaign": "spring", "note": "two\nlines"}}


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


def read_kept(response, status=200):
    assert response.status_code == status, response.json()
    return {name: response.json()["data"][name] for name in EXTERNAL}


# Carried along


def test_appointment_has_what_its_hold_and_its_confirmation_were_sent(api, opening):
    hold = api.post("/holds", {**opening, **EXTERNAL})
    body = {"patient": PERSON, "metadata": {"note": "", "ward": "7"}}

    confirmed = api.post(f"/holds/{hold.json()['data']['id']}/confirm", body)

    assert read_kept(hold, 201) == EXTERNAL
    merged = {"external_id": "VISIT-881", "metadata": {"campaign": "spring", "ward": "7"}}
    assert read_kept(confirmed, 201) == merged == read_kept(api.get(f"/appointments/{Appointment.objects.get().pk}"))
    assert read_kept(api.get(f"/holds/{Hold.objects.get().pk}")) == EXTERNAL


def test_confirm_replaces_the_external_id_of_the_hold(api, opening):
    hold = api.post("/holds", {**opening, **EXTERNAL}).json()["data"]["id"]

    confirmed = api.post(f"/holds/{hold}/confirm", {"patient": PERSON, "external_id": "VISIT-882"})

    assert read_kept(confirmed, 201) == {**EXTERNAL, "external_id": "VISIT-882"}


def test_confirm_with_more_metadata_than_fits_is_409_and_changes_nothing(api, opening):
    some, more = ({f"{word}{number}": "x" for number in range(30)} for word in ("a", "b"))
    hold = api.post("/holds", {**opening, "metadata": some}).json()["data"]["id"]

    with nothing_changes():
        refused = api.post(f"/holds/{hold}/confirm", {"patient": PERSON, "metadata": more})

    assert problem(refused) == (409, "too-much-metadata")


def test_direct_booking_order_and_patient_keep_what_they_are_sent(api, opening, consultation):
    booked = api.post("/appointments", {**opening, "patient": PERSON, **EXTERNAL})
    ordered = api.post("/orders", {"patient": PERSON, "appointment_type_id": str(consultation.pk), **EXTERNAL})
    written = api.post("/patients", {**PERSON, "first_name": "Bob", **EXTERNAL})

    assert [read_kept(response, 201) for response in (booked, ordered, written)] == [EXTERNAL] * 3


def test_appointment_without_external_id_shows_its_orders(api, opening, order):
    body = {"start_time": opening["start_time"], "metadata": {"a": "b"}}

    booked = api.post(f"/orders/{order.pk}/book", body)
    path = f"/appointments/{booked.json()['data']['id']}"
    changed = api.patch(path, {"external_id": "VISIT-1"})
    cleared = api.patch(path, {"external_id": ""})

    assert [read_kept(response, status) for response, status in ((booked, 201), (changed, 200), (cleared, 200))] == [
        {"external_id": "LAB-7", "metadata": {"a": "b"}},
        {"external_id": "VISIT-1", "metadata": {"a": "b"}},
        {"external_id": "LAB-7", "metadata": {"a": "b"}},
    ]


# Changed


@pytest.fixture
def paths(book, at, dana, harbour, consultation, order):
    """The addresses of what can be changed, with their models."""
    appointment = book(at(10))
    return {
        f"/appointments/{appointment.pk}": Appointment,
        f"/patients/{appointment.patient_id}": Patient,
        f"/orders/{order.pk}": Order,
        f"/clinicians/{dana.pk}": Clinician,
        f"/locations/{harbour.pk}": Location,
        f"/appointment-types/{consultation.pk}": Service,
    }


def test_patch_merges_metadata_and_leaves_all_else(api, paths):
    for path in paths:
        before = api.patch(path, EXTERNAL).json()["data"]

        response = api.patch(path, {"metadata": {"campaign": None, "note": "", "ward": "7"}})

        after = response.json()["data"]
        passing = {"updated_at": after["updated_at"], "events": after.get("events")}
        assert {**before, "metadata": {"ward": "7"}, **passing} == {"events": None, **after}, path
        assert after == api.get(path).json()["data"]


def test_patch_with_an_outdated_etag_is_412_and_changes_nothing(api, paths):
    for path in paths:
        seen = api.get(path)["ETag"]
        changed = api.patch(path, EXTERNAL, if_match=seen)

        with nothing_changes():
            late = api.patch(path, {"external_id": "late", "metadata": {"late": "yes"}}, if_match=seen)

        assert (changed.status_code, problem(late)) == (200, (412, "changed-meanwhile")), path
        assert read_kept(api.get(path)) == EXTERNAL
        assert api.patch(path, {"external_id": "in time"}, if_match=changed["ETag"]).status_code == 200


def test_repeated_patch_of_the_same_changes_nothing(api, paths):
    for path in paths:
        first = api.patch(path, EXTERNAL)
        if path.startswith("/patients"):
            continue
        with nothing_changes():
            again = api.patch(path, {**EXTERNAL, "metadata": {**EXTERNAL["metadata"], "never": None}})
        assert (again.json()["data"], again["ETag"]) == (first.json()["data"], first["ETag"]), path


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key {number}": "x" for number in range(51)},
        {"k" * 41: "x"},
        {"": "x"},
        {"key": "x" * 501},
        {"key": 1},
        {"key": ["x"]},
        {"key": {"x": "y"}},
        {"key": "\u0000"},
        {"key": "x", "k\u200bey": "y"},
        {"\u202ekey": "x"},
        {f"key {number}": "é" * 300 for number in range(30)},
        ["x"],
        "x",
        None,
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_metadata_is_400_and_changes_nothing(metadata, api, book, at):
    path = f"/appointments/{book(at(9)).pk}"

    with nothing_changes():
        response = api.patch(path, {"metadata": metadata})

    assert problem(response) == (400, "validation")
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/metadata"]


def test_metadata_may_be_as_large_as_it_says(api, book, at):
    largest = {f"{number:040}": "x" * 279 for number in range(50)} | {}
    assert len(json.dumps(largest, separators=(",", ":"))) <= 16 * 1024 < len(json.dumps(largest)) + 1000

    response = api.patch(f"/appointments/{book(at(9)).pk}", {"metadata": largest})

    assert response.json()["data"]["metadata"] == largest


def test_metadata_name_given_twice_is_400(api, book, at):
    path, body = f"/appointments/{book(at(9)).pk}", b'{"metadata": {"a": "1", "a": "2"}}'

    with nothing_changes():
        response = api.patch(path, body=body)

    assert problem(response) == (400, "validation")


def test_patch_that_would_keep_too_much_is_409_and_changes_nothing(api, paths):
    some, more = ({f"{word}{number}": "x" for number in range(30)} for word in ("a", "b"))
    for path in paths:
        api.patch(path, {"metadata": some})
        with nothing_changes():
            refused = api.patch(path, {"metadata": more})
        assert problem(refused) == (409, "too-much-metadata"), path
        assert api.get(path).json()["data"]["metadata"] == some
        assert api.patch(path, {"metadata": {**more, **dict.fromkeys(list(some)[:20])}}).status_code == 200, path


# Patients: one id, one person


def test_external_id_of_another_patient_is_409_naming_the_member(api):
    api.post("/patients", {**PERSON, "external_id": "P-1"})
    bob = api.post("/patients", {**PERSON, "first_name": "Bob"}).json()["data"]["id"]

    with nothing_changes():
        made = api.post("/patients", {**PERSON, "first_name": "Carol", "external_id": "P-1"})
        changed = api.patch(f"/patients/{bob}", {"external_id": "P-1"})

    assert [problem(response) for response in (made, changed)] == [(409, "external-id-taken")] * 2
    assert [response.json()["errors"][0]["pointer"] for response in (made, changed)] == ["#/external_id"] * 2


def test_merged_patient_gets_the_external_id_of_the_duplicate(api):
    keep, duplicate = (
        Patient.objects.get(pk=api.post("/patients", body).json()["data"]["id"])
        for body in (PERSON, {**PERSON, **EXTERNAL, "first_name": "Alicia"})
    )

    merge(keep=keep, duplicate=duplicate, actor="erin")

    assert read_kept(api.get(f"/patients/{keep.pk}")) == EXTERNAL


def test_patient_event_names_what_changed_without_values(api):
    patient = api.post("/patients", PERSON).json()["data"]["id"]

    api.patch(f"/patients/{patient}", EXTERNAL)

    assert Event.objects.get(kind="patient.updated").data == {"changed": ["external_id", "metadata"]}


# Seen by whom


def test_publishable_key_neither_reads_nor_writes_them(public_api, api, opening, dana, harbour, consultation, paths):
    for path in paths:
        api.patch(path, EXTERNAL)
    nothing = {"external_id": "", "metadata": {}}

    for path in (f"/clinicians/{dana.pk}", f"/locations/{harbour.pk}", f"/appointment-types/{consultation.pk}"):
        assert read_kept(public_api.get(path)) == nothing
        listed = public_api.get(path.rpartition("/")[0]).json()["data"]
        assert [{name: one[name] for name in EXTERNAL} for one in listed] == [nothing]
    for name, value in EXTERNAL.items():
        with nothing_changes():
            refused = public_api.post("/holds", {**opening, name: value})
        assert problem(refused) == (400, "validation")
        assert refused.json()["errors"] == [
            {"pointer": f"#/{name}", "code": "secret_key_only", "detail": "Only a secret key may send this."}
        ]
    with nothing_changes():
        assert problem(public_api.get("/clinicians", query={"external_id": "VISIT-881"})) == (400, "validation")


def test_publishable_key_reads_nothing_that_was_kept_with_its_hold(public_api, api, opening):
    hold = public_api.post("/holds", opening).json()["data"]["id"]
    Hold.objects.update(**EXTERNAL)

    with nothing_changes():
        refused = public_api.post(f"/holds/{hold}/confirm", {"patient": PERSON, **EXTERNAL})
    assert problem(refused) == (400, "validation")
    assert read_kept(public_api.get(f"/holds/{hold}")) == {"external_id": "", "metadata": {}}
    confirmed = public_api.post(f"/holds/{hold}/confirm", {"patient": PERSON})
    assert read_kept(confirmed, 201) == {"external_id": "", "metadata": {}}
    assert read_kept(api.get(f"/appointments/{Appointment.objects.get().pk}")) == EXTERNAL


def test_key_that_only_writes_patients_does_not_read_them(api, with_key, make_key):
    patient = api.post("/patients", {**PERSON, **EXTERNAL}).json()["data"]["id"]
    writer = with_key(make_key(scopes=["write_patients"])[1])

    response = writer.patch(f"/patients/{patient}", {"metadata": {"a": "b"}})

    assert set(response.json()["data"]) == {"id", "updated_at"}


def test_events_webhooks_and_logs_have_no_values(api, opening, paths, endpoint, caplog):
    hold = api.post("/holds", {**opening, **EXTERNAL}).json()["data"]["id"]
    api.post(f"/holds/{hold}/confirm", {"patient": PERSON, **EXTERNAL})
    for path in paths:
        api.patch(path, {**EXTERNAL, "external_id": "VISIT-883"})
    api.get("/appointments", query={"external_id": "VISIT-883", "attendee_email": "alice@example.org"})

    told = [message.payload for message in OutboxMessage.objects.filter(kind=Job.WEBHOOK_EVENT)]
    noted = list(Event.objects.values_list("data", flat=True))
    said = json.dumps([told, noted, [vars(record) for record in caplog.records]], default=str)
    assert len(told) == 5
    assert [word for word in ("VISIT", "spring", "lines", "campaign", "alice@") if word in said] == []
