"""Openings against an oracle that is slow and obvious: it looks at every minute on the wall clock.

The days are those around a change of the clocks, because there a faster way can go wrong. test_oracle.py has whole
clinics, in steps of five minutes.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.availability.openings import (
    Busy,
    Hours,
    Rules,
    compute_open_starts,
    compute_working_time,
    get_local_dates,
)

pytestmark = pytest.mark.proof

MINUTE = 60
DAY = timedelta(days=1)

CHANGES = {
    "Europe/London": [date(2026, 3, 29), date(2026, 10, 25)],
    "America/New_York": [date(2026, 3, 8), date(2026, 11, 1)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],  # by half an hour
    "Asia/Kolkata": [date(2026, 3, 29)],  # never, and half an hour off all the others
    "Asia/Beirut": [date(2026, 3, 29), date(2026, 10, 25)],  # at midnight: a day begins at 01:00
    "America/Santiago": [date(2026, 4, 5), date(2026, 9, 6)],  # at midnight too
    "Africa/Casablanca": [date(2026, 2, 15), date(2026, 3, 22)],  # for Ramadan
}


def oracle(weekly, zone, busy, rules, earliest, latest):
    """The starts that can be booked: each minute of the appointment is worked, each padded one free."""
    duration, before, after, step = (seconds // MINUTE for seconds in rules)

    def wall(minute):
        return datetime.fromtimestamp(minute * MINUTE, UTC).astimezone(zone)

    def list_active_rules(minute):
        now = wall(minute)
        return [
            rule
            for rule in weekly
            if rule.weekday == now.weekday()
            and rule.start_time <= now.time()
            and (now.time() < rule.end_time or rule.end_time == time())
        ]

    def is_worked(minute):
        return bool(list_active_rules(minute))

    def is_free(minute):
        return not any(start < (minute + 1) * MINUTE and minute * MINUTE < end for start, end in busy)

    def is_on_a_step(minute):
        now = wall(minute)
        since = [
            (now.hour - rule.start_time.hour) * 60 + now.minute - rule.start_time.minute
            for rule in list_active_rules(minute)
        ]
        return any(minutes % step == 0 for minutes in since)

    return [
        minute * MINUTE
        for minute in range(earliest // MINUTE, latest // MINUTE)
        if is_on_a_step(minute)
        and all(is_worked(minute + passed) for passed in range(duration))
        and all(is_free(minute + passed) for passed in range(-before, duration + after))
    ]


def in_minutes(strategy):
    return strategy.map(lambda minutes: minutes * MINUTE)


@st.composite
def weekly_hours(draw):
    """Up to four rules, in any order; they may overlap, meet, and end at midnight."""
    weekly = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.sampled_from(range(0, 24 * 60, 15))) + draw(st.sampled_from([0, 5]))
        end = min(start + draw(st.sampled_from([15, 45, 120, 180, 240, 480, 24 * 60])), 24 * 60)
        start_time, end_time = (time(minute // 60 % 24, minute % 60) for minute in (start, end))
        days_off = draw(st.sets(st.integers(0, 6), max_size=2))
        weekly += [Hours(day, start_time, end_time) for day in range(7) if day not in days_off]
    return tuple(weekly)


service_rules = st.builds(
    Rules,
    duration=in_minutes(st.sampled_from([1, 10, 25, 30, 45, 60, 90, 150])),
    buffer_before=in_minutes(st.sampled_from([0, 5, 10, 60])),
    buffer_after=in_minutes(st.sampled_from([0, 5, 15, 60])),
    step=in_minutes(st.sampled_from([5, 10, 15, 20, 30, 45, 60, 70])),
)


@st.composite
def situations(draw, zone, changes):
    """Hours, busy time, rules, and a range of up to a day and a half near a change of the clocks."""
    midnight = int(datetime.combine(draw(st.sampled_from(changes)), time(), zone).timestamp())
    earliest = midnight + draw(in_minutes(st.sampled_from(range(-12 * 60, 6 * 60))))
    latest = earliest + draw(in_minutes(st.sampled_from([3, *range(6 * 60, 36 * 60)])))
    starts = draw(st.lists(in_minutes(st.sampled_from(range(-60, 36 * 60))), max_size=6))
    busy = [(earliest + start, earliest + start + draw(in_minutes(st.sampled_from(range(1, 240))))) for start in starts]
    return draw(weekly_hours()), zone, busy, draw(service_rules), earliest, latest


@pytest.mark.parametrize("name", CHANGES)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_compute_open_starts_agrees_with_oracle(name, data):
    weekly, zone, busy, rules, earliest, latest = data.draw(situations(ZoneInfo(name), CHANGES[name]))

    first, last = get_local_dates(zone, earliest, latest + rules.duration)
    found = compute_open_starts(
        compute_working_time(weekly, zone, first, last), Busy.from_intervals(busy), rules, earliest, latest
    )

    assert found == oracle(weekly, zone, busy, rules, earliest, latest)
