"""A client of OnSched finds every id it needs, of locations, services, resources, and what takes a resource's time."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling.availability.intervals import pack
from scheduling.availability.openings import as_instant
from scheduling.models import BusyDay, Calendar, Location, Service, TimeOff
from tests.booking.api.conftest import SITE
from tests.booking.api.dialects.conftest import ONSCHED, System
from tests.booking.api.dialects.test_onsched import NOWHERE, data, refused, utc
from tests.conftest import make_clinician


@pytest.fixture
def page(client, publishable_key):
    """A page on the clinic's site."""
    return System(client, ONSCHED, x_api_key=publishable_key, origin=SITE)


@pytest.fixture
def mill(db):
    """Another location, which comes later by name."""
    return Location.objects.create(name="Mill Lane", city="Leeds", postcode="LS1 4AP", timezone="Europe/London")


@pytest.fixture
def scan(db):
    """A service that patients do not book by themselves."""
    return Service.objects.create(
        name="Scan",
        slug="scan",
        position=1,
        duration=timedelta(minutes=20),
        buffer_after=timedelta(minutes=5),
        mode="both",
        price="12.50",
        is_online_bookable=False,
    )


@pytest.fixture
def faye(mill, scan):
    """A clinician who gives scans at Mill Lane."""
    return make_clinician("Faye Moss", location=mill, services=[scan])


def listed(response, *, page=1, limit=20, has_more=False):
    """The rows of a list's page."""
    body = response.json()
    assert response.status_code == 200, body
    rows = body.pop("data")
    assert body == {"success": True, "page": page, "limit": limit, "count": len(rows), "hasMore": has_more}
    return rows


def names(response):
    return [row["name"] for row in listed(response)]


# Locations


def test_onsched_locations_are_listed_the_primary_one_first(onsched, mill, harbour):
    Location.objects.create(name="Attic", is_active=False)
    rows = listed(onsched("GET", "/locations"))
    assert [row["name"] for row in rows] == ["Harbour Street", "Mill Lane"]
    assert rows[0] == data(onsched("GET", f"/location/{harbour.pk}"))


def test_onsched_list_comes_in_pages(onsched, harbour, mill):
    first = listed(onsched("GET", "/locations", query={"limit": 1}), limit=1, has_more=True)
    second = listed(onsched("GET", "/locations", query={"limit": 1, "page": 2}), limit=1, page=2)
    assert [row["name"] for row in first + second] == ["Harbour Street", "Mill Lane"]
    assert listed(onsched("GET", "/locations", query={"page": 3}), page=3) == []


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"page": 0}, {"page": "last"}, {"page": 10**9}])
def test_onsched_page_out_of_range_is_400(onsched, query):
    response = onsched("GET", "/locations", query=query)
    assert refused(response, 400, "validation")
    assert [error["field"] for error in response.json()["errors"]] == list(query)


# Services


def test_onsched_services_are_listed(onsched, consultation, dana, scan, faye):
    Service.objects.create(name="Retired", slug="retired", is_active=False)
    assert listed(onsched("GET", "/services")) == [
        {
            "id": str(consultation.pk),
            "name": "Consultation",
            "description": "",
            "duration": 30,
            "bufferBefore": 0,
            "bufferAfter": 0,
            "price": 60.0,
            "currency": "GBP",
            "color": "#2563eb",
            "mode": "IN_PERSON",
            "onlineBooking": True,
            "ResourceIds": [str(dana.pk)],
        },
        {
            "id": str(scan.pk),
            "name": "Scan",
            "description": "",
            "duration": 20,
            "bufferBefore": 0,
            "bufferAfter": 5,
            "price": 12.5,
            "currency": "GBP",
            "color": "#2563eb",
            "mode": "BOTH",
            "onlineBooking": False,
            "ResourceIds": [str(faye.pk)],
        },
    ]
    assert data(onsched("GET", f"/service/{scan.pk}")) == listed(onsched("GET", "/services"))[1]


