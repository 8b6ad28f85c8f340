"""Time zones by the many names that programs give them, and by a calendar's own definition."""

from datetime import datetime, timedelta

import pytest

from scheduling.calendars.time_zones import WINDOWS_NAMES, get_offset_zone, get_zone
from tests.scheduling.calendars.texts import at, calendar, event, said, unread


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Berlin", "Europe/Berlin"),
        ("/citadel.org/20210210_1/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("W. Europe Daylight Time", "Europe/Berlin"),
        ("W. Europe Standard Time 2", "Europe/Berlin"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(UTC+01:00) Brussels\\, Copenhagen\\, Madrid\\, Paris", "Europe/Brussels"),
        ("(GMT+01.00) Sarajevo, Skopje, Warsaw, Zagreb", "Europe/Sarajevo"),
        ("(GMT) Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(GMT-08:00) Pacific Time (US and Canada); Tijuana", "America/Los_Angeles"),
        ("(UTC-05:00) Eastern Standard Time", "America/New_York"),
        ("Eastern Time", "America/New_York"),
        ("US-Eastern", "US/Eastern"),
        ("(GMT+01.00) Sarajevo/Warsaw/Zagreb", "Europe/Sarajevo"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"),
        ("(UTC+09:00) Osaka, Sapporo, Tokyo", "Asia/Tokyo"),
        ("(UTC+06:30) Yangon (Rangoon)", "Asia/Yangon"),
        ("(UTC) Coordinated Universal Time", "UTC"),
        ("tzone://Microsoft/Utc", "UTC"),
        ('"tzone://Microsoft/Utc"', "UTC"),
        ("Z", "UTC"),
    ],
)
def test_zone_is_known_by_names_of_programs(name, expected):
    assert str(get_zone(name)) == expected


@pytest.mark.parametrize(
    "name", ["", "Dana's zone", "tzone://Microsoft/Custom", "(UTC+01:00) Dana's house", "../../etc/passwd", "localtime"]
)
def test_unknown_zone_is_none(name):
    assert get_zone(name) is None


def test_every_windows_zone_is_known():
    assert [name for name in WINDOWS_NAMES if get_zone(name) is None] == []


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("UTC+03:00", 180),
        ("GMT+05:30", 330),
        ("gmt-3", -180),
        ("+0530", 330),
        ("(UTC+01:00)", 60),
        ("UTC -04.30", -270),
    ],
)
def test_name_that_is_an_offset_is_that_offset(name, minutes):
    assert get_offset_zone(name).utcoffset(None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("name", ["UTC+99:00", "UTC+01:75", "GMT -0500 (Standard) / GMT -0400 (Daylight)", "3"])
def test_name_that_is_more_or_less_than_an_offset_has_none(name):
    assert get_offset_zone(name) is None


@pytest.mark.parametrize(
    ("zone", "wall"),
    [
        ("tzone://Microsoft/Utc", "09:00–10:00"),
        ("tzone://Microsoft/Custom", "09:00–10:00"),  # as Dana's own
        ("Customized Time Zone", "09:00–10:00"),
        ("Customized Time Zone 1", "09:00–10:00"),
        ("UTC+03:00", "06:00–07:00"),
        ("GMT+05:30", "03:30–04:30"),
        ("(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "08:00–09:00"),
        ("Eastern Standard Time 1", "13:00–14:00"),
        ("EDT", "13:00–14:00"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_event_in_named_zone_is_at_its_time(zone, wall, quote):
    body = calendar(at("0324T0900", "0324T1000", zone=f"{quote}{zone}{quote}"))

    assert (said(body), unread(body)) == ([f"24 Mar {wall}"], [])


def test_utc_time_beside_a_zone_is_utc():
    body = calendar(event("DTSTART;TZID=America/New_York:20260324T090000Z", "DURATION:PT1H"))

    assert said(body) == ["24 Mar 09:00–10:00"]


def zone(name, *lines, kind="STANDARD"):
    return "\n".join(["BEGIN:VTIMEZONE", f"TZID:{name}", f"BEGIN:{kind}", *lines, f"END:{kind}", "END:VTIMEZONE"])


TO_THREE = ("TZOFFSETFROM:+0200", "TZOFFSETTO:+0300")


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:19700101T000000", *TO_THREE),
        ("DTSTART:00010101T000000", *TO_THREE),
        ("DTSTART:19160101T000000", "RDATE:", "RDATE:", *TO_THREE),
        ("DTSTART:19700101T000000", "RRULE:", *TO_THREE),
        ("DTSTART:19700101T000000", "RDATE:20260101T000000,", *TO_THREE),
        TO_THREE,
        ("TZOFFSETTO:+03:00",),
        ("TZOFFSETFROM:+2:00", "TZOFFSETTO:+03"),
        ("DTSTART:20300101T000000", "TZOFFSETFROM:+0300", "TZOFFSETTO:+0400"),  # the one before it
    ],
)
def test_zone_of_its_own_definition_is_read(lines):
    body = calendar(zone("Dana's house", *lines), at("0324T0900", "0324T1000", zone="Dana's house"))

    assert (said(body), unread(body)) == (["24 Mar 06:00–07:00"], [])


@pytest.mark.parametrize(
    ("start", "rule"), [("0001", ""), ("1601", "INTERVAL=1;"), ("2020", ""), ("1981", "RSCALE=GREGORIAN;")]
)
def test_zone_with_yearly_changes_follows_them(start, rule):
    parts = "BEGIN:{}\nDTSTART:{}{}\nTZOFFSETFROM:{}\nTZOFFSETTO:{}\nRRULE:{}FREQ=YEARLY;BYDAY=-1SU;BYMONTH={}\nEND:{}"
    winter = parts.format("STANDARD", start, "1025T030000", "+0200", "+0100", rule, 10, "STANDARD")
    summer = parts.format("DAYLIGHT", start, "0329T020000", "+0100", "+0200", rule, 3, "DAYLIGHT")
    series = at("0327T0230", "0327T0245", "RRULE:FREQ=DAILY;COUNT=4", zone="Dana's house")

    body = calendar(f"BEGIN:VTIMEZONE\nTZID:Dana's house\n{winter}\n{summer}\nEND:VTIMEZONE", series)

    # On the 29th that hour is skipped, and counts from the time before.
    assert said(body) == ["27 Mar 01:30–01:45", "28 Mar 01:30–01:45", "29 Mar 02:30–02:45", "30 Mar 01:30–01:45"]


def test_zone_that_says_its_place_is_of_that_place():
    home = zone("Home", "TZOFFSETFROM:whatever").replace("TZID:Home", "TZID:Home\nX-LIC-LOCATION:Europe/Berlin")
    body = calendar(home, at("0324T0900", "0324T1000", zone="Home"), at("0330T0900", "0330T1000", zone="Home", uid="2"))

    assert said(body) == ["24 Mar 08:00–09:00", "30 Mar 08:00–09:00"]


def test_known_zone_is_not_what_calendar_defines():
    wrong = zone("(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "DTSTART:19700101T000000", *TO_THREE)
    event_there = at("0324T0900", "0324T1000", zone='"(UTC+01:00) Brussels, Copenhagen, Madrid, Paris"')

    assert said(calendar(wrong, event_there)) == ["24 Mar 08:00–09:00"]


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:whenever", *TO_THREE),
        ("DTSTART:19700101T000000", "TZOFFSETTO:east"),
        ("DTSTART:19700101T000000", "RRULE:FREQ=SOMETIMES", *TO_THREE),
        (),
    ],
)
def test_malformed_zone_harms_only_its_own_events(lines):
    malformed, fine = zone("Home", *lines), at("0330T0900", "0330T1000", uid="2")

    assert said(calendar(malformed, fine)) == ["30 Mar 09:00–10:00"]
    assert unread(calendar(malformed, fine)) == []
    assert unread(calendar(malformed, at("0324T0900", "0324T1000", zone="Home"), fine)) == ["24 Mar"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("0324T0900", "0324T1000", "23 Mar 19:00–25 Mar 00:00"),  # from 14 hours ahead of UTC on
        ("0324T2100", "0324T2200", "24 Mar 00:00–25 Mar 10:00"),  # to 12 hours behind
    ],
)
def test_event_in_unknown_zone_blocks_its_day_with_room_for_offset(start, end, expected):
    body = calendar(at(start, end, zone="Dana's house"))

    assert (said(body), unread(body)) == ([expected], ["24 Mar"])


def test_zone_of_windows_is_as_far_from_utc_as_its_display_name_says():
    for offset, places in [
        (1, "Belgrade, Bratislava, Budapest, Ljubljana, Prague"),
        (-5, "Eastern Time (US & Canada)"),
    ]:
        found = get_zone(f"(UTC{offset:+03}:00) {places}")
        assert found.utcoffset(datetime(2026, 1, 1)) == timedelta(hours=offset)
