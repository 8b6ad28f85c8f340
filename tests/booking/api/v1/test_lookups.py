"""Lists: found by what a caller knows, in the order they ask for, many at once, and with what stands behind the ids."""

from uuid import uuid4

import pytest

from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.slot_selection import OpeningRequest
from booking.models import Appointment, Hold
from patients.models import Patient
from scheduling.models import Service
from tests.conftest import make_clinician
from tests.ledger import lapse

PERSON = {"first_name": "Bob", "last_name": "Brown", "date_of_birth": "1990-02-28", "email": "bob@example.org"}


def problem(response):
    return response.status_code, response.json()["code"]


def list_ids(api, path, **query):
    response = api.get(path, query=query)
    assert response.status_code == 200, response.json()
    return [each["id"] for each in response.json()["data"]]


@pytest.fixture
def bob(db):
    return Patient.objects.create(**PERSON)


@pytest.fixture
def visits(book, at, bob):
    """Ids of Alice's appointment at nine, and of Bob's at ten."""
    return [str(book(at(9)).pk), str(book(at(10), patient=bob).pk)]


@pytest.fixture
def ordered(order, consultation, dana, harbour, alice, at):
    """The id of the appointment at eleven of Alice's order LAB-7."""
    opening = OpeningRequest(consultation, at(11), clinician=dana, location=harbour, is_remote=False)
    booked = book_directly(opening, patient=order.patient, order=order, actor="erin", holder=Holder("erin"))
    return str(booked.pk)


# Found


def test_appointments_are_found_by_what_a_caller_knows(api, visits, ordered, order, consultation):
    nine, ten = visits
    Appointment.objects.filter(pk=nine).update(external_id="VISIT-1", attendee_email="Carol@Example.org")
    Appointment.objects.filter(pk=ten).update(is_remote=True)
    reference = Appointment.objects.get(pk=ten).reference

    assert list_ids(api, "/appointments", reference=reference.lower()) == [ten]
    assert list_ids(api, "/appointments", reference=reference.replace("-", " ")) == [ten]
    assert list_ids(api, "/appointments", external_id="VISIT-1") == [nine]
    assert list_ids(api, "/appointments", external_id="LAB-7") == [ordered]
    assert list_ids(api, "/appointments", external_id="visit-1") == []
    assert list_ids(api, "/appointments", order_id=order.pk) == [ordered]
    assert list_ids(api, "/appointments", attendee_email="carol@EXAMPLE.org") == [nine]
    assert list_ids(api, "/appointments", patient_email="BOB@example.org") == [ten]
    assert list_ids(api, "/appointments", is_remote="true") == [ten]
    assert list_ids(api, "/appointments", appointment_type_id=consultation.pk) == [nine, ten, ordered]
    assert list_ids(api, "/appointments", appointment_type_id=uuid4()) == []


def test_appointment_with_an_external_id_of_its_own_is_not_found_by_its_orders(api, ordered):
    Appointment.objects.filter(pk=ordered).update(external_id="VISIT-1")

    assert list_ids(api, "/appointments", external_id="LAB-7") == []
    assert list_ids(api, "/appointments", external_id="VISIT-1") == [ordered]


def test_appointments_by_their_patients_email_need_read_patients(with_key, make_key, visits):
    reader = with_key(make_key(scopes=["read_appointments"])[1])

    refused = reader.get("/appointments", query={"patient_email": "bob@example.org"})

    assert (problem(refused), refused.json()["scope"]) == ((403, "missing-scope"), "read_patients")
    assert list_ids(reader, "/appointments", attendee_email="bob@example.org") == visits[1:]


def test_patients_are_found_by_email_and_external_id(api, alice, bob):
    alice.save()
    Patient.objects.filter(pk=bob.pk).update(external_id="P-1")

    assert list_ids(api, "/patients", email="BOB@Example.org") == [str(bob.pk)]
    assert list_ids(api, "/patients", external_id="P-1") == [str(bob.pk)]
    assert list_ids(api, "/patients", external_id="P-1", email="alice@example.org") == []
    Patient.objects.filter(pk=bob.pk).update(archived_at=bob.created_at)
    assert list_ids(api, "/patients", external_id="P-1") == list_ids(api, "/patients", id=bob.pk) == []


