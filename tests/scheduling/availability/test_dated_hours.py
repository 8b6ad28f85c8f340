"""Hours that are not every week's: on one date, from a date until another, every n-th week."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.availability.openings import Hours, compute_working_time, find_overlap
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, explain, find_next_opening, open_times
from scheduling.models import ExtraHours, Location, WorkingHours
from scheduling.overlapping_hours import OverlappingHours, check_overlap

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
DAY = timedelta(days=1)
MONDAY = date(2026, 6, 15)
SATURDAY = date(2026, 12, 19)
NOW = datetime(2026, 12, 1, tzinfo=LONDON)


def mondays(**validity):
    return Hours(0, time(9), time(12), **validity)


def list_days(rule, *, weeks=6):
    """Return the dates from MONDAY on that have working time."""
    spells = compute_working_time((rule,), LONDON, MONDAY, MONDAY + weeks * 7 * DAY - DAY).spells
    return [datetime.fromtimestamp(start, LONDON).strftime("%d %b") for start, _ in spells]


def test_hours_are_valid_from_first_to_last_date_both_included():
    rule = mondays(valid_from=date(2026, 6, 22), valid_until=date(2026, 7, 6))

    assert list_days(rule) == ["22 Jun", "29 Jun", "06 Jul"]
    assert list_days(mondays(valid_until=date(2026, 6, 21))) == ["15 Jun"]
    assert list_days(mondays(valid_from=date(2026, 7, 14))) == ["20 Jul"]


def test_weeks_count_from_monday_of_week_of_valid_from():
    """2026-06-11 is a Thursday: its week's own Monday is over, the next counted one is the 22nd."""
    rule = mondays(valid_from=date(2026, 6, 11), every_weeks=2)

    assert list_days(rule) == ["22 Jun", "06 Jul", "20 Jul"]
    assert list_days(mondays(valid_from=date(2026, 6, 15), every_weeks=3)) == ["15 Jun", "06 Jul"]
    assert list_days(mondays(valid_from=date(2025, 6, 16), every_weeks=52)) == ["15 Jun"]


@pytest.fixture
def saturday(bea, harbour):
    """The one morning on which Bea works."""
    return ExtraHours.objects.create(
        clinician=bea, location=harbour, date=SATURDAY, start_time=time(9), end_time=time(10)
    )


def test_clinician_with_extra_hours_only_is_offered_on_that_date_and_no_other(saturday, consultation):
    openings = open_times(OpeningFilters(consultation), start_at=NOW, end_at=NOW + 60 * DAY, now=NOW)

    nine = datetime(2026, 12, 19, 9, tzinfo=LONDON)
    assert [opening.starts_at for opening in openings] == [nine, nine + timedelta(minutes=30)]
    assert find_next_opening(OpeningFilters(consultation), now=NOW) == openings[0]


def test_dates_and_weeks_of_hours_reach_openings(bea, harbour, consultation):
    WorkingHours.objects.create(
        clinician=bea,
        location=harbour,
        weekday=2,
        start_time=time(9),
        end_time=time(9, 30),
        valid_from=date(2026, 12, 9),
        valid_until=date(2027, 1, 6),
        every_weeks=2,
    )

    openings = open_times(OpeningFilters(consultation), start_at=NOW, end_at=NOW + 59 * DAY, now=NOW)

    assert [f"{opening.starts_at:%d %b}" for opening in openings] == ["09 Dec", "23 Dec", "06 Jan"]


def test_extra_hours_lie_beside_weekly_ones_of_the_same_day(dana, harbour, consultation):
    ExtraHours.objects.create(clinician=dana, location=harbour, date=SATURDAY, start_time=time(12), end_time=time(13))

    openings = open_times(OpeningFilters(consultation), start_at=SATURDAY, end_at=SATURDAY + DAY, now=NOW)

    noon = datetime(2026, 12, 19, 12, tzinfo=LONDON)
    assert [opening.starts_at for opening in openings if noon <= opening.starts_at < noon + timedelta(hours=1)] == [
        noon,
        noon + timedelta(minutes=30),
    ]
    assert len(openings) == 16 + 14


