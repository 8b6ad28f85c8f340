"""The clinic's diary: who works at a location, who comes, and what is free."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking.domain.diary import Block, Column, count_visits, list_columns
from booking.models import Appointment, Hold
from scheduling.availability.openings import as_instant
from scheduling.lib.clock import database_now
from scheduling.models import Location, TimeOff
from tests.conftest import make_clinician

LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def read(harbour, day):
    """Return the columns of the day at Harbour Street."""

    def read(first=day, last=None, *, location=harbour, **options):
        rows = {"appointments": Appointment.objects.exclude(status="cancelled"), "holds": Hold.objects.all()}
        return list_columns(location, first, last or first, now=database_now(), **rows, **options)

    return read


def test_column_has_hours_visits_holds_and_what_is_left(read, book, hold_time, at, day, dana, harbour):
    visit, hold = book(at(10)), hold_time(at(11))
    TimeOff.objects.create(clinician=dana, starts_at=at(14), ends_at=at(15), reason="Dentist")

    [column] = read()

    def instants(*hours):
        return [tuple(as_instant(at(hour // 100, hour % 100)) for hour in pair) for pair in hours]

    assert column == Column(
        clinician_id=dana.pk,
        clinician_name="Dana Reed",
        day=day,
        day_start=as_instant(at(0)),
        day_end=as_instant(at(0) + timedelta(days=1)),
        hours=instants((900, 1200), (1300, 1700)),
        free=instants((900, 1000), (1030, 1100), (1130, 1200), (1300, 1400), (1500, 1700)),
        blocks=[Block(*instants((1400, 1500))[0], "time-off", "Dentist")],
        appointments=[visit],
        holds=[hold],
    )


def test_holiday_of_location_blocks_every_column(read, at, dana, harbour, consultation):
    make_clinician("Otis Hale", location=harbour, services=[consultation])
    TimeOff.objects.create(location=harbour, starts_at=at(0), ends_at=at(23), reason="Bank holiday")

    assert [(column.clinician_name, column.free, column.blocks[0].note) for column in read()] == [
        ("Dana Reed", [], "Bank holiday"),
        ("Otis Hale", [], "Bank holiday"),
    ]


def test_visit_elsewhere_is_a_block_without_a_name(read, book, at, dana, harbour):
    mill = Location.objects.create(name="Mill Lane", city="London", timezone="Europe/London")
    visit = book(at(9))
    Appointment.objects.filter(pk=visit.pk).update(location=mill)

    [here], [there] = read(), read(location=mill)

    assert here.appointments == []
    assert here.blocks == [Block(as_instant(at(9)), as_instant(at(9, 30)), "elsewhere")]
    assert (there.hours, there.appointments) == ([], [visit])


def test_only_wanted_clinician_has_a_column_for_each_day(read, dana, bea, day):
    columns = read(day, day + timedelta(days=1), clinician_ids=[bea.pk])

    assert [(column.clinician_name, column.hours) for column in columns] == []


def test_day_of_25_hours_begins_and_ends_at_midnight(read, dana):
    [column] = read(date(2027, 10, 31))

    assert column.day_end - column.day_start == 25 * 3600
    assert column.hours[0][0] == as_instant(datetime.combine(date(2027, 10, 31), time(9), LONDON))


def test_visits_of_a_month_are_counted_by_local_date(book, at, day, harbour, desk):
    book(at(9))
    Appointment.objects.update(status="reserved")

    counts = count_visits(harbour, day, day, appointments=Appointment.objects.all())

    assert counts == {day: {"visits": 1, "tentative": 1}}
