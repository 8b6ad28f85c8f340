"""Which clinician is assigned when the patient chooses none. Dana, Otis and Vera work 9 to 12 and 13 to 17."""

from collections import Counter
from datetime import datetime, time, timedelta
from itertools import count
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduling.availability.assignment import Assign, assign_clinicians, find_next_assigned, note_assignment
from scheduling.availability.openings import as_instant
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import find_next_opening, find_open_starts
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, ExtraHours, Location, Service, Slot, TimeOff, WorkingHours
from tests.conftest import make_clinician

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def otis(harbour, consultation):
    return make_clinician("Otis Hale", location=harbour, services=[consultation])


@pytest.fixture
def vera(harbour, consultation):
    return make_clinician("Vera Holm", location=harbour, services=[consultation])


@pytest.fixture
def day(day):
    """Return a Wednesday: the days around it are in the same week."""
    return day + timedelta(days=(2 - day.weekday()) % 7)


@pytest.fixture
def list_assigned(consultation, at):
    """Return a function that lists assigned openings between two times: (start, clinician, location, is remote)."""

    def list_assigned(start_at, end_at, how=Assign.BALANCED, ignored_slot_id=None):
        now = at(0) - 7 * DAY
        filters = OpeningFilters(consultation, ignored_slot_id=ignored_slot_id)
        found = find_open_starts(filters, start_at=start_at, end_at=end_at, now=now)
        return sorted(
            (start, place.clinician_name, place.location_name, place.is_remote)
            for place, starts in assign_clinicians(found, how, now=now, ignored_slot_id=ignored_slot_id)
            for start in starts
        )

    return list_assigned


@pytest.fixture
def get_assigned_name(list_assigned):
    """Return a function that returns the name of the clinician who is assigned a time."""

    def get_assigned_name(starts_at, **changes):
        [(_, name, _, _)] = list_assigned(starts_at, starts_at + MINUTE, **changes)
        return name

    return get_assigned_name


def take(clinician, location, starts_at, *, minutes=30, expires_at=None):
    return Slot.objects.create(
        clinician=clinician,
        location=location,
        period=(starts_at, starts_at + minutes * MINUTE),
        taken_at=database_now(),
        expires_at=expires_at,
    )


def test_assign_offers_one_clinician_per_start(dana, otis, vera, list_assigned, at):
    openings = list_assigned(at(9), at(12))

    assert [start for start, *_ in openings] == [as_instant(at(9) + n * 30 * MINUTE) for n in range(6)]


def test_assign_picks_only_free_clinician(dana, otis, harbour, get_assigned_name, at):
    take(otis, harbour, at(9))
    take(dana, harbour, at(10))
    take(dana, harbour, at(11))

    assert get_assigned_name(at(9)) == "Dana Reed"
    assert get_assigned_name(at(10)) == "Otis Hale"


def test_assign_picks_least_booked_clinician_of_week(dana, otis, vera, harbour, get_assigned_name, at):
    take(dana, harbour, at(15), minutes=60)
    take(otis, harbour, at(14) - 2 * DAY)
    take(otis, harbour, at(14) + 4 * DAY)
    take(vera, harbour, at(16) + DAY, minutes=90)

    assert get_assigned_name(at(9)) == "Dana Reed"  # by name: an hour, as much as Otis has
    take(dana, harbour, at(16), minutes=1)
    assert get_assigned_name(at(9)) == "Otis Hale"


@pytest.mark.parametrize("days", [-3, 5])
def test_assign_ignores_bookings_of_other_weeks(days, dana, otis, harbour, get_assigned_name, at):
    take(dana, harbour, at(9) + days * DAY)

    assert get_assigned_name(at(9)) == "Dana Reed"
    assert get_assigned_name(at(10) + days * DAY) == "Otis Hale"


def test_assign_ranks_each_week_separately(dana, otis, harbour, list_assigned, at):
    take(dana, harbour, at(8))
    take(otis, harbour, at(8) + 7 * DAY)

    openings = list_assigned(at(9), at(9) + 10 * DAY)

    next_week = as_instant(at(0) + 5 * DAY)
    assert {name for start, name, *_ in openings if start < next_week} == {"Otis Hale"}
    assert {name for start, name, *_ in openings if start >= next_week} == {"Dana Reed"}


def test_assign_starts_week_on_monday_in_local_time(dana, otis, harbour, consultation, get_assigned_name, at, day):
    """In Auckland it is Monday while in London it is still Sunday."""
    Location.objects.update(timezone="Pacific/Auckland")
    harbour.refresh_from_db()
    monday = datetime.combine(day - 2 * DAY, time(), harbour.zone)
    take(dana, harbour, monday - 30 * MINUTE)
    take(otis, harbour, monday)

    assert get_assigned_name(datetime.combine(day, time(9), harbour.zone)) == "Dana Reed"


