"""Rules of repetition: as the RFC has them, as programs write them, and what is left of unreadable ones."""

import warnings
from datetime import datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scheduling.calendars import recurrence
from scheduling.calendars.recurrence import TooManyTimes, expand, fill_days, parse_rule

FIRST = datetime(2026, 1, 31, 9)  # a Saturday


def days(text, *, first=FIRST, since=FIRST, months=4):
    """The days on which a rule repeats: ``"31 Jan, 7 Feb"``."""
    rule = parse_rule(text)
    times = expand(rule, first, since=since, before=since + timedelta(days=30 * months))
    return ", ".join(f"{wall:%-d %b}" for wall in times)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=MONTHLY", "31 Jan, 31 Mar"),
        ("RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=OMIT", "31 Jan, 31 Mar"),
        ("RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD", "31 Jan, 28 Feb, 31 Mar, 30 Apr"),
        ("FREQ=MONTHLY;SKIP=FORWARD", "31 Jan, 1 Mar, 31 Mar, 1 May"),
        ("FREQ=MONTHLY;SKIP=BACKWARD;COUNT=3", "31 Jan, 28 Feb, 31 Mar"),
        ("freq=weekly; count=2;", "31 Jan, 7 Feb"),
        ("RRULE:FREQ=WEEKLY;COUNT=2", "31 Jan, 7 Feb"),  # its name once more
        (" FREQ = WEEKLY ; COUNT = 2 ; X-MEANING=OFTEN ; INTERVAL = ", "31 Jan, 7 Feb"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=", "31 Jan, 7 Feb"),
        ("FREQ=MONTHLY;BYDAY=-1SA;BYMONTHDAY=28, 31", "31 Jan, 28 Feb, 28 Mar"),
        ("FREQ=DAILY;BYDAY=SA;COUNT=2", "31 Jan, 7 Feb"),
        ("FREQ=YEARLY;BYWEEKNO=6,7", "7 Feb, 14 Feb"),
        ("FREQ=YEARLY;BYYEARDAY=31,-334", "31 Jan, 1 Feb"),
        ("FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2", ""),
    ],
)
def test_rule_repeats_as_it_is_meant(rule, expected):
    assert days(rule) == expected
    assert parse_rule(rule).is_understood


@pytest.mark.parametrize("rule", ["", ";", " ; ", "FREQ=", "X-MEANING=OFTEN"])
def test_rule_that_says_nothing_is_none(rule):
    assert parse_rule(rule) is None


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=SOMETIMES", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),  # its weekday
        ("COUNT=3", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("every Saturday", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=MONTHLY;BYDAY=XX", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=MONTHLY;BYDAY=2TU,XX", "3 Feb, 10 Feb, 17 Feb, 24 Feb"),
        ("FREQ=FORTNIGHTLY;BYDAY=TU", "3 Feb, 10 Feb, 17 Feb, 24 Feb"),
        ("FREQ=OFTEN;BYMONTHDAY=14,15;BYMONTH=2", "14 Feb, 15 Feb"),
        ("FREQ=MONTHLY;BYMONTHDAY=14;BYSETPOS=first", "14 Feb"),
        ("FREQ=YEARLY;RSCALE=HEBREW", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=WEEKLY;INTERVAL=0", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=WEEKLY;INTERVAL=two;UNTIL=never;COUNT=0", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=YEARLY;BYEASTER=0", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=WEEKLY;BYMOON=FULL", "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
        ("FREQ=WEEKLY;COUNT=" + "9" * 5000, "31 Jan, 7 Feb, 14 Feb, 21 Feb, 28 Feb"),
    ],
)
def test_unreadable_rule_is_for_days_its_readable_parts_allow(rule, expected):
    assert days(rule, months=1) == expected
    assert not parse_rule(rule).is_understood


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=5;BYDAY=SA,SU"])
def test_rule_that_repeats_too_often_fills_its_days(rule):
    parsed = parse_rule(rule)

    assert parsed.is_too_frequent and not parsed.is_understood
    assert len(days(rule, months=1).split(",")) == (10 if "BYDAY" in rule else 30)