@pytest.mark.parametrize(("at", "reasons"), [((19, 9), set()), ((19, 10), {Reason.CLOSED}), ((26, 9), {Reason.CLOSED})])
def test_time_outside_extra_hours_has_reason_closed(at, reasons, saturday, consultation):
    day, hour = at
    [found] = explain(
        OpeningFilters(consultation), starts_at=datetime(2026, 12, day, hour, tzinfo=LONDON), now=NOW
    ).values()

    assert found == reasons


# In two places at once


@pytest.mark.parametrize(
    ("one", "other", "day"),
    [
        (mondays(), Hours(0, time(11), time(13)), MONDAY),
        (mondays(), Hours(0, time(12), time(13)), None),
        (mondays(), Hours(1, time(9), time(12)), None),
        (mondays(), Hours(0, time(8), time(0)), MONDAY),
        (mondays(valid_until=date(2026, 6, 20)), mondays(valid_from=date(2026, 6, 22)), None),
        (mondays(valid_until=date(2026, 6, 22)), mondays(valid_from=date(2026, 6, 22)), date(2026, 6, 22)),
        (mondays(), mondays(valid_from=SATURDAY, valid_until=SATURDAY), None),
        (mondays(valid_from=MONDAY, every_weeks=2), mondays(valid_from=MONDAY + 7 * DAY, every_weeks=2), None),
        # Weeks 0, 4, 8, … and 1, 4, 7, … meet in the fourth; weeks 0, 51 and 1, 53, … only after many years.
        (
            mondays(valid_from=MONDAY, every_weeks=4),
            mondays(valid_from=MONDAY + 7 * DAY, every_weeks=3),
            date(2026, 7, 13),
        ),
        (
            mondays(valid_from=MONDAY, every_weeks=51),
            mondays(valid_from=MONDAY + 7 * DAY, every_weeks=52),
            MONDAY + 51 * 51 * 7 * DAY,
        ),
    ],
)
def test_find_overlap_returns_first_date_of_both(one, other, day):
    assert find_overlap(one, LONDON, other, LONDON, today=MONDAY) == day
    assert find_overlap(other, LONDON, one, LONDON, today=MONDAY) == day


def test_find_overlap_compares_instants_not_wall_times():
    """Nine in New York is two in London, and one for the weeks between their clock changes."""
    morning = mondays()

    assert find_overlap(morning, LONDON, morning, NEW_YORK, today=MONDAY) is None
    assert find_overlap(Hours(0, time(14), time(15)), LONDON, morning, NEW_YORK, today=MONDAY) == MONDAY
    # From 26 October to 1 November 2026 only.
    early = Hours(0, time(13), time(14))
    assert find_overlap(early, LONDON, morning, NEW_YORK, today=MONDAY) == date(2026, 10, 26)
    # On Tuesday morning in Auckland it is Monday night in London.
    assert find_overlap(
        Hours(0, time(22), time(0)), LONDON, Hours(1, time(9), time(12)), ZoneInfo("Pacific/Auckland"), today=MONDAY
    )


def test_check_overlap_names_the_other_row(dana, harbour, saturday):
    mill = Location.objects.create(name="Mill Lane", city="London")
    other = dana.working_hours.select_related("location").filter(weekday=5, start_time=time(9)).get()
    new = ExtraHours(clinician=dana, location=mill, date=SATURDAY, start_time=time(11), end_time=time(14))

    with pytest.raises(OverlappingHours) as refusal:
        check_overlap(new, [other])

    assert (refusal.value.other, refusal.value.day) == (other, SATURDAY)
    assert str(refusal.value) == "On 19 December 2026 this overlaps Saturday 09:00–12:00 at Harbour Street."
    new.location = harbour
    check_overlap(new, [other])
