"""What repeats, against an oracle that is slow and obvious: it asks of every date whether the rule is for it.

The dates are those around changes of the clocks, because there a faster way can go wrong.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.availability.intervals import clip, merge
from tests.scheduling.calendars.texts import calendar, event, intervals

DAY = timedelta(days=1)
CHANGES = {
    "Europe/London": date(2026, 3, 29),
    "America/New_York": date(2026, 11, 1),
    "Australia/Lord_Howe": date(2026, 10, 4),  # by half an hour
    "Asia/Kolkata": date(2026, 3, 29),  # never
    "Asia/Beirut": date(2026, 3, 29),  # at midnight: a day begins at 01:00
    "America/Santiago": date(2026, 9, 6),
}
WEEKDAYS = "MO TU WE TH FR SA SU".split()


def instant(day, wall, zone):
    return int(datetime.combine(day, wall, zone).timestamp())


def oracle(series, zone, start, end):
    """The busy time of series of events, day by day."""
    busy = []
    for one in series:
        count = 0
        day = one["first"]
        while day < end.date() + 3 * DAY and count < one["count"]:
            weeks = (day - (one["first"] - one["first"].weekday() * DAY)).days // 7
            is_of_rule = day == one["first"] or (day.weekday() in one["weekdays"] and weeks % one["interval"] == 0)
            if is_of_rule and day.weekday() in one["weekdays"]:
                count += 1
                if day not in one["except"]:
                    began = instant(day, one["wall"], zone)
                    local = datetime.combine(day, one["wall"], zone)
                    busy.append((began, int((local + one["lifetime"]).timestamp())))
            day += DAY
    return clip(merge(busy), int(start.timestamp()), int(end.timestamp()))


@st.composite
def series_near(draw, change):
    weekdays = draw(st.sets(st.integers(0, 6), min_size=1))
    first = change + draw(st.integers(-20, 3)) * DAY
    while first.weekday() not in weekdays:  # where the first is not of the rule, programs differ
        first += DAY
    return {
        "first": first,
        "weekdays": weekdays,
        "interval": draw(st.integers(1, 3)),
        "count": draw(st.integers(1, 20)),
        "wall": time(*draw(st.sampled_from([(0, 0), (5, 30), (9, 0), (16, 45), (23, 30)]))),
        "lifetime": timedelta(minutes=draw(st.sampled_from([1, 30, 90, 240]))),
        "except": draw(st.sets(st.sampled_from([change + n * DAY for n in range(-10, 10)]), max_size=3)),
    }


def written(number, one, zone):
    local = datetime.combine(one["first"], one["wall"])
    lines = [
        f"DTSTART;TZID={zone}:{local:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone}:{local + one['lifetime']:%Y%m%dT%H%M%S}",
        f"RRULE:FREQ=WEEKLY;COUNT={one['count']};INTERVAL={one['interval']};WKST=MO;BYDAY="
        + ",".join(WEEKDAYS[n] for n in sorted(one["weekdays"])),
    ]
    lines += [f"EXDATE;TZID={zone}:{datetime.combine(day, one['wall']):%Y%m%dT%H%M%S}" for day in one["except"]]
    return event(*lines, uid=str(number))


@pytest.mark.parametrize("name", CHANGES)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_series_near_clock_change_matches_oracle(name, data):
    zone, change = ZoneInfo(name), CHANGES[name]
    # Only what nobody disputes: no wall time that is skipped or repeated, nor one that lasts over such a change.
    series = data.draw(st.lists(series_near(change), max_size=4))
    for one in series:
        if abs(zone.utcoffset(datetime.combine(change, time(23))) - zone.utcoffset(datetime.combine(change, time(0)))):
            one["except"] |= {change, change - DAY}
    start = datetime.combine(change - 7 * DAY, time(), UTC)
    end = start + data.draw(st.integers(1, 20)) * DAY

    found = intervals(calendar(*[written(*each, name) for each in enumerate(series)]), start=start, end=end, zone=zone)

    assert found == oracle(series, zone, start, end)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(-40, 40), st.integers(0, 86_399), st.integers(0, 3 * 86_400), st.booleans()), max_size=8
    )
)
def test_single_events_merge_sorted_within_window(given_events):
    start, end = datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 4, 13, tzinfo=UTC)
    events, expected = [], []
    for number, (day, second, lifetime, is_free) in enumerate(given_events):
        first = start + timedelta(days=day, seconds=second)
        last = first + timedelta(seconds=lifetime)
        lines = [f"DTSTART:{first:%Y%m%dT%H%M%SZ}", f"DTEND:{last:%Y%m%dT%H%M%SZ}"]
        events.append(event(*lines, *["TRANSP:TRANSPARENT"] * is_free, uid=str(number)))
        if not is_free:
            expected.append((int(first.timestamp()), int(last.timestamp())))

    found = intervals(calendar(*events), start=start, end=end)

    assert found == clip(merge(expected), int(start.timestamp()), int(end.timestamp()))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 1500))
def test_arbitrary_text_yields_intervals_or_refusal(noise, place):
    from scheduling.calendars.base import CannotRead
    from tests.scheduling.calendars.texts import OUTLOOK

    try:
        found = intervals(OUTLOOK[:place] + noise + OUTLOOK[place:])
    except CannotRead:
        return
    assert found == merge(found)
