"""Openings by example, in plain wall times. Monday 15 June 2026 is an ordinary day in London."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.availability.openings import Busy, Hours, Rules, compute_open_starts, compute_working_time

LONDON = ZoneInfo("Europe/London")
MONDAY = date(2026, 6, 15)
EVERY_DAY = range(7)
MINUTE = 60
DAY = timedelta(days=1)


def hours(*spans, weekdays=EVERY_DAY):
    """Return weekly hours from spans such as ``"09:00-12:00"``."""
    times = [map(time.fromisoformat, span.split("-")) for span in spans]
    return tuple(Hours(weekday, *span) for span in map(tuple, times) for weekday in weekdays)


def rules(duration, *, before=0, after=0, step=None):
    """Return a service's rules from minutes; without ``step`` appointments are back to back."""
    return Rules(*(minutes * MINUTE for minutes in (duration, before, after, step or duration)))


def span(start, end):
    """Return the instants of two wall times of MONDAY, such as ``"09:00"``."""
    walls = (datetime.combine(MONDAY, time.fromisoformat(wall), LONDON) for wall in (start, end))
    return tuple(int(wall.timestamp()) for wall in walls)


def list_offered(weekly, asked, *, busy=(), between=("00:00", "23:59")):
    """Return the wall times offered on MONDAY."""
    return list_starts(MONDAY, LONDON, weekly, asked, busy, *span(*between), "%H:%M")


def list_offered_around_clock_change(day, weekly, asked, *, zone=LONDON):
    """Return the wall times offered on a day with a clock change, each with its zone abbreviation."""
    earliest, latest = (int(datetime.combine(at, time(), zone).timestamp()) for at in (day, day + DAY))
    return list_starts(day, zone, weekly, asked, [], earliest, latest, "%H:%M %Z")


def list_starts(day, zone, weekly, asked, busy, earliest, latest, form):
    working = compute_working_time(weekly, zone, day - DAY, day + DAY)
    starts = compute_open_starts(working, Busy.from_intervals(busy), asked, earliest, latest)
    return ", ".join(datetime.fromtimestamp(start, UTC).astimezone(zone).strftime(form) for start in starts)


# Steps


def test_starts_are_one_step_apart_and_last_appointment_ends_with_hours():
    assert list_offered(hours("09:00-11:00"), rules(60, step=30)) == "09:00, 09:30, 10:00"


def test_steps_count_from_the_start_of_the_hours():
    assert list_offered(hours("09:10-10:40"), rules(30)) == "09:10, 09:40, 10:10"


def test_step_longer_than_duration_leaves_pauses():
    assert list_offered(hours("09:00-11:00"), rules(20, step=50)) == "09:00, 09:50, 10:40"


def test_steps_after_busy_time_keep_their_grid():
    taken = span("09:10", "09:20")

    assert list_offered(hours("09:00-11:00"), rules(30), busy=[taken]) == "09:30, 10:00, 10:30"


def test_hours_shorter_than_duration_offer_nothing():
    assert list_offered(hours("09:00-09:29"), rules(30)) == ""


def test_hours_of_another_weekday_offer_nothing():
    assert list_offered(hours("09:00-12:00", weekdays=[1, 2, 3, 4, 5, 6]), rules(60)) == ""


# Lunch; adjacent and overlapping rules


def test_appointment_does_not_run_into_lunch():
    weekly = hours("09:00-12:00", "13:00-15:00")

    assert list_offered(weekly, rules(60, step=30)) == "09:00, 09:30, 10:00, 10:30, 11:00, 13:00, 13:30, 14:00"


def test_appointment_may_span_adjacent_rules():
    assert list_offered(hours("09:00-10:00", "10:00-11:00"), rules(90, step=30)) == "09:00, 09:30"


def test_steps_of_separate_rules_count_from_their_own_start():
    assert list_offered(hours("09:00-10:00", "10:10-11:10"), rules(30)) == "09:00, 09:30, 10:10, 10:40"


def test_overlapping_rules_offer_starts_of_both_once():
    weekly = hours("09:00-10:30", "10:00-11:00", "10:15-10:45")

    assert list_offered(weekly, rules(30)) == "09:00, 09:30, 10:00, 10:15, 10:30"


# Midnight


def test_hours_ending_at_midnight_last_to_end_of_day():
    assert list_offered(hours("22:30-00:00"), rules(30)) == "22:30, 23:00, 23:30"


