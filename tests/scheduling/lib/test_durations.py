"""Lengths of time as staff write them."""

from datetime import timedelta

import pytest

from scheduling.lib.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("0", 0),
        ("30", 30),
        ("30 min", 30),
        ("1h30", 90),
        ("1 h, 30 min", 90),
        ("90 Minutes", 90),
        ("2 days", 2880),
        ("1 week", 10080),
    ],
)
def test_parse_duration_reads_common_notations(text, minutes):
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5 h", "1 fortnight", "9" * 30, "1" * 5000 + "!", "½ h"])
def test_parse_duration_of_other_text_raises(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("minutes", [0, 1, 45, 60, 90, 1440, 1500, 86400])
def test_parse_duration_reads_what_format_duration_writes(minutes):
    assert parse_duration(format_duration(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


def test_format_duration_writes_short_text():
    assert [format_duration(timedelta(minutes=minutes)) for minutes in (0, 45, 90, 1440, 86400)] == [
        "0 min",
        "45 min",
        "1 h 30 min",
        "1 day",
        "60 days",
    ]
