"""Busy times computed from iCalendar feeds of many programs."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduling.calendars.base import NotACalendar
from scheduling.calendars.sandbox import compute_in_sandbox
from scheduling.calendars.trimming import trim_feed
from tests.scheduling.calendars.texts import (
    APPLE,
    END,
    GOOGLE,
    LONDON,
    NEXTCLOUD,
    OUTLOOK,
    START,
    at,
    calendar,
    event,
    intervals,
    read,
    said,
    unread,
    written,
)

NEW_YORK = ZoneInfo("America/New_York")


# Feeds of well-known programs


def test_google_feed_is_understood():
    assert said(GOOGLE) == [
        "26 Mar 14:00–15:00",
        "30 Mar 09:30–10:15",  # on the wall clock, across the change; the 23rd is left out
        "2 Apr 00:00–4 Apr 00:00",
        "7 Apr 14:00–14:45",  # moved from the 6th
    ]


def test_outlook_feed_is_understood():
    assert said(OUTLOOK, zone=ZoneInfo("Europe/Berlin")) == [
        "26 Mar 10:00–11:00",  # tentative is busy
        "27 Mar 10:00–11:00",
        "28 Mar 10:00–11:00",
        "29 Mar 10:00–11:00",
        "30 Mar 10:00–11:00",  # and in a zone of the file's own, 12:00 at four hours from UTC is 10:00 in Berlin
        "31 Mar 10:00–11:00",
    ]


def test_apple_feed_is_understood():
    assert said(APPLE) == ["28 Mar 16:00–17:00", "30 Mar 07:00–08:30", "31 Mar 22:00–1 Apr 06:00", "4 Apr 17:00–18:00"]


def test_nextcloud_feed_is_understood():
    assert said(NEXTCLOUD, zone=ZoneInfo("Europe/Berlin")) == [
        "24 Mar 10:00–11:00",
        "1 Apr 15:00–16:00",
        "2 Apr 10:00–11:00",
        "3 Apr 12:00–15:00",
    ]


def test_free_busy_feed_is_understood():
    body = calendar(
        "BEGIN:VFREEBUSY",
        "DTSTART:20260301T000000Z",
        "DTEND:20260501T000000Z",
        "FREEBUSY;FBTYPE=BUSY:20260324T090000Z/PT1H,20260325T090000Z/20260325T093000Z",
        "FREEBUSY:20260326T090000Z/PT15M",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260327T090000Z/PT15M",
        "FREEBUSY;FBTYPE=FREE:20260328T090000Z/PT15M",
        "END:VFREEBUSY",
    )
    assert said(body) == ["24 Mar 09:00–10:00", "25 Mar 09:00–09:30", "26 Mar 09:00–09:15", "27 Mar 09:00–09:15"]


# Time zones of whole days


def test_all_day_event_uses_calendars_zone_or_else_locations():
    day = event("DTSTART;VALUE=DATE:20260330", "DTEND;VALUE=DATE:20260331")

    assert said(calendar(day), zone=NEW_YORK) == ["30 Mar 00:00–31 Mar 00:00"]
    assert said(calendar("X-WR-TIMEZONE:America/New_York", day)) == ["30 Mar 05:00–31 Mar 05:00"]
    assert said(calendar("X-WR-TIMEZONE:Eastern Standard Time", day)) == ["30 Mar 05:00–31 Mar 05:00"]


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT", "", "Nowhere/Land", "../../etc/passwd"])
def test_calendar_without_usable_zone_uses_locations_zone(name):
    day = event("DTSTART;VALUE=DATE:20260330")

    assert said(calendar(f"X-WR-TIMEZONE:{name}", day)) == ["30 Mar 00:00–31 Mar 00:00"]


def test_all_day_event_on_clock_change_lasts_23_hours():
    sunday = calendar(event("DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260330"))

    [(start, end)] = intervals(sunday)
    assert end - start == 23 * 3_600


def test_all_day_event_without_later_end_lasts_one_day():
    assert said(calendar(event("DTSTART;VALUE=DATE:20260330"))) == ["30 Mar 00:00–31 Mar 00:00"]
    same = event("DTSTART;VALUE=DATE:20260330", "DTEND;VALUE=DATE:20260330")
    assert said(calendar(same)) == ["30 Mar 00:00–31 Mar 00:00"]


def test_zone_defined_by_two_calendars_differs_for_each():
    def body(offset):
        zone = ["BEGIN:VTIMEZONE", "TZID:Home", "BEGIN:STANDARD", "DTSTART:19700101T000000"]
        zone += [f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}", "END:STANDARD", "END:VTIMEZONE"]
        return calendar(*zone, at("0324T0900", "0324T1000", zone="Home"))

    found = []
    for offset in ("+0300", "-0500"):
        feed = trim_feed(body(offset), start=START, end=END, is_own=lambda uid: False)
        found += [
            written(*one) for one in compute_in_sandbox(feed, start=START, end=END, zone=LONDON, timeout=20).intervals
        ]
    assert found == ["24 Mar 06:00–07:00", "24 Mar 14:00–15:00"]


# Recurrence


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;COUNT=3", "27 28 29"),
        ("FREQ=DAILY;UNTIL=20260329", "27 28 29"),  # a date includes the day, whatever the time
        ("FREQ=DAILY;UNTIL=20260329T090000", "27 28 29"),  # in local time: nine in New York is later than in UTC
        ("FREQ=DAILY;UNTIL=20260329T130000Z", "27 28 29"),
        ("FREQ=DAILY;UNTIL=20260329T125959Z", "27 28"),
        ("FREQ=WEEKLY;BYDAY=FR,SU;UNTIL=20260330", "27 29"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=1", "27"),
        ("FREQ=YEARLY", "27"),
    ],
)
def test_event_repeats_until_its_rule_ends(rule, days):
    body = calendar(at("0327T0900", "0327T1000", f"RRULE:{rule}", zone="America/New_York"))

    end = datetime(2026, 3, 31, tzinfo=UTC)
    assert said(body, zone=NEW_YORK, end=end) == [f"{day} Mar 09:00–10:00" for day in days.split()]


def test_all_day_event_repeating_until_utc_midnight_includes_last_day():
    body = calendar(event("DTSTART;VALUE=DATE:20260327", "RRULE:FREQ=DAILY;UNTIL=20260328T230000Z"))

    assert said(body, zone=ZoneInfo("Europe/Berlin")) == ["27 Mar 00:00–30 Mar 00:00"]


def test_occurrence_at_skipped_wall_time_is_shifted_by_gap():
    body = calendar(at("0328T0115", "0328T0145", "RRULE:FREQ=DAILY;COUNT=3"))

    assert said(body) == ["28 Mar 01:15–01:45", "29 Mar 02:15–02:45", "30 Mar 01:15–01:45"]


@pytest.mark.parametrize(
    "exception",
    [
        "EXDATE;TZID=Europe/London:20260325T090000",
        "EXDATE:20260325T090000Z",
        "EXDATE;VALUE=DATE:20260325",
        "EXDATE;TZID=Europe/Berlin:20260325T100000",
    ],
)
def test_exdate_in_any_notation_excludes_occurrence(exception):
    body = calendar(at("0324T0900", "0324T1000", "RRULE:FREQ=DAILY;COUNT=3", exception))

    assert said(body) == ["24 Mar 09:00–10:00", "26 Mar 09:00–10:00"]


def test_occurrence_may_be_moved_cancelled_or_made_free():
    series = at("0324T0900", "0324T1000", "RRULE:FREQ=DAILY;COUNT=4")
    moved = at("0410T1200", "0410T1300", "RECURRENCE-ID;TZID=Europe/London:20260324T090000")
    cancelled = at("0325T0900", "0325T1000", "RECURRENCE-ID:20260325T090000Z", "STATUS:CANCELLED")
    free = at("0326T0900", "0326T1000", "RECURRENCE-ID:20260326T090000Z", "TRANSP:TRANSPARENT")

    assert said(calendar(series, moved, cancelled, free)) == ["27 Mar 09:00–10:00", "10 Apr 12:00–13:00"]


def test_this_and_future_occurrences_may_be_moved():
    series = at("0324T0900", "0324T1000", "RRULE:FREQ=DAILY;COUNT=4")
    later = at("0326T1400", "0326T1600", "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/London:20260326T090000")

    assert said(calendar(series, later)) == [
        "24 Mar 09:00–10:00",
        "25 Mar 09:00–10:00",
        "26 Mar 14:00–16:00",
        "27 Mar 14:00–16:00",
    ]


def test_occurrence_of_free_series_may_be_busy():
    series = at("0324T0900", "0324T1000", "RRULE:FREQ=DAILY;COUNT=4", "TRANSP:TRANSPARENT")
    busy = at("0325T0900", "0325T1000", "RECURRENCE-ID:20260325T090000Z", "TRANSP:OPAQUE")

    assert said(calendar(series, busy)) == ["25 Mar 09:00–10:00"]


def test_event_lasting_beyond_window_is_clipped_to_it():
    body = calendar(event("DTSTART:19990101T000000Z", "DTEND:20991231T000000Z"))

    assert said(body, zone=ZoneInfo("UTC")) == ["23 Mar 00:00–13 Apr 00:00"]


# Duplicates


def test_events_sharing_an_identifier_all_count():
    body = calendar(at("0324T0900", "0324T1000"), at("0325T0900", "0325T1000"), at("0326T0900", "0326T1000", uid=""))
    nameless = calendar("BEGIN:VEVENT\nDTSTART:20260327T090000Z\nDTEND:20260327T100000Z\nEND:VEVENT")

    assert said(body) == ["24 Mar 09:00–10:00", "25 Mar 09:00–10:00", "26 Mar 09:00–10:00"]
    assert said(nameless) == ["27 Mar 09:00–10:00"]


def test_event_with_higher_sequence_replaces_older_version():
    old, new = at("0324T0900", "0324T1000", "SEQUENCE:1"), at("0325T0900", "0325T1000", "SEQUENCE:2")

    assert said(calendar(new, old)) == ["25 Mar 09:00–10:00"]


def test_overlapping_events_merge_and_empty_event_is_ignored():
    body = calendar(
        at("0324T0900", "0324T1000", uid="a"),
        at("0324T0930", "0324T1030", uid="b"),
        at("0324T1030", "0324T1100", uid="c"),
        at("0325T0900", "0325T0900", uid="d"),
    )
    assert said(body) == ["24 Mar 09:00–11:00"]


def test_own_appointment_read_back_is_not_busy_time():
    body = calendar(at("0324T0900", "0324T1000", uid="x.dana@holdfast"), at("0325T0900", "0325T1000", uid="other"))

    assert said(body, is_own=lambda uid: uid == "x.dana@holdfast") == ["25 Mar 09:00–10:00"]


# Syntax


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_feed_accepts_any_line_ending(newline):
    assert said(calendar(at("0324T0900", "0324T1000"), newline=newline)) == ["24 Mar 09:00–10:00"]


def test_feed_accepts_any_case_and_line_folding():
    body = calendar(at("0324T0900", "0324T1000")).replace(b"DTSTART;TZID=", b"dtstart;tz\r\n id=")
    body = body.replace(b"BEGIN:VEVENT", b"begin:vevent ")

    assert said(b"\xef\xbb\xbf" + body) == ["24 Mar 09:00–10:00"]


def test_feed_with_malformed_irrelevant_parts_is_read():
    body = calendar(
        at(
            "0324T0900",
            "0324T1000",
            'ATTENDEE;CN="open:mailto:x',
            "ATTACH;VALUE=BINARY:%%%",
            "SUMMARY:\x00\xff",
            "BEGIN:VALARM",
            "TRIGGER:whenever",
            "END:VALARM",
            "not a line at all",
        )
    )
    assert said(body) == ["24 Mar 09:00–10:00"]


def test_feed_with_several_calendars_counts_all():
    both = calendar(at("0324T0900", "0324T1000")) + calendar(at("0325T0900", "0325T1000", uid="2"))

    assert said(both) == ["24 Mar 09:00–10:00", "25 Mar 09:00–10:00"]


def test_empty_calendar_has_no_busy_time():
    assert said(calendar()) == []


# Refusals


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b'{"error": "gone"}',
        b"\x1f\x8b\x08" + b"x" * 99,
        b"BEGIN:VEVENT\nEND:VEVENT",
        b"BEGIN:VCALENDAR",
        GOOGLE[:-20],
        GOOGLE[:1500],
        b"BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VEVENT\n",
        b"BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCALENDAR\n",
        b"BEGIN:VCARD\nEND:VCARD",
        b"BEGIN:VCALENDAR\n" + b"BEGIN:X\n" * 100_000,
        b"BEGIN:VCALENDAR\n" * 100_000 + b"END:VCALENDAR\n" * 100_000,
        b"END:VCALENDAR\n" * 3,
        "BEGIN:VCALENDAR\nEND".encode("utf-16"),
    ],
)
def test_truncated_feed_is_refused(body):
    with pytest.raises(NotACalendar):
        said(body)


# What cannot be understood

NINE = "DTSTART:20260324T090000Z"
HOUR = "DURATION:PT1H"
FROM_NINE = "24 Mar 09:00–10:00"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([NINE, "DTEND:20260323T100000Z"], "23 Mar 10:00–24 Mar 09:00"),
        ([NINE, "DURATION:-PT1H"], "24 Mar 08:00–09:00"),
        ([NINE, "DTEND;TZID=Asia/Tokyo:20260324T170000"], "24 Mar 08:00–09:00"),
        ([NINE, "DTEND:", HOUR], FROM_NINE),
        ([NINE, "DTEND:20260324T100000Z", "DURATION:PT3H"], FROM_NINE),
        (["DTSTART:20260324T2200", "DTEND:20260324T240000"], "24 Mar 22:00–25 Mar 00:00"),
        (["DTSTART:20260324", "DTEND:20260324T170000"], "24 Mar 00:00–25 Mar 00:00"),
        (["DTSTART:20260324", "DTEND:20260325T000000"], "24 Mar 00:00–25 Mar 00:00"),
        (["DTSTART:20260325", "DTEND:20260324"], "24 Mar 00:00–26 Mar 00:00"),
        (["DTSTART:20260324", "DURATION:PT1H"], "24 Mar 00:00–25 Mar 00:00"),
        (["DTSTART:20260324", "DURATION:PT48H"], "24 Mar 00:00–26 Mar 00:00"),
        ([NINE, HOUR, "RRULE:"], FROM_NINE),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260325T090000Z,"], FROM_NINE),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260325"], FROM_NINE),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260325T000000Z"], FROM_NINE),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXRULE:FREQ=DAILY;COUNT=9;BYDAY=WE"], FROM_NINE),
        ([NINE, HOUR, "RDATE:", "EXDATE;TZID=Europe/Berlin:"], FROM_NINE),
        ([NINE, HOUR, "RRULE:FREQ=YEARLY;UNTIL=99991231T235959Z"], FROM_NINE),
        ([NINE, HOUR, "X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT45M"], "24 Mar 08:15–10:00"),
        ([NINE, "DURATION:-PT1H", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20260325T090000Z"], "24 Mar 08:00–09:00"),
        (
            [NINE, "DTEND:20260323T200000Z", "RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20260331T080000Z"],
            "23 Mar 20:00–24 Mar 09:00",
        ),
        ([NINE, "DURATION:P999999999D"], "24 Mar 09:00–13 Apr 01:00"),
        (["DTSTART;VALUE=DATE:16040324", "RRULE:FREQ=YEARLY"], "24 Mar 00:00–25 Mar 00:00"),
    ],
)
def test_event_with_a_plain_meaning_means_that(lines, expected):
    body = calendar(event(*lines))

    assert (said(body), unread(body)) == ([expected], [])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([NINE, "DURATION:an hour"], ["24 Mar 09:00–25 Mar 00:00"]),
        ([NINE, "DTEND:19700101T000000Z"], ["24 Mar 09:00–25 Mar 00:00"]),
        (["DTSTART;VALUE=DATE:20260324", "DTEND;VALUE=DATE:00010101"], ["24 Mar 00:00–25 Mar 00:00"]),
        ([NINE, "DTEND;TZID=Nowhere/Land:20260324T100000"], ["24 Mar 09:00–25 Mar 00:00"]),
        ([NINE, "DTEND;VALUE=DATE:20260326"], ["24 Mar 09:00–26 Mar 00:00"]),
        (["DTSTART:20260324T990000Z", HOUR], ["24 Mar 00:00–25 Mar 00:00"]),
        (
            [NINE, HOUR, "RRULE:FREQ=SOMETIMES;BYDAY=TH,FR;UNTIL=20260401"],
            [FROM_NINE, "26 Mar 09:00–10:00", "27 Mar 09:00–10:00"],
        ),
        ([NINE, HOUR, "RRULE:every Tuesday"], [FROM_NINE, "31 Mar 10:00–11:00", "7 Apr 10:00–11:00"]),
        ([NINE, HOUR, "RRULE:FREQ=MINUTELY;INTERVAL=15;COUNT=4"], ["24 Mar 00:00–25 Mar 00:00"]),
        ([NINE, HOUR, "RRULE:FREQ=SECONDLY;INTERVAL=3600;COUNT=16"], ["24 Mar 00:00–26 Mar 00:00"]),
        ([NINE, HOUR, "RRULE:FREQ=MINUTELY;INTERVAL=5;UNTIL=20260325"], ["24 Mar 00:00–26 Mar 00:00"]),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:tomorrow"], [FROM_NINE, "25 Mar 09:00–10:00"]),
        ([NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=2", "EXRULE:FREQ=SOMETIMES"], [FROM_NINE, "25 Mar 09:00–10:00"]),
        ([NINE, HOUR, "RDATE:tomorrow,20260325T090000Z"], [FROM_NINE, "25 Mar 09:00–10:00"]),
        (
            [
                "DTSTART;TZID=Nowhere:20260324T090000",
                HOUR,
                "RRULE:FREQ=DAILY;COUNT=2",
                "EXDATE;TZID=Nowhere:20260325T090000",
            ],
            ["23 Mar 19:00–25 Mar 00:00"],
        ),
    ],
)
def test_odd_event_blocks_what_it_could_mean_and_others_count(lines, expected):
    body = calendar(event(*lines, uid="odd"), at("0410T0900", "0410T1000", uid="good"))

    assert (said(body), unread(body)) == ([*expected, "10 Apr 09:00–10:00"], ["24 Mar"])


@pytest.mark.parametrize(
    "lines", [["DTEND:20260324T100000Z"], ["DTSTART:soon", "RRULE:FREQ=DAILY"], ["DTSTART:20260332"]]
)
def test_event_without_readable_start_blocks_nothing(lines):
    body = calendar(event(*lines, uid="odd"), at("0324T0900", "0324T1000"))

    assert (said(body), unread(body)) == ([FROM_NINE], ["?"])


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:soon", "TRANSP:TRANSPARENT"],
        [NINE, HOUR, "RRULE:FREQ=SOMETIMES", "STATUS:CANCELLED"],
        [NINE, HOUR, "STATUS:Canceled"],
        ["DTSTART;TZID=Nowhere:20260324T090000", HOUR, "X-MICROSOFT-CDO-BUSYSTATUS:FREE"],
        ["DTSTART;TZID=Nowhere:20160324T090000", HOUR, "RRULE:FREQ=DAILY;COUNT=9"],
        ["DTSTART;TZID=Nowhere:20160324T090000", HOUR, "RRULE:FREQ=DAILY;BYDAY=XX;UNTIL=20170101T000000Z"],
        ["DTSTART:20160324T090000Z", "DTEND:20160323T100000Z", "STATUS:WHATEVER"],
        ["DTSTART;VALUE=DATE:20271002", "RRULE:FREQ=WEEKLY;UNTIL=20271001;BYDAY=MO"],
    ],
)
def test_odd_event_that_is_free_or_over_is_not_told(lines):
    body = calendar(event(*lines))

    assert (said(body), unread(body)) == ([], [])


@pytest.mark.parametrize(
    ("lines", "expected", "days"),
    [
        (["RECURRENCE-ID;TZID=Nowhere:20260325T090000", "DTSTART:20260325T090000Z", HOUR], ["25 Mar 09:00–10:00"], []),
        (["RECURRENCE-ID:someday", "DTSTART:20260326T090000Z", HOUR], ["26 Mar 09:00–10:00"], ["26 Mar"]),
        (["RECURRENCE-ID:20260325T090000Z", "DTSTART:soon"], [], ["?"]),
        (["RECURRENCE-ID:20260325T090000Z", "DTSTART:soon", "STATUS:CANCELLED"], [], []),
    ],
)
def test_override_of_odd_free_series_counts_by_itself(lines, expected, days):
    series = event("DTSTART;TZID=Nowhere:20260324T090000", HOUR, "RRULE:FREQ=SOMETIMES", "TRANSP:TRANSPARENT")
    body = calendar(series, event(*lines))

    assert (said(body), unread(body)) == (expected, days)


def test_later_occurrences_of_free_series_may_be_busy():
    series = event(NINE, HOUR, "RRULE:FREQ=DAILY;COUNT=4", "TRANSP:TRANSPARENT")
    later = event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260326T090000Z", "DTSTART:20260326T110000Z", HOUR)
    weeks_later = event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260226T090000Z", "DTSTART:20260326T110000Z", HOUR)
    old = event("DTSTART:20260225T090000Z", HOUR, "RRULE:FREQ=DAILY;COUNT=3", "TRANSP:TRANSPARENT")

    assert said(calendar(series, later)) == ["26 Mar 11:00–12:00", "27 Mar 11:00–12:00"]
    assert said(calendar(old, weeks_later)) == ["26 Mar 11:00–12:00", "27 Mar 11:00–12:00"]


def test_overrides_of_unknown_occurrences_all_count():
    first = at("0324T0900", "0324T1000", "RECURRENCE-ID:someday", "SEQUENCE:1")
    second = at("0325T0900", "0325T1000", "RECURRENCE-ID:another", "SEQUENCE:2")

    assert said(calendar(first, second)) == [FROM_NINE, "25 Mar 09:00–10:00"]


def test_override_of_older_version_than_its_series_counts():
    series = at("0324T0900", "0324T1000", "RRULE:FREQ=DAILY;COUNT=2", "SEQUENCE:5")
    moved = at("0325T1200", "0325T1300", "RECURRENCE-ID:20260325T090000Z", "SEQUENCE:1")

    assert said(calendar(series, moved)) == [FROM_NINE, "25 Mar 12:00–13:00"]


def test_odd_free_busy_period_blocks_to_the_end_of_its_day():
    periods = "20260324T090000Z/PT1H,nonsense,20260325T220000Z/whenever,20260327T100000Z/20260327T090000Z,,"
    body = calendar("BEGIN:VFREEBUSY", f"FREEBUSY:{periods}", "FREEBUSY:", "END:VFREEBUSY")

    assert said(body) == [FROM_NINE, "25 Mar 22:00–26 Mar 00:00", "27 Mar 09:00–10:00"]
    assert unread(body) == ["25 Mar"]


def test_ignored_event_blocks_nothing_and_is_still_told():
    odd, good = event(NINE, "DURATION:an hour"), at("0410T0900", "0410T1000", uid="good")
    body = calendar(odd, good)
    [event_found] = read(body).not_understood

    found = read(body, ignored={event_found.fingerprint})

    assert found == (intervals(calendar(good)), [event_found])


def test_fingerprint_changes_with_what_counts_of_an_event_only():
    def get_fingerprint(*lines):
        [found] = read(calendar(event("DTSTART:soon", *lines), FROM_ELSEWHERE)).not_understood
        return found.fingerprint

    FROM_ELSEWHERE = at("0410T0900", "0410T1000", uid="good")
    assert get_fingerprint("SUMMARY:Lunch") == get_fingerprint("SUMMARY:Dinner") != get_fingerprint(HOUR)


# Holidays of a location


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART;VALUE=DATE:20260403", "TRANSP:TRANSPARENT"], ["3 Apr 00:00–4 Apr 00:00"]),
        (["DTSTART;VALUE=DATE:20260403", "RRULE:FREQ=YEARLY", "STATUS:TENTATIVE"], ["3 Apr 00:00–4 Apr 00:00"]),
        (["DTSTART:20260403T000000Z", "DTEND:20260405T000000Z"], ["3 Apr 00:00–5 Apr 00:00"]),  # whole days by time
        (["DTSTART:20260403T000000Z", "DTEND:20260403T235900Z"], ["3 Apr 00:00–4 Apr 00:00"]),
        (["DTSTART;TZID=Nowhere:20260403T000000", "DURATION:P1D"], ["3 Apr 00:00–4 Apr 00:00"]),
        (["DTSTART;VALUE=DATE:20260403", "STATUS:CANCELLED"], []),
        (["DTSTART:20260403T090000Z", "DTEND:20260404T090000Z"], []),
        (["DTSTART:20260403T000000Z", "DTEND:20260403T120000Z"], []),
    ],
)
def test_only_whole_days_close_a_location(lines, expected):
    body = calendar("X-WR-TIMEZONE:America/New_York", event(*lines), "BEGIN:VFREEBUSY\nFREEBUSY:soon\nEND:VFREEBUSY")

    assert (said(body, only_all_day=True), unread(body, only_all_day=True)) == (expected, [])


def test_odd_holiday_is_told_and_odd_hours_are_not():
    holiday = event("DTSTART;VALUE=DATE:20260403", "RRULE:FREQ=SOMETIMES;BYMONTHDAY=3", uid="a")
    body = calendar(holiday, event(NINE, "DURATION:an hour", uid="b"))

    assert said(body, only_all_day=True) == ["3 Apr 00:00–4 Apr 00:00"]
    assert unread(body, only_all_day=True) == ["3 Apr"]