def test_assign_counts_hold_until_it_lapses(dana, otis, harbour, get_assigned_name, at):
    hold = take(dana, harbour, at(14), expires_at=at(1))
    assert get_assigned_name(at(9)) == "Otis Hale"

    Slot.objects.filter(pk=hold.pk).update(expires_at=at(0) - 7 * DAY)
    assert get_assigned_name(at(9)) == "Dana Reed"


def test_assign_ignores_own_hold(dana, otis, harbour, get_assigned_name, at):
    hold = take(dana, harbour, at(14), expires_at=at(1))

    assert get_assigned_name(at(9), ignored_slot_id=hold.pk) == "Dana Reed"


def test_assign_picks_longest_unassigned_of_equals(dana, otis, vera, get_assigned_name, at):
    order = [dana, otis, vera, otis, dana, vera]
    names = []
    for clinician in order:
        names.append(get_assigned_name(at(9)))
        note_assignment(clinician.pk)

    assert names == ["Dana Reed", "Otis Hale", "Vera Holm", "Dana Reed", "Dana Reed", "Vera Holm"]
    assert get_assigned_name(at(9)) == "Otis Hale"


def test_assign_keeps_openings_of_locations_apart(dana, otis, harbour, consultation, list_assigned, at):
    quay = Location.objects.create(name="Quay", timezone="Europe/London", city="London")
    make_clinician("Ada Byrne", location=quay, services=[consultation])
    make_clinician("Bo Lind", location=quay, services=[consultation])

    assert [(name, location) for _, name, location, _ in list_assigned(at(9), at(9, 30))] == [
        ("Ada Byrne", "Quay"),
        ("Dana Reed", "Harbour Street"),
    ]


def test_assign_keeps_in_person_and_video_openings_apart(dana, otis, harbour, consultation, list_assigned, at):
    Service.objects.update(mode="both")
    consultation.refresh_from_db()
    for rule in WorkingHours.objects.filter(clinician=otis):
        rule.pk, rule.is_remote = None, True
        rule.save()

    assert [(name, is_remote) for _, name, _, is_remote in list_assigned(at(9), at(9, 30))] == [
        ("Dana Reed", False),
        ("Otis Hale", True),
    ]


def test_assign_random_gives_equal_chances(dana, otis, vera, list_assigned, at):
    openings = list_assigned(at(9), at(9) + 30 * DAY, how=Assign.RANDOM)

    assert len({start for start, *_ in openings}) == len(openings) == 30 * 14
    assert all(90 < number < 190 for number in Counter(name for _, name, *_ in openings).values())


def test_openings_without_assignment_offer_all_clinicians(dana, otis, vera, list_assigned, at):
    assert [name for _, name, *_ in list_assigned(at(9), at(9, 30), how=Assign.NONE)] == [
        "Dana Reed",
        "Otis Hale",
        "Vera Holm",
    ]


def test_assign_without_free_clinician_returns_nothing(consultation, list_assigned, at):
    assert list_assigned(at(9), at(12)) == []


@pytest.mark.parametrize(("how", "queries"), [(Assign.NONE, 2), (Assign.RANDOM, 2), (Assign.BALANCED, 3)])
def test_assign_costs_one_query_for_any_clinicians_and_weeks(
    how, queries, dana, otis, vera, list_assigned, at, django_assert_num_queries
):
    with django_assert_num_queries(queries):
        list_assigned(at(9), at(9) + 30 * DAY, how=how)


@pytest.mark.parametrize("how", [Assign.RANDOM, Assign.BALANCED])
def test_find_next_assigned_picks_among_free_clinicians(how, dana, otis, harbour, consultation, at):
    take(dana, harbour, at(9))
    take(otis, harbour, at(15))
    take(otis, harbour, at(16))

    filters = OpeningFilters(consultation)
    opening = find_next_assigned(filters, how, now=at(0))
    assert (opening.starts_at, opening.clinician_id) == (at(9), otis.pk)

    after = {find_next_assigned(filters, how, now=at(0), after=at(10)).clinician_id for _ in range(40)}
    assert after == {Assign.RANDOM: {dana.pk, otis.pk}, Assign.BALANCED: {dana.pk}}[how]


@pytest.mark.parametrize("how", [Assign.RANDOM, Assign.BALANCED])
def test_find_next_assigned_skips_opening_taken_concurrently(how, dana, harbour, consultation, at):
    with CaptureQueriesContext(connection) as finding:
        find_next_opening(OpeningFilters(consultation), now=at(0))
    queries = count(1)

    def take_before_assignment(execute, *query):
        if next(queries) == len(finding) + 1:
            take(dana, harbour, at(9))
        return execute(*query)

    with connection.execute_wrapper(take_before_assignment):
        opening = find_next_assigned(OpeningFilters(consultation), how, now=at(0))

    assert (opening.starts_at, opening.clinician_id) == (at(9, 30), dana.pk)


