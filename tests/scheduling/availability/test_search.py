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
def offered(consultation, at):
    """The starts offered on the day, seen from its midnight, as wall times."""

    def offered(*, start_at=None, end_at=None, now=None, **filters):
        openings = open_times(
            OpeningFilters(consultation, **filters),
            start_at=start_at or at(0),
            end_at=end_at or at(23, 59),
            now=now or at(0),
        )
        return [wall(opening) for opening in openings]

    return offered


def wall(opening):
    return opening.starts_at.astimezone(ZoneInfo("Europe/London")).strftime("%H:%M")


def take(clinician, location, start, end):
    return take_slot(clinician=clinician, location=location, period=DateTimeTZRange(start, end))


def test_open_times_offers_whole_free_day(dana, offered):
    assert offered() == MORNING + AFTERNOON


def test_opening_has_clinician_location_time_and_mode(dana, harbour, consultation, at):
    [opening] = open_times(OpeningFilters(consultation), start_at=at(9), end_at=at(9, 1), now=at(0))

    nine = int(at(9).timestamp())
    assert opening == Opening(nine, nine + 1800, dana.pk, harbour.pk, False)
    assert (opening.starts_at, opening.ends_at) == (at(9), at(9, 30))


def test_open_times_range_excludes_its_end(dana, offered, at):
    assert offered(start_at=at(9, 30), end_at=at(10, 30)) == ["09:30", "10:00"]


def test_open_times_of_empty_range_is_empty(dana, offered, at):
    assert offered(start_at=at(9), end_at=at(9)) == offered(start_at=at(10), end_at=at(9)) == []


# Taken time


def test_taken_time_is_not_offered_until_it_is_freed(dana, harbour, offered, at):
    slot = take(dana, harbour, at(9), at(16, 30))
    assert offered() == ["16:30"]

    free_slot(slot.pk)
    assert offered() == MORNING + AFTERNOON


def test_ignored_slot_does_not_hide_its_time(dana, harbour, offered, at):
    mine = take(dana, harbour, at(9), at(9, 30))
    take(dana, harbour, at(9, 30), at(16, 30))

    assert offered() == ["16:30"]
    assert offered(ignored_slot_id=mine.pk) == ["09:00", "16:30"]


def test_time_that_is_held_is_not_offered_until_the_hold_lapses(dana, hold_time, offered, at):
    hold = hold_time(at(9))

    assert offered(now=hold.created_at)[:1] == ["09:30"]
    assert offered(now=hold.expires_at)[:1] == ["09:00"]


def test_time_is_taken_wherever_the_clinician_sees_patients(dana, harbour, consultation, offered, at):
    other = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    take(dana, other, at(9), at(16, 30))

    assert offered(location_id=harbour.pk) == ["16:30"]


def test_taken_time_of_one_clinician_leaves_the_other_free(dana, harbour, consultation, offered, at):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(9, 10)])
    take(dana, harbour, at(9), at(17))

    assert offered() == ["09:00", "09:30"]


def test_buffers_keep_their_distance_from_taken_time(dana, harbour, consultation, offered, at):
    consultation.buffer_before, consultation.buffer_after = timedelta(minutes=10), timedelta(minutes=30)
    take(dana, harbour, at(10, 30), at(16))

    assert offered() == ["09:00", "09:30", "16:30"]


def test_a_taken_stretch_that_began_long_before_the_range_still_counts(dana, harbour, offered, at):
    take(dana, harbour, at(18) - timedelta(days=1), at(16, 30))

    assert offered(start_at=at(16)) == ["16:30"]


# Time off


def test_a_clinicians_time_off_is_not_offered(dana, offered, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9, 10), ends_at=at(16))

    assert offered() == ["16:00", "16:30"]


def test_a_closed_location_closes_it_for_everyone(dana, harbour, consultation, offered, at):
    make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(8, 18)])
    TimeOff.objects.create(location=harbour, starts_at=at(0), ends_at=at(17, 30))

    assert offered() == ["17:30"]


def test_time_off_of_others_changes_nothing(dana, harbour, consultation, offered, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[], hours=[])
    elsewhere = Location.objects.create(name="Mill Lane", city="Leeds", timezone="Europe/London")
    TimeOff.objects.create(clinician=otis, starts_at=at(0), ends_at=at(23))
    TimeOff.objects.create(location=elsewhere, starts_at=at(0), ends_at=at(23))

    assert offered() == MORNING + AFTERNOON


