"""Lists of what has changed: in the order of the changes, with what is over, nothing twice and nothing left out."""

import pytest

from booking.domain.appointments import annotate, cancel
from booking.domain.orders import change_order
from booking.domain.patients import archive, merge, register
from booking.models import Appointment
from patients.models import Patient
from scheduling.models import Clinician, Location, Service
from tests.conftest import make_clinician

BEFORE = "2026-01-01T00:00:00Z"


def list_ids(api, path, **query):
    return [each["id"] for each in api.get(path, query=query).json()["data"]]


@pytest.fixture
def booked(book, at):
    """Ids of three appointments of Alice's, as they were booked."""
    return [str(book(at(hour)).pk) for hour in (11, 10, 9)]


def get_updated_at(api, path, id):
    return api.get(f"{path}/{id}").json()["data"]["updated_at"]


def test_appointments_updated_since_come_in_order_of_their_changes_with_cancelled_ones(api, booked):
    first, second, third = booked
    cancel(get_appointment(second), reason="other", actor="erin")

    assert list_ids(api, "/appointments", updated_since=BEFORE) == [first, third, second]
    assert list_ids(api, "/appointments", updated_since=BEFORE, status="cancelled") == [second]


def get_appointment(id):
    return Appointment.objects.select_related("service", "location", "provider").get(pk=id)


def test_updated_since_is_inclusive(api, booked):
    moment = get_updated_at(api, "/appointments", booked[1])

    assert list_ids(api, "/appointments", updated_since=moment) == booked[1:]


def test_pages_of_updated_since_show_again_what_changes_in_between(api, booked):
    first = api.get("/appointments", query={"updated_since": BEFORE, "limit": 2}).json()
    annotate(get_appointment(booked[0]), actor="erin", notes="Knee.")

    query = {"updated_since": BEFORE, "limit": 2, "cursor": first["meta"]["next_cursor"]}
    second = api.get("/appointments", query=query).json()

    assert [each["id"] for each in first["data"]] == booked[:2]
    assert [each["id"] for each in second["data"]] == [booked[2], booked[0]]
    assert (first["meta"]["has_more"], second["meta"]["has_more"]) == (True, False)


def test_orders_updated_since_come_in_order_of_their_changes(api, order, alice, consultation):
    other = api.post("/orders", {"patient_id": str(alice.pk), "appointment_type_id": str(consultation.pk)}).json()
    other = other["data"]
    assert list_ids(api, "/orders", updated_since=BEFORE) == [str(order.pk), other["id"]]

    change_order(order, actor="erin", external_id="LAB-8")

    assert list_ids(api, "/orders", updated_since=BEFORE) == [other["id"], str(order.pk)]
    assert list_ids(api, "/orders", updated_since=other["updated_at"], external_id="LAB-8") == [str(order.pk)]


def test_patients_updated_since_include_archived_and_merged_ones(api, alice):
    bob, carol = Patient(first_name="Bob", last_name="Stone"), Patient(first_name="Carol", last_name="Dean")
    for person in (alice, bob, carol):
        register(person, actor="erin")
    archive(alice, actor="erin")
    merge(keep=carol, duplicate=bob, actor="erin")

    listed = api.get("/patients", query={"updated_since": BEFORE}).json()["data"]

    assert [(each["id"], each["archived_at"] is not None, each["merged_into_id"]) for each in listed] == [
        (str(alice.pk), True, None),
        (str(bob.pk), True, str(carol.pk)),
        (str(carol.pk), False, None),
    ]
    assert list_ids(api, "/patients") == [str(carol.pk)]


def test_search_for_patients_with_updated_since_is_400(api):
    response = api.get("/patients", query={"updated_since": BEFORE, "search": "alice"})

    assert response.status_code == 400
    assert [each["pointer"] for each in response.json()["errors"]] == ["#/updated_since"]


@pytest.mark.parametrize(
    ("path", "model"), [("/appointment-types", Service), ("/clinicians", Clinician), ("/locations", Location)]
)
def test_catalogue_updated_since_comes_in_order_of_its_changes_with_inactive_ones(path, model, api, harbour, dana):
    otis = make_clinician("Aaron Hale", location=harbour, services=[])
    second = {
        Service: lambda: Service.objects.create(name="Advice", slug="advice"),
        Clinician: lambda: otis,
        Location: lambda: Location.objects.create(name="Abbey Road", city="London"),
    }[model]()
    first = model.objects.exclude(pk=second.pk).get()
    assert list_ids(api, path, updated_since=BEFORE) == [str(first.pk), str(second.pk)]

    first.is_active = False
    first.save()

    assert list_ids(api, path, updated_since=BEFORE) == [str(second.pk), str(first.pk)]
    assert list_ids(api, path, updated_since=first.updated_at.isoformat()) == [str(first.pk)]


def test_publishable_key_does_not_see_inactive_ones_with_updated_since(public_api, harbour):
    harbour.is_active = False
    harbour.save()

    assert list_ids(public_api, "/locations", updated_since=BEFORE) == []


@pytest.mark.parametrize(
    "path", ["/appointments", "/orders", "/patients", "/appointment-types", "/clinicians", "/locations"]
)
@pytest.mark.parametrize("moment", ["yesterday", "2026-03-30T09:00:00", "1999-12-31T00:00:00Z"])
def test_updated_since_that_is_no_moment_is_400(path, moment, api):
    response = api.get(path, query={"updated_since": moment})

    assert response.status_code == 400
    assert [each["pointer"] for each in response.json()["errors"]] == ["#/updated_since"]