def test_find_next_assigned_without_opening_returns_none(consultation, at):
    assert find_next_assigned(OpeningFilters(consultation), Assign.BALANCED, now=at(0)) is None


def test_note_assignment_stores_database_time(dana):
    before = database_now()

    note_assignment(dana.pk)

    assert before < Clinician.objects.get().last_assigned_at < database_now()


# Fair for the hours that somebody has


@pytest.fixture
def monday(day):
    return day - 2 * DAY


@pytest.fixture
def mona(harbour, consultation, monday):
    """A clinician who works on Mondays only."""
    mona = make_clinician("Mona Finch", location=harbour, services=[consultation])
    mona.working_hours.exclude(weekday=0).delete()
    return mona


@pytest.fixture
def book_week(list_assigned, harbour, monday):
    """Return a function that books starts of the week, given as (day, number of the start), in that order.

    It returns how often each clinician was assigned: {(day, name): times}.
    """

    def book_week(wanted):
        clinicians = {clinician.name: clinician for clinician in Clinician.objects.all()}
        counts = Counter()
        for number, start in wanted:
            begins = datetime.combine(monday + number * DAY, time(9 + start // 2, start % 2 * 30), harbour.zone)
            [(_, name, _, _)] = list_assigned(begins, begins + MINUTE)
            take(clinicians[name], harbour, begins)
            note_assignment(clinicians[name].pk)
            counts[number, name] += 1
        return counts

    return book_week


STARTS = [start for start in range(16) if start // 2 != 3]  # not at noon


@pytest.mark.parametrize("order", ["mondays first", "mondays last", "shuffled"])
def test_clinician_of_mondays_gets_a_share_of_mondays(order, dana, otis, mona, book_week):
    """Of 28 bookings on Monday and as many on Tuesday to Friday, by whom all have 14 starts a day."""
    mondays = [(0, start) for start in STARTS * 2]
    others = [(number, start) for number in range(1, 5) for start in STARTS[number % 2 :: 2]]
    wanted = {"mondays first": mondays + others, "mondays last": others + mondays, "shuffled": mondays + others}[order]
    if order == "shuffled":
        Random(7).shuffle(wanted)

    counts = book_week(wanted)

    on_monday = {name: counts[0, name] for name in ("Dana Reed", "Otis Hale", "Mona Finch")}
    assert sum(on_monday.values()) == 28
    assert all(9 <= number <= 10 for number in on_monday.values()), on_monday
    in_week = {name: sum(counts[day, name] for day in range(5)) for name in ("Dana Reed", "Otis Hale")}
    assert abs(in_week["Dana Reed"] - in_week["Otis Hale"]) <= 1, in_week


def test_clinician_with_half_the_hours_of_each_day_gets_half_as_much(dana, otis, book_week):
    otis.working_hours.filter(start_time__gte=time(13)).delete()
    otis.working_hours.update(end_time=time(12, 30))

    counts = book_week([(number, start) for start in range(6) for number in range(5)])

    assert sum(counts[day, "Otis Hale"] for day in range(5)) == 10
    assert sum(counts[day, "Dana Reed"] for day in range(5)) == 20


def test_clinician_of_weight_two_gets_twice_as_much(dana, otis, book_week):
    Clinician.objects.filter(pk=otis.pk).update(weight=2)

    counts = book_week([(number, start) for start in range(6) for number in range(5)])

    assert sum(counts[day, "Otis Hale"] for day in range(5)) == 20


def test_extra_hours_count_and_time_off_does_not(dana, otis, harbour, monday, book_week):
    """Each has two days: Dana two mornings as Otis has, who is away on the other days."""
    WorkingHours.objects.all().delete()
    for clinician in (dana, otis):
        for number in range(2):
            ExtraHours.objects.create(
                clinician=clinician,
                location=harbour,
                date=monday + number * DAY,
                start_time=time(9),
                end_time=time(12),
            )
    WorkingHours.objects.bulk_create(
        WorkingHours(clinician=otis, location=harbour, weekday=number, start_time=time(9), end_time=time(12))
        for number in range(2, 5)
    )
    away = datetime.combine(monday + 2 * DAY, time(), harbour.zone)
    TimeOff.objects.create(clinician=otis, starts_at=away, ends_at=away + 3 * DAY)

    counts = book_week([(number, start) for start in range(6) for number in range(2)])

    assert {name: counts[0, name] + counts[1, name] for name in ("Dana Reed", "Otis Hale")} == {
        "Dana Reed": 6,
        "Otis Hale": 6,
    }
