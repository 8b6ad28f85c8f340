"""The first page: what can be booked."""

from datetime import timedelta

from scheduling.models import Service
from tests.booking.widget.conftest import Page


def test_a_service_shows_its_length_way_and_price(client, consultation):
    page = Page(client.get("/"))

    assert "Consultation £60 30 minutes · In person" in page.text.replace(" In person", " · In person")
    assert "/book/consultation/" in page.links


def test_prices_are_written_as_people_write_them(client, consultation):
    for price, currency, text in [("0", "GBP", "No charge"), ("62.5", "EUR", "€62.50"), ("1200", "CHF", "CHF 1,200")]:
        Service.objects.update(price=price, currency=currency)

        assert text in Page(client.get("/")).text


def test_the_name_of_the_clinic_is_on_the_page(client, consultation):
    assert "Harbour Clinic" in Page(client.get("/")).text


def test_what_patients_cannot_book_themselves_is_not_there(client, consultation):
    Service.objects.create(name="Surgery", slug="surgery", is_online_bookable=False)
    Service.objects.create(name="Leeches", slug="leeches", is_active=False)

    page = Page(client.get("/"))

    assert "Surgery" not in page.text
    assert "Leeches" not in page.text
    for slug in ("surgery", "leeches", "unheard-of"):
        response = client.get(f"/book/{slug}/")
        assert (response.status_code, "cannot be booked here" in Page(response).text) == (404, True)


def test_who_may_book_is_said(client, consultation):
    Service.objects.update(new_patients_only_text="For new patients only", duration=timedelta(minutes=90))

    page = Page(client.get("/"))

    assert "For new patients only" in page.text
    assert "1 hour 30 minutes" in page.text


def test_a_clinic_without_services_says_so(client, db):
    assert "Nothing can be booked online at the moment" in Page(client.get("/")).text


def test_whoever_holds_a_time_takes_it_along_to_another_service(client, held):
    page = Page(client.get("/", {"hold": held.token}))

    assert f"/book/consultation/?hold={held.token}" in page.links
