"""Dates, times and durations as programs write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from scheduling.calendars.values import Moment, parse_duration, parse_moment, parse_moments, split_value

NINE = datetime(2026, 3, 24, 9)
MIDNIGHT = datetime(2026, 3, 24)


@pytest.mark.parametrize(
    ("value", "parameters", "expected"),
    [
        ("20260324T090000", "", Moment(NINE)),
        ("20260324T0900", "", Moment(NINE)),
        ("20260324T09", "", Moment(NINE)),
        ("20260324t090000z", "", Moment(NINE, zone=UTC)),
        ("2026-03-24T09:00:00Z", "", Moment(NINE, zone=UTC)),
        ("20260324T090000.250Z", "", Moment(NINE, zone=UTC)),
        ("20260324T090000+0530", "", Moment(NINE, zone=timezone(timedelta(hours=5, minutes=30)))),
        ("20260324T090000-03:00", "", Moment(NINE, zone=timezone(timedelta(hours=-3)))),
        ("20260324T090000Z", ";TZID=America/New_York", Moment(NINE, zone=UTC)),
        ("20260324T090000", ';VALUE=DATE-TIME;TZID="Asia/Tokyo"', Moment(NINE, zone_name="Asia/Tokyo")),
        ("20260323T240000", "", Moment(MIDNIGHT)),
        ("20260324T085960", "", Moment(datetime(2026, 3, 24, 8, 59, 59))),
        ("20260324", "", Moment(MIDNIGHT, is_date=True)),
        ("2026-03-24", "", Moment(MIDNIGHT, is_date=True)),
        ("20260324T000000", ";VALUE=DATE", Moment(MIDNIGHT, is_date=True)),
        ("20260324T090000", ";VALUE=DATE", Moment(NINE)),
        ("20260324T990000", "", Moment(MIDNIGHT, is_vague=True)),
        ("20260324T nine", "", Moment(MIDNIGHT, is_vague=True)),
        ("20260230T090000", "", None),
        ("20260230", "", None),
        ("00000101T090000", "", None),
        ("99991231T240000", "", None),
        ("tomorrow", "", None),
        ("", "", None),
    ],
)
def test_parse_moment_accepts_what_programs_write(value, parameters, expected):
    assert parse_moment(value, parameters) == expected


@pytest.mark.parametrize(
    ("rest", "parameters"),
    [
        (";TZID=GMT+05:30:20260324T090000", ";TZID=GMT+05:30"),
        (";TZID=tzone://Microsoft/Utc:20260324T090000", ";TZID=tzone://Microsoft/Utc"),
        (";TZID=(UTC+01:00) Paris, Rome:20260324T090000", ";TZID=(UTC+01:00) Paris, Rome"),
        (';TZID="(UTC+01:00) Paris, Rome": 20260324T090000 ', ';TZID="(UTC+01:00) Paris, Rome"'),
        (":20260324T090000", ""),
    ],
)
def test_split_value_finds_value_behind_unquoted_colons(rest, parameters):
    assert split_value(rest) == (parameters, "20260324T090000")


@pytest.mark.parametrize(
    ("rest", "are_readable"),
    [(":", True), (":20260324,", True), (";TZID=Asia/Tokyo:", True), (":20260324,soon", False)],
)
def test_parse_moments_ignores_empty_ones(rest, are_readable):
    moments, readable = parse_moments(rest)

    assert readable == are_readable
    assert moments == ([Moment(MIDNIGHT, is_date=True)] if "20260324" in rest else [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("PT1H", timedelta(hours=1)),
        ("PT1H30M15S", timedelta(hours=1, minutes=30, seconds=15)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("P1W2D", timedelta(days=9)),
        ("PT1D", timedelta(days=1)),
        ("P90M", timedelta(minutes=90)),
        ("P1H", timedelta(hours=1)),
        ("PT1.5H", timedelta(hours=1, minutes=30)),
        ("pt1,5h", timedelta(hours=1, minutes=30)),
        ("P0Y0M0DT1H0M0S", timedelta(hours=1)),
        ("P1Y2M", timedelta(days=425)),
        ("-PT15M", timedelta(minutes=-15)),
        ("+PT15M", timedelta(minutes=15)),
        ("PT0S", timedelta()),
        ("P", None),
        ("PT", None),
        ("1H", None),
        ("2 hours", None),
        ("PT1H ago", None),
        ("P" + "9" * 300 + "D", None),
        ("P999999999W", None),
    ],
)
def test_parse_duration_accepts_what_programs_write(value, expected):
    assert parse_duration(value) == expected