def test_rule_with_more_times_than_can_be_counted_is_refused(monkeypatch):
    monkeypatch.setattr(recurrence, "MAX_TIMES", 30)
    hourly = parse_rule("FREQ=HOURLY;BYDAY=SA")

    with pytest.raises(TooManyTimes):
        days("FREQ=HOURLY;BYDAY=SA")
    with pytest.raises(TooManyTimes):
        days("FREQ=DAILY;BYHOUR=1,2,3,4,5,6;BYMINUTE=0,10,20,30,40,50")

    whole = list(expand(fill_days(hourly), FIRST, since=FIRST, before=FIRST + timedelta(days=8)))
    assert whole == [FIRST, FIRST + timedelta(days=7)]


def test_rule_counted_in_vain_is_refused(monkeypatch):
    monkeypatch.setattr(recurrence, "MAX_PERIODS", 100)

    with pytest.raises(TooManyTimes):
        days("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=2")


@pytest.mark.parametrize("rule", ["FREQ=YEARLY", "FREQ=YEARLY;COUNT=9999", "FREQ=DAILY;INTERVAL=7;COUNT=999999"])
def test_rule_as_old_as_time_repeats_within_window(rule):
    long_ago = datetime(1, 1, 1, 9)

    found = list(expand(parse_rule(rule), long_ago, since=datetime(2026, 1, 1), before=datetime(2026, 1, 8)))

    assert found == ([datetime(2026, 1, 1, 9)] if "YEARLY" in rule else [datetime(2026, 1, 5, 9)])
    assert days(rule, first=datetime(9999, 12, 31), since=datetime(9999, 12, 30), months=0) == ""


WEEKDAYS = "MO TU WE TH FR SA SU".split()


@st.composite
def rules(draw):
    """Rules that repeat: dateutil looks until the year 9999 for those that do not."""
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]))
    parts = {"FREQ": frequency, "INTERVAL": draw(st.integers(1, 4)), "WKST": draw(st.sampled_from(WEEKDAYS))}
    if draw(st.booleans()):
        parts["COUNT"] = draw(st.integers(1, 99))
    if draw(st.booleans()) and frequency != "HOURLY":
        parts["BYHOUR"] = "9,17"
    which = draw(st.sampled_from(["", "BYMONTH", "BYMONTHDAY", "BYDAY", "ordinals", "in a year"]))
    if which == "BYMONTH" and parts["INTERVAL"] == 1:
        parts["BYMONTH"] = "3,11,12"
    if which == "BYMONTHDAY" and frequency != "WEEKLY":
        parts["BYMONTHDAY"] = draw(st.sampled_from(["1,15", "-1", "28,-2", "5"]))
    if which == "BYDAY" and (frequency != "DAILY" or parts["INTERVAL"] != 7):
        parts["BYDAY"] = ",".join(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1, max_size=4)))
    if which == "ordinals" and frequency in ("MONTHLY", "YEARLY"):
        parts["BYDAY"] = draw(st.sampled_from(["1MO", "-1FR,2TU", "4SU,-2WE"]))
    if which == "in a year" and frequency == "YEARLY":
        name, value = draw(st.sampled_from([("BYYEARDAY", "60,-1"), ("BYWEEKNO", "1,30,-1")]))
        parts |= {name: value, "BYDAY": "TU,FR"}  # without days of the week dateutil takes all seven
    if len(parts) > 3 and draw(st.booleans()):
        parts["BYSETPOS"] = draw(st.sampled_from(["1", "-1", "1,-1"]))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@settings(
    deadline=None,
    max_examples=100,
    phases=[Phase.generate],  # to shrink a rule takes dateutil minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(rules(), st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1)), st.integers(0, 400), st.integers(1, 90))
def test_rule_repeats_as_dateutil_has_it(text, first, later, length):
    first = first.replace(second=0, microsecond=0)
    since = first + timedelta(days=later)
    before = since + timedelta(days=length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dateutil takes exception at COUNT beside UNTIL, which keeps it from going on
        try:
            oracle = rrulestr(text, dtstart=first).replace(until=before)
        except ValueError:  # a rule that never repeats
            oracle = []

    found = list(expand(parse_rule(text), first, since=since, before=before))

    assert found == [wall for wall in oracle if since <= wall < before]
