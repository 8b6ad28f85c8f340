"""The pages about clinicians and places."""

from datetime import date, time
from io import BytesIO
from uuid import uuid4

import pytest

from booking.widget.profiles import DayHours, list_opening_hours
from scheduling.lib.pictures import encode_face
from scheduling.models import WorkingHours
from scheduling.models.images import store_image
from tests.booking.admin.pages import get_text
from tests.conftest import make_clinician
from tests.pictures import make_picture


@pytest.fixture
def known_dana(dana):
    """Dana, with a photo and all that patients may know of her."""
    dana.photo = store_image(encode_face(BytesIO(make_picture())))
    dana.bio = "I mend knees.\n\nAnd shoulders."
    dana.languages, dana.gender = ["en", "bfi"], "female"
    dana.save()
    return dana


def test_page_of_a_clinician_says_who_they_are_and_leads_to_their_times(client, known_dana, consultation, harbour):
    response = client.get(f"/clinicians/{known_dana.pk}/")

    text = get_text(response)
    assert "Dana Reed Physiotherapist I mend knees. And shoulders." in text
    assert "Speaks English, British Sign Language Gender Female" in text
    assert f'href="/book/consultation/?clinician={known_dana.pk}"' in response.text
    assert f'href="/locations/{harbour.pk}/"' in response.text
    assert 'width="144" height="144" alt="Dana Reed" loading="lazy"' in response.text


def test_clinician_who_gives_nothing_away_has_initials_and_no_empty_row(client, dana):
    page = client.get(f"/clinicians/{dana.pk}/").text

    assert '<span class="face" aria-hidden="true">DR</span>' in page
    assert "Speaks" not in page
    assert "Gender" not in page


def test_private_service_is_not_on_the_page_of_its_clinician(client, dana, consultation):
    consultation.is_private = True
    consultation.save()

    assert "/book/consultation/" not in client.get(f"/clinicians/{dana.pk}/").text


@pytest.mark.parametrize("field", ["is_active", "has_page"])
def test_clinician_without_a_page_is_404_and_on_no_other_page(client, dana, harbour, field):
    setattr(dana, field, False)
    dana.save()

    assert client.get(f"/clinicians/{dana.pk}/").status_code == 404
    assert "Dana Reed" not in client.get(f"/locations/{harbour.pk}/").text


def test_page_of_a_place_says_how_to_get_there_and_who_is_there(client, harbour, known_dana):
    harbour.step_free_access, harbour.access_notes = "partly", "Ring for the ramp."
    harbour.parking, harbour.email = "In Dock Road.", "harbour@example.org"
    harbour.save()

    response = client.get(f"/locations/{harbour.pk}/")

    text = get_text(response)
    for said in (
        "Harbour Street Address 12 Harbour Street London E1 6AN See it on a map",
        "Phone +44 20 7946 0000",
        "E-mail harbour@example.org",
        "Open Monday to Sunday 09:00–12:00 , 13:00–17:00",
        "Access Step-free in part Ring for the ramp.",
        "Parking In Dock Road.",
        "How to find us Ring the upper bell.",
        "Who sees you here Dana Reed Physiotherapist",
    ):
        assert said in text
    assert 'href="https://www.openstreetmap.org/search?query=12+Harbour+Street%2C+London+E1+6AN"' in response.text
    assert f'href="/clinicians/{known_dana.pk}/"' in response.text


def test_closed_place_and_unknown_ones_are_404(client, harbour):
    harbour.is_active = False
    harbour.save()

    assert client.get(f"/locations/{harbour.pk}/").status_code == 404
    assert client.get(f"/locations/{uuid4()}/").status_code == 404
    assert client.get(f"/clinicians/{uuid4()}/").status_code == 404


def test_opening_hours_are_those_of_everybody_on_days_that_are_alike(harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=((9, 12),))
    otis = make_clinician("Rhea Nolan", location=harbour, services=[consultation], hours=((11, 15),))
    otis.working_hours.filter(weekday__gte=5).delete()
    odd = {"clinician": otis, "location": harbour, "weekday": 6, "start_time": time(20), "end_time": time(0)}
    WorkingHours.objects.create(**odd)
    WorkingHours.objects.create(**odd | {"weekday": 5}, is_remote=True)
    WorkingHours.objects.create(**odd | {"weekday": 5}, every_weeks=2, valid_from=date(2020, 1, 6))
    WorkingHours.objects.create(**odd | {"weekday": 5}, valid_until=date(2020, 1, 6))

    assert list_opening_hours(harbour) == [
        DayHours("Monday to Friday", [(time(9), time(15))]),
        DayHours("Saturday", [(time(9), time(12))]),
        DayHours("Sunday", [(time(9), time(12)), (time(20), time(0))]),
    ]


def test_address_has_the_order_of_its_country(harbour):
    orders = {}
    for country in ("GB", "DE", "US"):
        harbour.country = country
        orders[country] = harbour.address[-1]

    assert orders == {"GB": "London E1 6AN", "DE": "E1 6AN London", "US": "London E1 6AN"}


def test_map_shows_the_point_where_it_is_known(harbour):
    harbour.latitude, harbour.longitude = "51.5155", "-0.0722"
    harbour.save()
    harbour.refresh_from_db()

    assert harbour.map_address == (
        "https://www.openstreetmap.org/?mlat=51.5155000&mlon=-0.0722000#map=18/51.5155000/-0.0722000"
    )


def test_times_narrowed_to_a_clinician_and_a_place_lead_to_their_pages(client, known_dana, harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation])

    narrowed = client.get(f"/book/consultation/?clinician={known_dana.pk}&where={harbour.pk}").text

    assert f'href="/clinicians/{known_dana.pk}/"' in narrowed
    assert known_dana.photo.get_path(32) in narrowed
    assert "About Harbour Street" in narrowed
    assert "About " not in get_text(client.get("/book/consultation/"))