def test_onsched_services_are_filtered_by_location_and_resource(onsched, harbour, mill, dana, faye, consultation):
    assert names(onsched("GET", "/services", query={"LocationId": mill.pk})) == ["Scan"]
    assert names(onsched("GET", "/services", query={"locationId": harbour.pk})) == ["Consultation"]
    assert names(onsched("GET", "/services", query={"ResourceIds": f"{dana.pk},{faye.pk}"})) == ["Consultation", "Scan"]
    assert names(onsched("GET", "/services", query={"ResourceId": faye.pk})) == ["Scan"]
    assert names(onsched("GET", "/services", query={"ResourceId": faye.pk, "LocationId": harbour.pk})) == []
    assert names(onsched("GET", f"/resource/{faye.pk}/services")) == ["Scan"]
    assert names(onsched("GET", f"/resource/{NOWHERE}/services")) == []


def test_onsched_service_of_an_inactive_resource_is_listed_without_it(onsched, scan, faye):
    faye.is_active = False
    faye.save()
    assert listed(onsched("GET", "/services"))[0]["ResourceIds"] == []


def test_onsched_page_sees_services_that_patients_book(page, onsched, consultation, scan, faye):
    assert names(page("GET", "/services")) == ["Consultation"]
    assert data(page("GET", f"/service/{consultation.pk}"))["name"] == "Consultation"
    assert refused(page("GET", f"/service/{scan.pk}"), 404, "not-found")
    assert listed(page("GET", "/resources"))[0]["ServiceIds"] == []
    faye.is_active = False
    faye.save()
    assert names(page("GET", "/resources")) == []
    assert refused(page("GET", f"/resource/{faye.pk}"), 404, "not-found")
    assert data(onsched("GET", f"/resource/{faye.pk}"))["name"] == "Faye Moss"


def test_onsched_unknown_service_and_resource_are_404(onsched):
    for path in (f"/service/{NOWHERE}", f"/resource/{NOWHERE}"):
        assert refused(onsched("GET", path), 404, "not-found")


# Resources


def test_onsched_resources_are_listed(onsched, harbour, consultation, dana, faye, scan, mill):
    rows = listed(onsched("GET", "/resources"))
    assert rows == [
        {
            "id": str(dana.pk),
            "name": "Dana Reed",
            "title": "Physiotherapist",
            "description": "",
            "ServiceIds": [str(consultation.pk)],
            "LocationIds": [str(harbour.pk)],
        },
        {
            "id": str(faye.pk),
            "name": "Faye Moss",
            "title": "Physiotherapist",
            "description": "",
            "ServiceIds": [str(scan.pk)],
            "LocationIds": [str(mill.pk)],
        },
    ]
    assert data(onsched("GET", f"/resource/{dana.pk}")) == rows[0]


def test_onsched_resources_are_filtered_by_service_and_location(onsched, harbour, mill, dana, faye, scan):
    assert names(onsched("GET", "/resources", query={"ServiceId": scan.pk})) == ["Faye Moss"]
    assert names(onsched("GET", "/resources", query={"LocationId": harbour.pk})) == ["Dana Reed"]
    assert names(onsched("GET", "/resources", query={"LocationId": harbour.pk, "ServiceId": scan.pk})) == []
    assert names(onsched("GET", "/resources", query={"ResourceIds[]": [str(dana.pk), NOWHERE]})) == ["Dana Reed"]


@pytest.mark.parametrize("path", ["/locations", "/services", "/resources"])
def test_onsched_list_takes_as_many_statements_for_many_as_for_one(onsched, path, dana, harbour, consultation):
    onsched("GET", path)  # that the key is in use is noted once a minute
    with CaptureQueriesContext(connection) as few:
        assert onsched("GET", path).status_code == 200
    for number in range(5):
        location = Location.objects.create(name=f"Site {number}")
        service = Service.objects.create(name=f"Service {number}", slug=f"service-{number}")
        make_clinician(f"Gwen {number}", location=location, services=[service, consultation])
    with CaptureQueriesContext(connection) as many:
        assert len(listed(onsched("GET", path))) == 6
    assert len(many) == len(few)


# Unavailability