@pytest.mark.parametrize("other", [{"sort": "created_at"}, {"email": "a@b.org"}, {"external_id": "1"}, {"id": uuid4()}])
def test_patient_search_with_another_filter_is_400(other, api):
    refused = api.get("/patients", query={"search": "bob", **other})

    assert problem(refused) == (400, "validation")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/search"]


def test_catalogue_is_found_by_external_id_and_sorted(api, dana, harbour, consultation):
    otis = make_clinician("Anna Hale", location=harbour, services=[consultation])
    api.patch(f"/clinicians/{dana.pk}", {"external_id": "GMC-1"})

    assert list_ids(api, "/clinicians", external_id="GMC-1") == [str(dana.pk)]
    assert list_ids(api, "/clinicians", sort="-name") == [str(dana.pk), str(otis.pk)]
    assert list_ids(api, "/clinicians", sort="updated_at") == [str(otis.pk), str(dana.pk)]


# Many at once


def test_every_list_reads_many_by_id(api, visits, ordered, order, dana, harbour, consultation, hold_time, at, make_key):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation])
    patients = [str(each.pk) for each in Patient.objects.order_by("created_at")]
    known = {
        "/appointments": [*visits, ordered],
        "/patients": patients,
        "/orders": [str(order.pk)],
        "/clinicians": [str(dana.pk), str(otis.pk)],
        "/locations": [str(harbour.pk)],
        "/appointment-types": [str(consultation.pk)],
    }
    for path, ids in known.items():
        assert list_ids(api, path, id=[*reversed(ids), uuid4()]) == ids, path
        assert list_ids(api, path, id=ids[:1]) == ids[:1], path
        assert list_ids(api, path, id=uuid4()) == [], path


def test_two_hundred_patients_are_read_in_one_page_and_statement(api, django_assert_num_queries):
    people = Patient.objects.bulk_create(
        Patient(**{**PERSON, "email": f"bob{number}@example.org"}, external_id=f"P-{number}") for number in range(210)
    )
    ids = [str(each.pk) for each in people]
    api.get("/patients", query={"limit": 1})

    with django_assert_num_queries(3):  # the key, the patients, and the row that says who has read them
        page = api.get("/patients", query={"id": ids[:200]}).json()

    assert sorted(each["id"] for each in page["data"]) == sorted(ids[:200])
    assert page["meta"]["has_more"] is False
    assert problem(api.get("/patients", query={"id": ids[:201]})) == (400, "validation")
    assert len(list_ids(api, "/patients", id=ids[:60], limit=10)) == 10


# In order


@pytest.mark.parametrize("path", ["/appointments", "/orders", "/patients", "/holds"])
def test_sorted_pages_go_both_ways_and_miss_nothing(path, api, book, hold_time, at, alice, consultation):
    if path == "/holds":
        opening = {"appointment_type_id": str(consultation.pk)}
        book(at(16))
        for hour in (9, 10, 11, 13, 14):
            api.post("/holds", {**opening, "start_time": at(hour).isoformat()})
    else:
        for number, hour in enumerate((11, 10, 9, 14, 13)):
            person = {**PERSON, "first_name": "ABCDE"[number], "email": f"{number}@example.org"}
            visit = book(at(hour), patient=Patient(**person))
            api.post("/orders", {"patient_id": str(visit.patient_id), "appointment_type_id": str(consultation.pk)})

    def read(sort):
        found, cursor = [], {}
        while True:
            body = api.get(path, query={"limit": 2, "sort": sort, **cursor}).json()
            found += [each["id"] for each in body["data"]]
            if not body["meta"]["has_more"]:
                return found
            cursor = {"cursor": body["meta"]["next_cursor"]}

    as_made = read("created_at")
    assert len(set(as_made)) == len(as_made) == 5
    assert read("-created_at") == as_made[::-1]
    if path != "/holds":
        api.patch(f"{path}/{as_made[0]}", {"external_id": "now"})
        assert read("updated_at") == [*as_made[1:], as_made[0]] == read("-updated_at")[::-1]
    if path == "/appointments":
        starts = [each["start_time"] for each in api.get(path, query={"sort": "-start_time"}).json()["data"]]
        assert starts == sorted(starts, reverse=True)


