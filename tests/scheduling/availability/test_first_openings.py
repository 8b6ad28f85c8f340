"""The first opening of every service at once."""

from datetime import timedelta

from scheduling.availability.first_openings import Way, find_first_openings
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import find_next_opening
from scheduling.models import Location, Service, WorkingHours
from tests.conftest import make_clinician


def test_first_openings_are_those_that_are_found_one_by_one(consultation, dana, harbour, hold_time, at):
    services = [
        consultation,
        Service.objects.create(name="Long", slug="long", mode="both", duration=timedelta(hours=3)),
        Service.objects.create(name="Late", slug="late", notice=timedelta(days=30), buffer_after=timedelta(hours=1)),
        Service.objects.create(name="Beyond", slug="beyond", notice=timedelta(days=5), horizon=timedelta(days=4)),
    ]
    hudson = Location.objects.create(name="Hudson Square", timezone="America/New_York", city="New York")
    otis = make_clinician("Otis Hale", location=hudson, services=services[1:], hours=[(9, 12)])
    make_clinician("Zoe Adler", location=hudson, services=services, hours=[(8, 18)])
    WorkingHours.objects.filter(clinician=otis).update(is_remote=True)
    dana.services.set(services)
    hold_time(at(9))
    now = at(8)

    first = find_first_openings(services, now=now)

    for service in services:
        for way, start in first[service.pk].items():
            filters = OpeningFilters(service, location_id=way.location_id, is_remote=way.is_remote)
            opening = find_next_opening(filters, now=now)
            assert (opening and opening.start) == start
    assert set(first[consultation.pk]) == {Way(harbour.pk, False), Way(hudson.pk, False)}
    assert Way(hudson.pk, True) in first[services[1].pk]
    assert set(first[services[3].pk].values()) == {None}


def test_service_that_nobody_gives_has_no_first_opening(consultation, dana, harbour, at):
    nobody = Service.objects.create(name="Leeches", slug="leeches")
    by_video = Service.objects.create(name="Call", slug="call", mode="remote")
    dana.services.add(by_video)  # who works at the clinic only

    assert set(find_first_openings([consultation, nobody, by_video], now=at(8))) == {consultation.pk}

    WorkingHours.objects.update(valid_until=at(8).date() - timedelta(days=2))
    assert find_first_openings([consultation], now=at(8)) == {}


def test_number_of_queries_does_not_depend_on_services(django_assert_num_queries, consultation, dana, at):
    services = [consultation, *(Service.objects.create(name=str(n), slug=f"n-{n}") for n in range(5))]
    dana.services.set(services)

    with django_assert_num_queries(2):
        find_first_openings(services, now=at(8))