@pytest.fixture
def look(onsched, dana, at):
    """Ask what takes Dana's time on the day: ``look(LocationIds=…)`` asks of whom else."""

    def look(**changes):
        query = {"ResourceIds": dana.pk, "startDate": utc(at(8)), "endDate": utc(at(18)), **changes}
        return onsched("GET", "/unavailability", query={name: value for name, value in query.items() if value})

    return look


def busy(start, end, source, entity, reason):
    kind = "location" if isinstance(entity, Location) else "resource"
    return {
        "start_time": utc(start),
        "end_time": utc(end),
        "source": source,
        "entity_type": kind,
        "entity_id": str(entity.pk),
        "reasons": [reason],
    }


def test_onsched_unavailability_names_the_source_of_each_stretch(look, dana, harbour, book, hold_time, at, day):
    book(at(9))
    hold_time(at(10))
    TimeOff.objects.create(clinician=dana, starts_at=at(11), ends_at=at(12), reason="Dentist")
    TimeOff.objects.create(location=harbour, starts_at=at(16), ends_at=at(20), reason="Party")
    calendar = Calendar.objects.create(
        clinician=dana,
        name="Own",
        url="https://a.example/",
        last_synced_at=timezone.now(),
        read_until=at(9) + timedelta(days=2),
    )
    stretch = [(as_instant(at(14)), as_instant(at(14, 20)))]
    BusyDay.objects.create(
        calendar=calendar, clinician=dana, day=at(14).astimezone(UTC).date(), stretches=pack(stretch)
    )

    assert data(look()) == [
        busy(at(9), at(9, 30), "appointment", dana, "taken"),
        busy(at(10), at(10, 30), "appointment", dana, "held"),
        busy(at(11), at(12), "block", dana, "time-off"),
        busy(at(14), at(14, 20), "external", dana, "calendar-busy"),
        busy(at(16), at(18), "holiday", harbour, "closed"),
    ]
    assert data(look(ResourceIds=None, LocationIds=harbour.pk)) == data(look())
    assert data(look(ResourceIds=None, ServiceId=dana.services.get().pk)) == data(look())
    assert data(look(startDate=str(day), endDate=str(day)))[-1] == busy(at(16), at(20), "holiday", harbour, "closed")


def test_onsched_unavailability_is_of_those_asked_for(look, dana, faye, mill, scan, hold_time, at):
    hold_time(at(9))
    TimeOff.objects.create(clinician=faye, starts_at=at(11), ends_at=at(12))
    hers = [busy(at(11), at(12), "block", faye, "time-off")]
    assert data(look(ResourceIds=faye.pk)) == hers
    assert data(look(ResourceIds=None, LocationIds=mill.pk)) == hers
    assert data(look(ResourceIds=None, ServiceId=scan.pk)) == hers
    assert data(look(ResourceIds=dana.pk, ServiceId=scan.pk)) == []


def test_onsched_unavailability_of_a_calendar_that_cannot_be_read_is_told(look, dana, at):
    Calendar.objects.create(clinician=dana, name="Own", url="https://a.example/")
    assert data(look()) == [busy(at(8), at(18), "external", dana, "calendar-unreachable")]


def test_onsched_unavailability_includes_buffers_and_no_lapsed_hold(look, dana, consultation, hold_time, at):
    consultation.buffer_after = timedelta(minutes=15)
    consultation.save()
    hold_time(at(9))
    hold_time(at(11), lifetime=timedelta(microseconds=1))
    assert data(look()) == [busy(at(9), at(9, 45), "appointment", dana, "held")]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"ResourceIds": None}, "ResourceIds"),
        ({"ResourceIds": NOWHERE}, "ResourceIds"),
        ({"LocationIds": "x"}, "LocationIds.0"),
        ({"ServiceId": NOWHERE}, "ServiceId"),
        ({"startDate": None}, "startDate"),
        ({"startDate": "2026-01-01", "endDate": "2026-02-01"}, "endDate"),
        ({"startDate": "2026-01-02", "endDate": "2026-01-01"}, "endDate"),
    ],
)
def test_onsched_invalid_unavailability_query_is_400(look, change, field):
    response = look(**change)
    assert refused(response, 400, "validation")
    assert [error["field"] for error in response.json()["errors"]] == [field]