def test_cursor_of_another_sort_is_400(api, visits):
    cursor = api.get("/appointments", query={"limit": 1, "sort": "created_at"}).json()["meta"]["next_cursor"]

    for sort in ({}, {"sort": "-created_at"}, {"sort": "start_time"}):
        refused = api.get("/appointments", query={"limit": 1, "cursor": cursor, **sort})
        assert problem(refused) == (400, "validation")
        assert [error["pointer"] for error in refused.json()["errors"]] == ["#/cursor"]


@pytest.mark.parametrize("path", ["/appointments", "/holds", "/orders", "/patients", "/clinicians"])
@pytest.mark.parametrize("query", [{"sort": "price"}, {"sort": "-"}, {"id": "x"}, {"external_id": "x\u202e"}])
def test_unknown_sort_or_invalid_filter_is_400_naming_it(path, query, api):
    refused = api.get(path, query=query)

    assert problem(refused) == (400, "validation")
    assert refused.json()["errors"][0]["pointer"].startswith(f"#/{next(iter(query))}")


# Expanded


def read_one(api, path, id):
    return api.get(f"{path}/{id}").json()["data"]


def test_appointment_is_expanded_with_what_stands_behind_its_ids(api, ordered, order, dana, harbour, consultation):
    plain = read_one(api, "/appointments", ordered)
    parts = {
        "appointment_type": read_one(api, "/appointment-types", consultation.pk),
        "clinician": read_one(api, "/clinicians", dana.pk),
        "location": read_one(api, "/locations", harbour.pk),
        "patient": read_one(api, "/patients", order.patient_id),
        "order": read_one(api, "/orders", order.pk),
    }

    expanded = api.get(f"/appointments/{ordered}", query={"expand": list(parts)})
    listed = api.get("/appointments", query={"expand": list(parts)})

    assert expanded.json()["data"] == {**plain, **parts}
    assert listed.json()["data"] == [{**plain, **parts}]


def test_hold_and_order_are_expanded(api, order, dana, harbour, consultation, at):
    hold = api.post("/holds", {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}).json()[
        "data"
    ]["id"]

    held = api.get(f"/holds/{hold}", query={"expand": ["clinician", "patient", "order"]}).json()["data"]
    written = api.get("/orders", query={"expand": ["appointment_type", "patient"]}).json()["data"]

    assert held["clinician"] == read_one(api, "/clinicians", dana.pk)
    assert (held["patient"], held["order"]) == (None, None)
    assert written == [
        {
            **read_one(api, "/orders", order.pk),
            "appointment_type": read_one(api, "/appointment-types", consultation.pk),
            "patient": read_one(api, "/patients", order.patient_id),
        }
    ]


def test_archived_patient_is_expanded_to_null(api, visits):
    Patient.objects.update(archived_at="2026-01-01T00:00Z")

    listed = api.get("/appointments", query={"expand": "patient"}).json()["data"]

    assert [each["patient"] for each in listed] == [None, None]


EXPANDED = ["appointment_type", "clinician", "location", "patient", "order"]


def test_expanding_takes_as_many_statements_for_ten_as_for_two(
    api, book, at, harbour, consultation, django_assert_max_num_queries
):
    def count():
        with django_assert_max_num_queries(30) as statements:
            assert api.get("/appointments", query={"expand": EXPANDED}).status_code == 200
        return len(statements)

    def add(number):
        person = Patient.objects.create(**{**PERSON, "email": f"{number}@example.org"})
        service = Service.objects.create(**SERVICE, slug=f"service-{number}")
        clinician = make_clinician(f"Clinician {number}", location=harbour, services=[service])
        made = api.post("/orders", {"patient_id": str(person.pk), "appointment_type_id": str(service.pk)})
        body = {"start_time": at(9).isoformat(), "clinician_id": str(clinician.pk)}
        booked = api.post(f"/orders/{made.json()['data']['id']}/book", body)
        assert booked.status_code == 201, booked.json()

    SERVICE = {name: getattr(consultation, name) for name in ("name", "duration", "step", "notice", "horizon", "price")}
    for number in range(2):
        add(number)
    few = count()
    for number in range(2, 10):
        add(number)

    # The key, the appointments with their services and locations, and their events; then for the expanded: services;
    # clinicians and theirs; locations; patients; orders with their appointments and their events; at last the row that
    # says who has read them.
    assert count() == few == 14


