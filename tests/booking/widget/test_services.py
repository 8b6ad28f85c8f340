"""The first page: what can be booked."""

import re
from datetime import timedelta

from booking.widget.service_list import SEARCHED_FROM, offers
from scheduling.models import Location, Service, ServiceCategory
from tests.booking.widget.conftest import Page
from tests.conftest import make_clinician


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


def list_names(client, **query):
    """Return the names of the services that are shown, in order, some seconds later."""
    offers.forget()
    html = client.get("/", query).content.decode()
    return re.findall(r'<li>\s*<a class="card"[^>]*>\s*<span class="card-head"><strong>([^<]*)<', html)


def add_services(clinician, *names, **fields):
    offers.forget()
    clinician.services.add(
        *(Service.objects.create(name=name, slug=name.lower().replace(" ", "-"), **fields) for name in names)
    )


def test_services_stand_under_their_categories(client, dana):
    for position, name in enumerate(["Second", "First"], 1):
        category = ServiceCategory.objects.create(name=name, position=3 - position)
        add_services(dana, f"In {name}", category=category)
    ServiceCategory.objects.create(name="Empty")

    page = Page(client.get("/"))

    assert list_names(client) == ["Consultation", "In First", "In Second"]
    assert re.search("Consultation .* First In First .* Second In Second", page.text)
    assert "Empty" not in page.text


def test_service_that_nobody_gives_is_not_shown(client, dana):
    Service.objects.create(name="Leeches", slug="leeches")

    assert list_names(client) == ["Consultation"]


def test_card_says_when_the_service_is_free_next(client, dana, day):
    dana.working_hours.exclude(weekday=day.weekday()).delete()
    Service.objects.update(notice=timedelta(days=2))
    next_day = f"{day:%a} {day.day} {day:%b}, 09:00"

    assert f"Next: {next_day}" in Page(client.get("/")).text


def test_card_of_service_without_free_time_says_so(client, dana):
    Service.objects.update(notice=timedelta(days=50), horizon=timedelta(days=50))

    assert "No free time at the moment" in Page(client.get("/")).text


def test_place_is_chosen_first_where_there_is_more_than_one_town(client, dana, harbour, consultation):
    assert "where-" not in client.get("/").content.decode()
    hudson = Location.objects.create(name="Hudson Square", timezone="America/New_York", city="New York")
    make_clinician("Otis Hale", location=hudson, services=[consultation])
    add_services(dana, "London only")
    add_services(dana, "By phone", mode="remote")
    dana.working_hours.filter(weekday=0).update(is_remote=True)

    page = Page(client.get("/", {"hold": "x", "where": hudson.pk}))

    assert "Anywhere London New York Video call" in page.text
    assert [link for link in page.links if link.startswith("/?")] == [
        "/?hold=x",
        f"/?hold=x&where={harbour.pk}",
        f"/?hold=x&where={hudson.pk}",
        "/?hold=x&where=video",
    ]
    assert f"/book/consultation/?hold=x&where={hudson.pk}" in page.links
    assert "/book/by-phone/?hold=x&where=video" in page.links  # can be called there, too
    assert list_names(client, where=hudson.pk) == ["Consultation", "By phone"]
    assert list_names(client, where="video") == ["By phone"]
    assert list_names(client, where="in-person") == ["Consultation", "London only"]
    unknown = client.get("/", {"where": "Atlantis"})
    assert (unknown.status_code, "We do not know that place" in Page(unknown).text) == (200, True)


def test_search_above_twelve_services_finds_by_name_description_and_category(client, dana):
    assert "search" not in Page(client.get("/")).inputs
    feet = ServiceCategory.objects.create(name="Füße")
    add_services(dana, *(f"Number {n}" for n in range(SEARCHED_FROM - 3)))
    add_services(dana, "Schuhe", category=feet)
    assert "q" not in Page(client.get("/")).inputs
    add_services(dana, "Blood test", description="Taken by a nurse")

    page = Page(client.get("/", {"where": "in-person"}))

    assert (page.inputs["q"], page.inputs["where"]) == ("", "in-person")
    assert list_names(client, q="NURSE  blood") == ["Blood test"]
    assert list_names(client, q="fusse") == ["Schuhe"]
    assert list_names(client, q="nothing like that") == []