def test_appointment_may_cross_midnight_within_hours():
    weekly = hours("23:00-00:00", weekdays=[0]) + hours("00:00-01:00", weekdays=[1])

    assert list_offered(weekly, rules(45)) == "23:00, 23:45"


# Buffers and busy time


def test_appointment_may_touch_busy_time():
    busy = [span("09:00", "09:30"), span("10:00", "11:00")]

    assert list_offered(hours("09:00-11:00"), rules(30), busy=busy) == "09:30"


def test_buffers_do_not_overlap_busy_time():
    busy = [span("09:00", "09:30"), span("11:00", "12:00")]

    assert (
        list_offered(hours("09:00-12:00"), rules(30, before=15, after=10, step=15), busy=busy) == "09:45, 10:00, 10:15"
    )


def test_buffers_may_lie_outside_the_working_hours():
    assert list_offered(hours("09:00-10:00"), rules(30, before=60, after=60)) == "09:00, 09:30"


def test_busy_time_unordered_and_overlapping_is_subtracted():
    busy = [span("10:30", "12:00"), span("08:00", "09:10"), span("09:05", "09:20"), span("10:40", "10:50")]

    assert list_offered(hours("09:00-12:00"), rules(30), busy=busy) == "09:30, 10:00"


def test_starts_outside_range_are_not_offered():
    assert list_offered(hours("09:00-12:00"), rules(60, step=30), between=("09:30", "10:30")) == "09:30, 10:00"


# Days on which the clocks change

SPRING = date(2026, 3, 29)  # in London 01:00 GMT is followed by 02:00 BST
AUTUMN = date(2026, 10, 25)  # in London 02:00 BST is followed by 01:00 GMT


def test_time_skipped_in_spring_is_not_offered():
    starts = list_offered_around_clock_change(SPRING, hours("00:00-04:00"), rules(30))
    assert starts == "00:00 GMT, 00:30 GMT, 02:00 BST, 02:30 BST, 03:00 BST, 03:30 BST"


def test_appointment_may_span_skipped_hour():
    assert (
        list_offered_around_clock_change(SPRING, hours("00:00-03:00"), rules(60, step=30))
        == "00:00 GMT, 00:30 GMT, 02:00 BST"
    )


def test_hours_starting_in_skipped_hour_start_after_it():
    assert list_offered_around_clock_change(SPRING, hours("01:30-03:00"), rules(30)) == "02:00 BST, 02:30 BST"


def test_hours_within_skipped_hour_offer_nothing():
    assert list_offered_around_clock_change(SPRING, hours("01:00-02:00"), rules(10)) == ""


def test_repeated_hour_offers_both_instants():
    starts = list_offered_around_clock_change(AUTUMN, hours("00:30-02:30"), rules(30))
    assert starts == "00:30 BST, 01:00 BST, 01:30 BST, 01:00 GMT, 01:30 GMT, 02:00 GMT"


def test_hours_within_repeated_hour_are_offered_twice():
    assert list_offered_around_clock_change(AUTUMN, hours("01:15-01:45"), rules(30)) == "01:15 BST, 01:15 GMT"


def test_lord_howe_island_skips_and_repeats_half_an_hour():
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    weekly = hours("01:00-03:00")

    starts = list_offered_around_clock_change(date(2026, 10, 4), weekly, rules(30), zone=lord_howe)
    assert starts == "01:00 +1030, 01:30 +1030, 02:30 +11"
    starts = list_offered_around_clock_change(date(2026, 4, 5), weekly, rules(30), zone=lord_howe)
    assert starts == "01:00 +11, 01:30 +11, 01:30 +1030, 02:00 +1030, 02:30 +1030"


def test_beirut_day_with_clock_change_starts_at_one():
    starts = list_offered_around_clock_change(
        date(2026, 3, 29), hours("00:00-02:00"), rules(30), zone=ZoneInfo("Asia/Beirut")
    )
    assert starts == "01:00 EEST, 01:30 EEST"


def test_santiago_repeats_last_hour_of_day():
    starts = list_offered_around_clock_change(
        date(2026, 4, 4), hours("22:30-00:00"), rules(30), zone=ZoneInfo("America/Santiago")
    )
    assert starts == "22:30 -03, 23:00 -03, 23:30 -03, 23:00 -04, 23:30 -04"


def test_casablanca_changes_clocks_for_ramadan():
    starts = list_offered_around_clock_change(
        date(2026, 2, 15), hours("01:00-04:00"), rules(60), zone=ZoneInfo("Africa/Casablanca")
    )
    assert starts == "01:00 +01, 02:00 +01, 02:00 +00, 03:00 +00"