def test_expanding_needs_the_scope_that_reads_such_a_thing(api, with_key, make_key, visits):
    reader = with_key(make_key(scopes=["read_appointments"])[1])
    needed = {
        "appointment_type": "read_appointment_types",
        "clinician": "read_appointment_types",
        "location": "read_appointment_types",
        "patient": "read_patients",
        "order": "write_orders",
    }
    for name, scope in needed.items():
        for path in ("/appointments", f"/appointments/{visits[0]}"):
            refused = reader.get(path, query={"expand": name})
            assert (problem(refused), refused.json()["scope"]) == ((403, "missing-scope"), scope)
        able = with_key(make_key(scopes=["read_appointments", scope])[1])
        assert able.get("/appointments", query={"expand": name}).status_code == 200


def test_publishable_key_expands_only_the_catalogue(public_api, make_key, with_key, consultation, dana, at):
    body = {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()}
    hold = public_api.post("/holds", body).json()["data"]["id"]

    shown = public_api.get(f"/holds/{hold}", query={"expand": "clinician"}).json()["data"]
    refused = [public_api.get(f"/holds/{hold}", query={"expand": name}) for name in ("patient", "order")]

    assert shown["clinician"] == public_api.get(f"/clinicians/{dana.pk}").json()["data"]
    assert [problem(each) for each in refused] == [(403, "missing-scope")] * 2


@pytest.mark.parametrize("path", ["/appointments", "/holds", "/orders"])
def test_unknown_expansion_is_400_naming_it(path, api):
    refused = api.get(path, query={"expand": "price"})

    assert problem(refused) == (400, "validation")
    assert refused.json()["errors"][0]["pointer"].startswith("#/expand")


# Holds of a key


@pytest.fixture
def held(api, consultation, dana, at):
    """Ids of the holds that the key has placed: at nine and ten, and one at eleven that it has released."""
    opening = {"appointment_type_id": str(consultation.pk)}
    bodies = [{**opening, "start_time": at(hour).isoformat(), "external_id": f"H-{hour}"} for hour in (9, 10, 11)]
    ids = [api.post("/holds", body).json()["data"]["id"] for body in bodies]
    api.delete(f"/holds/{ids[2]}")
    return ids


def test_holds_of_a_key_are_listed_as_they_are_read(api, held, hold_time, at):
    hold_time(at(14))  # another's
    passing = {"server_time": None, "seconds_left": None}

    response = api.get("/holds")

    listed = [{**each, **passing} for each in response.json()["data"]]
    assert listed == [{**read_one(api, "/holds", id), **passing} for id in held]
    assert response.json()["meta"] == {"request_id": response["X-Request-Id"], "next_cursor": None, "has_more": False}
    assert response["Cache-Control"] == "no-store"


def test_hold_filters_must_all_match(api, held, dana, harbour, consultation, at):
    nine, ten, eleven = held
    lapse(Hold.objects.get(pk=ten))

    assert list_ids(api, "/holds", status="active") == [nine]
    assert list_ids(api, "/holds", status="expired") == [ten]
    assert list_ids(api, "/holds", status=["released", "expired"]) == [ten, eleven]
    assert list_ids(api, "/holds", external_id="H-9") == list_ids(api, "/holds", id=nine) == [nine]
    assert list_ids(api, "/holds", clinician_id=dana.pk, location_id=harbour.pk) == held
    assert list_ids(api, "/holds", appointment_type_id=consultation.pk, is_remote="false") == held
    assert list_ids(api, "/holds", clinician_id=uuid4()) == list_ids(api, "/holds", patient_id=uuid4()) == []
    assert list_ids(api, "/holds", order_id=uuid4()) == list_ids(api, "/holds", is_remote="true") == []


def test_holds_of_another_key_are_not_listed_nor_found(with_key, make_key, held):
    other = with_key(make_key()[1])

    assert list_ids(other, "/holds") == list_ids(other, "/holds", id=held) == []


def test_publishable_key_lists_no_holds(public_api, consultation, at):
    public_api.post("/holds", {"appointment_type_id": str(consultation.pk), "start_time": at(9).isoformat()})

    assert problem(public_api.get("/holds")) == (403, "secret-key-required")
