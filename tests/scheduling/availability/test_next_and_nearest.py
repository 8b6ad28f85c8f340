"""The next free time, and the times nearest to one that is gone. Dana works 9 to 12 and 13 to 17."""

from datetime import timedelta

import pytest

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import find_nearest_openings, find_next_opening
from scheduling.models import TimeOff
from tests.conftest import make_clinician

DAY = timedelta(days=1)


@pytest.fixture
def next_start(consultation, at):
    """The start of the next opening, or None."""

    def next_start(*, now=None, after=None, **filters):
        opening = find_next_opening(OpeningFilters(consultation, **filters), now=now or at(0), after=after)
        return opening and opening.starts_at

    return next_start


@pytest.fixture
def nearest(consultation, at):
    """The starts of the three openings nearest to a time."""

    def nearest(near, *, limit=3):
        openings = find_nearest_openings(OpeningFilters(consultation), near=near, now=at(0), limit=limit)
        return [opening.starts_at for opening in openings]

    return nearest


# Next


def test_the_next_opening_is_the_first_from_now(dana, next_start, at):
    assert next_start() == at(9)
    assert next_start(now=at(11, 31)) == at(13)


def test_the_next_opening_can_be_asked_from_a_later_time_on(dana, next_start, at):
    assert next_start(after=at(16, 45)) == at(9) + DAY


@pytest.mark.parametrize("days", [13, 14, 40, 59])
def test_the_next_opening_is_found_after_a_long_absence(days, dana, next_start, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(0) + days * DAY)

    assert next_start(now=at(12)).date() == (at(9) + days * DAY).date()


def test_there_is_no_next_opening_beyond_the_horizon(dana, consultation, next_start, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(9) + consultation.horizon)

    assert next_start() is None


def test_next_opening_can_be_filtered_by_clinician(dana, harbour, consultation, next_start, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(16, 17)])

    assert next_start(clinician_ids=[otis.pk]) == at(16)


# Nearest


def test_the_nearest_openings_lie_on_both_sides_and_come_in_order(dana, nearest, at):
    assert nearest(at(14, 10)) == [at(13, 30), at(14), at(14, 30)]


def test_nearest_openings_skip_lunch(dana, nearest, at):
    assert nearest(at(12)) == [at(11), at(11, 30), at(13)]


def test_nearest_openings_prefer_earlier_of_equally_near(dana, nearest, at):
    assert nearest(at(10), limit=2) == [at(9, 30), at(10)]


def test_nearest_looks_two_weeks_far_when_the_day_before_and_after_are_full(dana, nearest, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(16, 30) + 10 * DAY)

    assert nearest(at(9)) == [at(16, 30) + 10 * DAY, at(9) + 11 * DAY, at(9, 30) + 11 * DAY]


def test_nearest_openings_list_each_start_once(dana, harbour, consultation, nearest, at):
    make_clinician("Ada Amber", location=harbour, services=[consultation])

    assert nearest(at(9, 30)) == [at(9), at(9, 30), at(10)]


def test_nearest_offers_fewer_when_there_are_fewer(dana, consultation, nearest, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9, 30), ends_at=at(23) + 60 * DAY)

    assert nearest(at(16)) == [at(9)]