# Notice and horizon


def test_notice_counts_from_now_to_the_second(dana, consultation, offered, at):
    consultation.notice = timedelta(hours=1)

    assert offered(now=at(15, 30))[:1] == ["16:30"]
    assert offered(now=at(15, 30) + timedelta(microseconds=1)) == []


def test_the_horizon_ends_just_before_its_last_instant(dana, consultation, offered, at):
    consultation.horizon = timedelta(hours=1)

    assert offered(now=at(8, 30)) == ["09:00"]
    assert offered(now=at(8, 30) + timedelta(microseconds=1)) == ["09:00", "09:30"]


def test_past_time_is_not_offered(dana, offered, at):
    assert offered(now=at(16, 1)) == ["16:30"]


# Filters, modes, and what is switched off


@pytest.fixture
def otis(consultation, dana):
    """Gives consultations at Mill Lane from 8 to 9, and by video from 10 to 11."""
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


def test_openings_of_several_clinicians_are_sorted_by_time(dana, otis, offered):
    assert offered()[:4] == ["08:00", "08:30", "09:00", "09:30"]


def test_openings_can_be_filtered_by_clinicians(dana, otis, offered):
    assert offered(clinician_ids=[otis.pk]) == ["08:00", "08:30"]
    assert offered(clinician_ids=[dana.pk, otis.pk]) == offered()
    assert offered(clinician_ids=[]) == []


def test_openings_can_be_filtered_by_location(dana, harbour, otis, offered):
    assert offered(location_id=harbour.pk) == MORNING + AFTERNOON


def test_hours_by_video_are_for_services_by_video(otis, consultation, offered):
    consultation.mode = Service.Mode.REMOTE
    assert offered(clinician_ids=[otis.pk]) == ["10:00", "10:30"]

    consultation.mode = Service.Mode.BOTH
    assert offered(clinician_ids=[otis.pk]) == ["08:00", "08:30", "10:00", "10:30"]
    assert offered(clinician_ids=[otis.pk], is_remote=True) == ["10:00", "10:30"]
    assert offered(clinician_ids=[otis.pk], is_remote=False) == ["08:00", "08:30"]


def test_by_video_nothing_is_offered_of_a_service_in_person(otis, offered):
    assert offered(is_remote=True) == []


def test_hours_are_wall_time_where_the_clinician_is(consultation, offered, at, day):
    denver = ZoneInfo("America/Denver")
    office = Location.objects.create(name="Denver", city="Denver", timezone="America/Denver")
    make_clinician("Ines Vega", location=office, services=[consultation], hours=[(9, 10)])
    nine = datetime.combine(day, time(9), denver)

    openings = open_times(OpeningFilters(consultation), start_at=at(0), end_at=at(23), now=at(0))

    assert [opening.starts_at for opening in openings] == [nine, nine + timedelta(minutes=30)]


@pytest.mark.parametrize("thing", ["dana", "harbour", "consultation"])
def test_inactive_clinician_location_or_service_offers_nothing(thing, request, dana, offered):
    switched_off = request.getfixturevalue(thing)
    switched_off.is_active = False
    switched_off.save()

    assert offered() == []


def test_clinician_without_service_offers_nothing(dana, offered):
    dana.services.clear()

    assert offered() == []


# How much it asks of the database


def test_open_times_takes_two_queries_for_any_number_of_clinicians(
    dana, harbour, consultation, offered, django_assert_num_queries
):
    with django_assert_num_queries(2):
        offered()

    for number in range(19):
        make_clinician(f"Clinician {number}", location=harbour, services=[consultation])
    with django_assert_num_queries(2):
        assert len(offered()) == 20 * len(MORNING + AFTERNOON)


# Hours around midnight


def test_an_appointment_across_midnight_is_offered_whatever_the_range(harbour, consultation, at, offered):
    night = make_clinician("Nora Night", location=harbour, services=[consultation], hours=[])
    for weekday in range(7):
        for start, end in ((time(23, 15), time(0)), (time(0), time(1))):
            WorkingHours.objects.create(
                clinician=night, location=harbour, weekday=weekday, start_time=start, end_time=end
            )

    assert offered(start_at=at(23), end_at=at(23, 59)) == ["23:15", "23:45"]
    assert offered(start_at=at(23), end_at=at(23, 59) + timedelta(hours=12))[:2] == ["23:15", "23:45"]
