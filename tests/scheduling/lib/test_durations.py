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
def test_a_duration_is_read(text, minutes):
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5 h", "1 fortnight", "9" * 30, "1" * 5000 + "!", "½ h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("minutes", [0, 1, 45, 60, 90, 1440, 1500, 86400])
def test_what_is_written_is_read_again(minutes):
    assert parse_duration(format_duration(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


def test_durations_are_written_in_few_words():
    assert [format_duration(timedelta(minutes=minutes)) for minutes in (0, 45, 90, 1440, 86400)] == [
        "0 min",
        "45 min",
        "1 h 30 min",
        "1 day",
        "60 days",
    ]
