"""Which times a clinic offers: whose, where, how, and how soon. Dana works 9 to 12 and 13 to 17."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Opening, open_times
from scheduling.models import Location, Service, TimeOff, WorkingHours
from scheduling.slots import free_slot, take_slot
from tests.conftest import make_clinician

MORNING = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
AFTERNOON = ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"]


@pytest.fixture
def list_offered(consultation, at):
    """Return a function that lists the day's offered starts as wall times, seen from its midnight."""

    def list_offered(*, start_at=None, end_at=None, now=None, **filters):
        openings = open_times(
            OpeningFilters(consultation, **filters),
            start_at=start_at or at(0),
            end_at=end_at or at(23, 59),
            now=now or at(0),
        )
        return [wall(opening) for opening in openings]

    return list_offered


def wall(opening):
    return opening.starts_at.astimezone(ZoneInfo("Europe/London")).strftime("%H:%M")


def take(clinician, location, start, end):
    return take_slot(clinician=clinician, location=location, period=DateTimeTZRange(start, end))


def test_open_times_offers_whole_free_day(dana, list_offered):
    assert list_offered() == MORNING + AFTERNOON


def test_opening_has_clinician_location_time_and_mode(dana, harbour, consultation, at):
    [opening] = open_times(OpeningFilters(consultation), start_at=at(9), end_at=at(9, 1), now=at(0))

    nine = int(at(9).timestamp())
    assert opening == Opening(nine, nine + 1800, dana.pk, harbour.pk, False)
    assert (opening.starts_at, opening.ends_at) == (at(9), at(9, 30))


def test_open_times_range_excludes_its_end(dana, list_offered, at):
    assert list_offered(start_at=at(9, 30), end_at=at(10, 30)) == ["09:30", "10:00"]


def test_open_times_of_empty_range_is_empty(dana, list_offered, at):
    assert list_offered(start_at=at(9), end_at=at(9)) == list_offered(start_at=at(10), end_at=at(9)) == []


# Taken time


def test_taken_time_is_not_offered_until_it_is_freed(dana, harbour, list_offered, at):
    slot = take(dana, harbour, at(9), at(16, 30))
    assert list_offered() == ["16:30"]

    free_slot(slot.pk)
    assert list_offered() == MORNING + AFTERNOON


def test_ignored_slot_does_not_hide_its_time(dana, harbour, list_offered, at):
    mine = take(dana, harbour, at(9), at(9, 30))
    take(dana, harbour, at(9, 30), at(16, 30))

    assert list_offered() == ["16:30"]
    assert list_offered(ignored_slot_id=mine.pk) == ["09:00", "16:30"]


def test_held_time_is_not_offered_until_hold_lapses(dana, hold_time, list_offered, at):
    hold = hold_time(at(9))

    assert list_offered(now=hold.created_at)[:1] == ["09:30"]
    assert list_offered(now=hold.expires_at)[:1] == ["09:00"]


def test_taken_time_is_taken_at_all_locations(dana, harbour, consultation, list_offered, at):
    other = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    take(dana, other, at(9), at(16, 30))

    assert list_offered(location_id=harbour.pk) == ["16:30"]


def test_taken_time_of_one_clinician_leaves_the_other_free(dana, harbour, consultation, list_offered, at):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    take(dana, harbour, at(9), at(17))

    assert list_offered() == ["09:00", "09:30"]


def test_buffers_keep_their_distance_from_taken_time(dana, harbour, consultation, list_offered, at):
    consultation.buffer_before, consultation.buffer_after = timedelta(minutes=10), timedelta(minutes=30)
    take(dana, harbour, at(10, 30), at(16))

    assert list_offered() == ["09:00", "09:30", "16:30"]


def test_slot_that_began_long_before_range_blocks_its_time(dana, harbour, list_offered, at):
    take(dana, harbour, at(18) - timedelta(days=1), at(16, 30))

    assert list_offered(start_at=at(16)) == ["16:30"]


# Time off


def test_time_off_of_clinician_is_not_offered(dana, list_offered, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9, 10), ends_at=at(16))

    assert list_offered() == ["16:00", "16:30"]


def test_time_off_of_location_applies_to_all_clinicians(dana, harbour, consultation, list_offered, at):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(8, 18)])
    TimeOff.objects.create(location=harbour, starts_at=at(0), ends_at=at(17, 30))

    assert list_offered() == ["17:30"]


def test_time_off_of_others_changes_nothing(dana, harbour, consultation, list_offered, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[], hours=[])
    elsewhere = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    TimeOff.objects.create(clinician=otis, starts_at=at(0), ends_at=at(23))
    TimeOff.objects.create(location=elsewhere, starts_at=at(0), ends_at=at(23))

    assert list_offered() == MORNING + AFTERNOON


