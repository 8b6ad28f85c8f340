"""The first page: what can be booked."""

from datetime import timedelta

from scheduling.models import Service
from tests.booking.widget.conftest import Page


def test_services_page_shows_duration_mode_and_price(client, dana):
    page = Page(client.get("/"))

    assert "Consultation £60 30 minutes · In person" in page.text.replace(" In person", " · In person")
    assert "/book/consultation/" in page.links


def test_services_page_writes_prices_as_people_do(client, dana):
    for price, currency, text in [
        ("0", "GBP", "No charge"),
        ("62.5", "EUR", "€62.50"),
        ("1200", "CHF", "CHF 1,200"),
        ("5000", "JPY", "¥5,000"),
        ("12.5", "KWD", "KWD 12.500"),
    ]:
        Service.objects.update(price=price, currency=currency)

        assert text in Page(client.get("/")).text


def test_services_page_shows_the_clinic_name(client, dana):
    assert "Harbour Clinic" in Page(client.get("/")).text


def test_services_page_leaves_out_what_patients_cannot_book(client, dana):
    Service.objects.create(name="Surgery", slug="surgery", is_online_bookable=False)
    Service.objects.create(name="Leeches", slug="leeches", is_active=False)

    page = Page(client.get("/"))

    assert "Surgery" not in page.text
    assert "Leeches" not in page.text
    for slug in ("surgery", "leeches", "unheard-of"):
        response = client.get(f"/book/{slug}/")
        assert (response.status_code, "You cannot book that here" in Page(response).text) == (404, True)


def test_services_page_says_who_may_book(client, dana):
    Service.objects.update(new_patients_only_text="For new patients only", duration=timedelta(minutes=90))

    page = Page(client.get("/"))

    assert "For new patients only" in page.text
    assert "1 hour 30 minutes" in page.text


def test_services_page_without_services_says_so(client, db):
    assert "Nothing can be booked online at the moment" in Page(client.get("/")).text


def test_services_page_keeps_the_hold_for_another_service(client, held):
    page = Page(client.get("/", {"hold": held.token}))

    assert f"/book/consultation/?hold={held.token}" in page.links
