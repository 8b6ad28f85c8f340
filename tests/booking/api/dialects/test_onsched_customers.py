"""A client of OnSched searches customers, writes them down and changes them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.models import Event
from patients.models import Patient
from tests.booking.api.dialects.conftest import ONSCHED, System
from tests.booking.api.dialects.test_onsched import ALICE, NOWHERE, data, refused, utc_with_milliseconds
from tests.booking.api.dialects.test_onsched_catalogue import listed
from tests.ledger import nothing_changes


@pytest.fixture
def bob(db):
    return Patient.objects.create(first_name="Bob", last_name="Brown", email="bob@example.org")


def written(patient):
    return {
        "id": str(patient.pk),
        "firstName": patient.first_name,
        "lastName": patient.last_name,
        "email": patient.email,
        "phone": patient.phone,
        "dateOfBirth": patient.date_of_birth and patient.date_of_birth.isoformat(),
        "createdAt": utc_with_milliseconds(patient.created_at),
        "updatedAt": utc_with_milliseconds(patient.updated_at),
    }


def test_onsched_customers_are_listed_in_pages(onsched, alice, bob):
    alice.save()
    assert listed(onsched("GET", "/customers")) == [written(bob), written(alice)]
    assert listed(onsched("GET", "/customers", query={"limit": 1, "page": 2}), limit=1, page=2) == [written(alice)]
    assert onsched("GET", "/customers").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "query",
    [
        {"email": "Alice@Example.ORG "},
        {"search": "arch ali"},
        {"lastName": "Archer"},
        {"lastname": "arch", "firstname": "al"},
        {"phone": "020 7946 0123"},
        {"email": "alice@example.org", "search": "archer"},
    ],
)
def test_onsched_customers_are_found(onsched, alice, bob, query):
    alice.save()
    assert listed(onsched("GET", "/customers", query=query)) == [written(alice)]


@pytest.mark.parametrize(
    "query", [{"email": "alice@example"}, {"search": "zoe"}, {"lastName": "Archer", "phone": "1234"}]
)
def test_onsched_search_without_a_match_is_empty(onsched, alice, bob, query):
    alice.save()
    assert listed(onsched("GET", "/customers", query=query)) == []


def test_onsched_archived_customer_is_not_there(onsched, bob):
    Patient.objects.update(archived_at=bob.created_at)
    assert listed(onsched("GET", "/customers")) == []
    with nothing_changes():
        for method, body in (("GET", None), ("PUT", {"firstName": "Rob"})):
            assert refused(onsched(method, f"/customer/{bob.pk}", body), 404, "not-found")


def test_onsched_customers_take_as_many_statements_for_many_as_for_one(onsched, bob):
    onsched("GET", "/customers")
    with CaptureQueriesContext(connection) as few:
        assert len(listed(onsched("GET", "/customers"))) == 1
    for number in range(5):
        Patient.objects.create(first_name="Gwen", last_name=f"Green {number}")
    with CaptureQueriesContext(connection) as many:
        assert len(listed(onsched("GET", "/customers"))) == 6
    assert len(many) == len(few)


def test_onsched_customer_is_written_down(onsched):
    body = ALICE | {"dateOfBirth": "1985-04-12", "notificationType": "EMAIL"}
    response = onsched("POST", "/customer", body)
    patient = Patient.objects.get()
    assert data(response, 201) == written(patient)
    assert (str(patient), patient.phone, str(patient.date_of_birth)) == ("Alice Archer", "+442079460123", "1985-04-12")
    assert Event.objects.get().kind == "patient.created"
    assert data(onsched("GET", f"/customer/{patient.pk}")) == written(patient)


def test_onsched_customer_is_written_down_without_a_birth_date(onsched):
    assert data(onsched("POST", "/customer", ALICE), 201)["dateOfBirth"] is None


@pytest.mark.parametrize(
    "names", [{"firstName": "", "lastName": "Suharto"}, {"firstName": "Suharto", "lastName": None}]
)
def test_onsched_customer_has_one_name(onsched, names):
    made = data(onsched("POST", "/customer", ALICE | names), 201)
    assert sorted([made["firstName"], made["lastName"]]) == ["", "Suharto"]


def test_onsched_customer_who_is_known_already_is_409(onsched):
    known = data(onsched("POST", "/customer", ALICE), 201)
    with nothing_changes():
        response = onsched("POST", "/customer", ALICE | {"firstName": "ALICE"})
        assert refused(response, 409, "patient-exists")
    assert response.json()["patient_id"] == known["id"]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"firstName": None, "lastName": " "}, "firstName"),
        ({"email": None}, "email"),
        ({"email": "alice"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"dateOfBirth": "2999-01-01"}, "dateOfBirth"),
        ({"dateOfBirth": "12/04/1985"}, "dateOfBirth"),
        ({"firstName": "http://a.example"}, "firstName"),
    ],
)
def test_onsched_invalid_customer_is_not_written_down(onsched, change, field):
    with nothing_changes():
        response = onsched("POST", "/customer", ALICE | change)
        assert refused(response, 400, "validation")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_onsched_customer_is_changed_in_what_is_sent(onsched, alice):
    alice.save()
    changed = data(onsched("PUT", f"/customer/{alice.pk}", {"last_name": "Ash", "email": None, "phone": ""}))
    before = written(alice)
    alice.refresh_from_db()
    assert changed == written(alice)
    assert changed == before | {"lastName": "Ash", "phone": "", "updatedAt": changed["updatedAt"]}
    assert Event.objects.get().data == {"changed": ["last_name", "phone"]}


def test_onsched_invalid_change_of_customer_is_400(onsched, alice):
    alice.save()
    with nothing_changes():
        response = onsched("PUT", f"/customer/{alice.pk}", {"email": "alice"})
        assert refused(response, 400, "validation")
        assert refused(onsched("PUT", f"/customer/{NOWHERE}", {"email": "a@b.example"}), 404, "not-found")
    assert [error["field"] for error in response.json()["errors"]] == ["email"]


def test_onsched_key_that_may_not_read_learns_only_the_id_of_whom_it_changes(client, make_key, alice):
    alice.save()
    writer = System(client, ONSCHED, x_api_key=make_key(scopes=["write_patients"])[1])
    assert data(writer("PUT", f"/customer/{alice.pk}", {"firstName": "Alicia"})) == {"id": str(alice.pk)}