# Notice and horizon


def test_notice_counts_from_now_to_the_second(dana, consultation, list_offered, at):
    consultation.notice = timedelta(hours=1)

    assert list_offered(now=at(15, 30))[:1] == ["16:30"]
    assert list_offered(now=at(15, 30) + timedelta(microseconds=1)) == []


def test_horizon_excludes_its_end(dana, consultation, list_offered, at):
    consultation.horizon = timedelta(hours=1)

    assert list_offered(now=at(8, 30)) == ["09:00"]
    assert list_offered(now=at(8, 30) + timedelta(microseconds=1)) == ["09:00", "09:30"]


def test_past_time_is_not_offered(dana, list_offered, at):
    assert list_offered(now=at(16, 1)) == ["16:30"]


# Filters, modes, inactive rows


@pytest.fixture
def otis(consultation, dana):
    """Return Otis, who gives consultations at Mill Lane from 8 to 9, and by video from 10 to 11."""
    mill = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    otis = make_clinician("Otis Hale", location=mill, services=[consultation], hours=[(8, 9)])
    WorkingHours.objects.bulk_create(
        WorkingHours(
            clinician=otis,
            location=mill,
            weekday=weekday,
            start_time=time(10),
            end_time=time(11),
            is_remote=True,
        )
        for weekday in range(7)
    )
    return otis


def test_openings_of_several_clinicians_are_sorted_by_time(dana, otis, list_offered):
    assert list_offered()[:4] == ["08:00", "08:30", "09:00", "09:30"]


def test_openings_can_be_filtered_by_clinicians(dana, otis, list_offered):
    assert list_offered(clinician_ids=[otis.pk]) == ["08:00", "08:30"]
    assert list_offered(clinician_ids=[dana.pk, otis.pk]) == list_offered()
    assert list_offered(clinician_ids=[]) == []


def test_openings_can_be_filtered_by_location(dana, harbour, otis, list_offered):
    assert list_offered(location_id=harbour.pk) == MORNING + AFTERNOON


def test_remote_hours_offer_remote_services_only(otis, consultation, list_offered):
    consultation.mode = Service.Mode.REMOTE
    assert list_offered(clinician_ids=[otis.pk]) == ["10:00", "10:30"]

    consultation.mode = Service.Mode.BOTH
    assert list_offered(clinician_ids=[otis.pk]) == ["08:00", "08:30", "10:00", "10:30"]
    assert list_offered(clinician_ids=[otis.pk], is_remote=True) == ["10:00", "10:30"]
    assert list_offered(clinician_ids=[otis.pk], is_remote=False) == ["08:00", "08:30"]


def test_in_person_service_is_not_offered_by_video(otis, list_offered):
    assert list_offered(is_remote=True) == []


def test_hours_are_local_time_of_location(consultation, list_offered, at, day):
    denver = ZoneInfo("America/Denver")
    office = Location.objects.create(name="Denver", city="Denver", timezone="America/Denver")
    make_clinician("Ines Vega", location=office, services=[consultation], hours=[(9, 10)])
    nine = datetime.combine(day, time(9), denver)

    openings = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(23), now=at(0))

    assert [opening.starts_at for opening in openings] == [nine, nine + timedelta(minutes=30)]


@pytest.mark.parametrize("thing", ["dana", "harbour", "consultation"])
def test_inactive_clinician_location_or_service_offers_nothing(thing, request, dana, list_offered):
    switched_off = request.getfixturevalue(thing)
    switched_off.is_active = False
    switched_off.save()

    assert list_offered() == []


def test_clinician_without_service_offers_nothing(dana, list_offered):
    dana.services.clear()

    assert list_offered() == []


# Queries


def test_open_times_takes_two_queries_for_any_number_of_clinicians(
    dana, harbour, consultation, list_offered, django_assert_num_queries
):
    with django_assert_num_queries(2):
        list_offered()

    for number in range(19):
        make_clinician(f"Clinician {number}", location=harbour, services=[consultation])
    with django_assert_num_queries(2):
        assert len(list_offered()) == 20 * len(MORNING + AFTERNOON)


# Hours around midnight


def test_opening_across_midnight_is_offered_in_any_range(harbour, consultation, at, list_offered):
    night = make_clinician("Nora Night", location=harbour, services=[consultation], hours=[])
    for weekday in range(7):
        for start, end in ((time(23, 15), time(0)), (time(0), time(1))):
            WorkingHours.objects.create(
                clinician=night, location=harbour, weekday=weekday, start_time=start, end_time=end
            )

    assert list_offered(start_at=at(23), end_at=at(23, 59)) == ["23:15", "23:45"]
    assert list_offered(start_at=at(23), end_at=at(23, 59) + timedelta(hours=12))[:2] == ["23:15", "23:45"]
