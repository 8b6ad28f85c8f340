"""The next opening, and the openings nearest to a taken time. Dana works 9 to 12 and 13 to 17."""

from datetime import timedelta

import pytest

from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import find_nearest_openings, find_next_opening
from scheduling.models import TimeOff
from tests.conftest import make_clinician

DAY = timedelta(days=1)


@pytest.fixture
def get_next_start(consultation, at):
    """Return a function that returns the start of the next opening, or None."""

    def get_next_start(*, now=None, after=None, **filters):
        opening = find_next_opening(OpeningFilters(consultation, **filters), now=now or at(0), after=after)
        return opening and opening.starts_at

    return get_next_start


@pytest.fixture
def list_nearest_starts(consultation, at):
    """Return a function that returns the starts of the three openings nearest to a time."""

    def list_nearest_starts(near, *, limit=3):
        openings = find_nearest_openings(OpeningFilters(consultation), near=near, now=at(0), limit=limit)
        return [opening.starts_at for opening in openings]

    return list_nearest_starts


# Next


def test_next_opening_is_first_from_now(dana, get_next_start, at):
    assert get_next_start() == at(9)
    assert get_next_start(now=at(11, 31)) == at(13)


def test_next_opening_after_given_time_is_found(dana, get_next_start, at):
    assert get_next_start(after=at(16, 45)) == at(9) + DAY


@pytest.mark.parametrize("days", [13, 14, 40, 59])
def test_next_opening_after_long_absence_is_found(days, dana, get_next_start, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(0) + days * DAY)

    assert get_next_start(now=at(12)).date() == (at(9) + days * DAY).date()


def test_next_opening_beyond_horizon_is_none(dana, consultation, get_next_start, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(9) + consultation.horizon)

    assert get_next_start() is None


def test_next_opening_can_be_filtered_by_clinician(dana, harbour, consultation, get_next_start, at):
    otis = make_clinician("Otis Hale", location=harbour, services=[consultation], hours=[(16, 17)])

    assert get_next_start(clinician_ids=[otis.pk]) == at(16)


# Nearest


def test_nearest_openings_lie_on_both_sides_in_order(dana, list_nearest_starts, at):
    assert list_nearest_starts(at(14, 10)) == [at(13, 30), at(14), at(14, 30)]


def test_nearest_openings_skip_lunch(dana, list_nearest_starts, at):
    assert list_nearest_starts(at(12)) == [at(11), at(11, 30), at(13)]


def test_nearest_openings_prefer_earlier_of_equally_near(dana, list_nearest_starts, at):
    assert list_nearest_starts(at(10), limit=2) == [at(9, 30), at(10)]


def test_nearest_openings_beside_full_days_are_found_within_two_weeks(dana, list_nearest_starts, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(0), ends_at=at(16, 30) + 10 * DAY)

    assert list_nearest_starts(at(9)) == [at(16, 30) + 10 * DAY, at(9) + 11 * DAY, at(9, 30) + 11 * DAY]


def test_nearest_openings_list_each_start_once(dana, harbour, consultation, list_nearest_starts, at):
    make_clinician("Ada Amber", location=harbour, services=[consultation])

    assert list_nearest_starts(at(9, 30)) == [at(9), at(9, 30), at(10)]


def test_nearest_openings_are_fewer_than_limit_when_scarce(dana, consultation, list_nearest_starts, at):
    TimeOff.objects.create(clinician=dana, starts_at=at(9, 30), ends_at=at(23) + 60 * DAY)

    assert list_nearest_starts(at(16)) == [at(9)]
