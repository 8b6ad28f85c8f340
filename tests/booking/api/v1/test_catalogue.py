"""What can be booked, with whom and where."""

from datetime import timedelta
from uuid import uuid4

import pytest

from scheduling.models import Clinician, Location, Service, ServiceCategory
from tests.conftest import make_clinician


@pytest.fixture
def hidden(harbour, consultation):
    """A service that only staff book, one that is no longer given, a clinician who left and a place that closed."""
    Service.objects.create(name="Internal", slug="internal", is_online_bookable=False, position=1)
    Service.objects.create(name="Old", slug="old", is_active=False, position=2)
    Location.objects.create(name="Old Street", city="London", is_active=False)
    make_clinician("Otis Hale", location=harbour, services=[])
    Clinician.objects.filter(name="Otis Hale").update(is_active=False)


def test_appointment_type_has_all_members(api, consultation):
    Service.objects.update(
        notice=timedelta(hours=1, minutes=30), description="We talk.", price="72.50", new_patients_only_text="New only."
    )

    consultation.refresh_from_db()

    assert api.get(f"/appointment-types/{consultation.pk}").json()["data"] == {
        "id": str(consultation.pk),
        "name": "Consultation",
        "description": "We talk.",
        "category": None,
        "duration_minutes": 30,
        "price": 72.5,
        "currency": "GBP",
        "is_active": True,
        "allow_online_booking": True,
        "is_private": False,
        "mode": "in_person",
        "is_remote": False,
        "booking_notice_hours": 1.5,
        "cancellation_notice_hours": 24.0,
        "new_patients_only_text": "New only.",
        "what_to_bring": "Your glasses",
        "color": "#2563eb",
        "external_id": "",
        "metadata": {},
        "created_at": consultation.created_at.isoformat(),
        "updated_at": consultation.updated_at.isoformat(),
    }


def test_clinician_has_all_members(api, dana, consultation):
    assert api.get(f"/clinicians/{dana.pk}").json()["data"] == {
        "id": str(dana.pk),
        "name": "Dana Reed",
        "title": "Physiotherapist",
        "bio": "",
        "photo": [],
        "languages": [],
        "gender": "",
        "is_active": True,
        "appointment_type_ids": [str(consultation.pk)],
        "external_id": "",
        "metadata": {},
        "created_at": dana.created_at.isoformat(),
        "updated_at": dana.updated_at.isoformat(),
    }


def test_location_has_all_members(api, harbour):
    Location.objects.update(latitude="51.5155", longitude="-0.0722")

    assert api.get(f"/locations/{harbour.pk}").json()["data"] == {
        "id": str(harbour.pk),
        "name": "Harbour Street",
        "timezone": "Europe/London",
        "hold_seconds": 900,
        "address": {
            "line_1": "12 Harbour Street",
            "line_2": "",
            "city": "London",
            "postcode": "E1 6AN",
            "country": "GB",
        },
        "latitude": 51.5155,
        "longitude": -0.0722,
        "phone": "+442079460000",
        "email": "",
        "directions": "Ring the upper bell.",
        "photo": [],
        "step_free_access": "",
        "access_notes": "",
        "parking": "",
        "is_active": True,
        "external_id": "",
        "metadata": {},
        "created_at": harbour.created_at.isoformat(),
        "updated_at": harbour.updated_at.isoformat(),
    }


@pytest.mark.parametrize("path", ["/appointment-types", "/clinicians", "/locations"])
def test_catalogue_lists_have_the_same_members_as_entries(path, api, dana):
    body = api.get(path).json()

    assert body["data"] == [api.get(f"{path}/{each['id']}").json()["data"] for each in body["data"]] != []
    assert (body["meta"]["next_cursor"], body["meta"]["has_more"]) == (None, False)


@pytest.mark.parametrize(
    ("path", "all_names", "public_names"),
    [
        ("/appointment-types", ["Consultation", "Internal", "Old"], ["Consultation"]),
        ("/clinicians", ["Dana Reed", "Otis Hale"], ["Dana Reed"]),
        ("/locations", ["Harbour Street", "Old Street"], ["Harbour Street"]),
    ],
)
def test_publishable_key_sees_only_what_a_patient_could_book(
    path, all_names, public_names, api, public_api, dana, hidden
):
    everything = api.get(path).json()["data"]

    assert [each["name"] for each in everything] == all_names
    assert [each["name"] for each in public_api.get(path).json()["data"]] == public_names
    seen = [each["name"] for each in everything if public_api.get(f"{path}/{each['id']}").status_code == 200]
    assert seen == public_names


def test_appointment_type_has_its_category(api, consultation):
    talks = ServiceCategory.objects.create(name="Talks", position=2)
    Service.objects.update(category=talks)

    assert api.get(f"/appointment-types/{consultation.pk}").json()["data"]["category"] == {
        "id": str(talks.pk),
        "name": "Talks",
        "position": 2,
    }


def test_private_service_is_listed_for_secret_keys_only(api, public_api, dana, consultation):
    Service.objects.update(is_private=True)

    [listed] = api.get("/appointment-types").json()["data"]
    by_id = public_api.get(f"/appointment-types/{consultation.pk}")

    assert (listed["id"], listed["is_private"]) == (str(consultation.pk), True)
    assert public_api.get("/appointment-types").json()["data"] == []
    assert public_api.get(f"/clinicians/{dana.pk}").json()["data"]["appointment_type_ids"] == []
    assert api.get(f"/clinicians/{dana.pk}").json()["data"]["appointment_type_ids"] == [str(consultation.pk)]
    assert (by_id.status_code, by_id.json()["data"]["is_private"]) == (200, True)


@pytest.mark.parametrize("path", ["/appointment-types", "/clinicians", "/locations"])
def test_unknown_catalogue_entry_is_404(path, api):
    response = api.get(f"{path}/{uuid4()}")

    assert (response.status_code, response.json()["code"]) == (404, "not-found")
