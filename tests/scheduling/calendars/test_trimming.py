"""What is a calendar's own line, and what is somebody's text: structure, folds, encodings and spills."""

from datetime import timedelta

import pytest

from scheduling.calendars.trimming import trim_feed
from tests.scheduling.calendars.texts import END, START, at, calendar, event, said, unread

NINE_TO_TEN = ("DTSTART:20260324T090000Z", "DTEND:20260324T100000Z")
FRIDAY = at("0327T0900", "0327T1000", uid="friday")


@pytest.mark.parametrize(
    "lines",
    [
        [*NINE_TO_TEN, "DESCRIPTION:Begin: 9:00", "End: 19:30", "Begin: now", "END:of the meeting", "BEGIN:PARTY"],
        [*NINE_TO_TEN, "DESCRIPTION:Ward 4", "Duration: 2 hours", "Status: cancelled", "Sequence: last"],
        ["DESCRIPTION:Ward 4", "Duration: 2 hours", "DURATION:two hours", "DTSTART:20260324T090000Z", "DURATION:PT1H"],
        ["DESCRIPTION:Ward 4", "UID:ask Reed", "UID:", "DTEND: whenever", "RRULE:", *NINE_TO_TEN],
        ["STATUS:CONFIRMED", *NINE_TO_TEN, "DESCRIPTION:was once", "STATUS:CANCELLED", "TRANSP:see-through"],
        [*NINE_TO_TEN, "UID;NOTE", "DESCRIPTION:rule", "Rrule: every day", "Rdate: tomorrow", "Exdate: today"],
        [*NINE_TO_TEN, "BEGIN:VLOCATION", "DTSTART:here", "END:VLOCATION", "BEGIN:X-PART", "RRULE:all", "END:X-PART"],
        [*NINE_TO_TEN, "BEGIN:VALARM", "TRIGGER:-PT5M"],
    ],
)
def test_text_that_spills_over_its_line_is_text(lines):
    body = calendar(event(*lines), FRIDAY)

    assert (said(body), unread(body)) == (["24 Mar 09:00–10:00", "27 Mar 09:00–10:00"], [])


def test_event_that_never_ends_ends_where_the_next_begins():
    body = calendar("\n".join(["BEGIN:VEVENT", "UID:open", *NINE_TO_TEN]), FRIDAY)

    assert (said(body), unread(body)) == (["24 Mar 09:00–10:00", "27 Mar 09:00–10:00"], [])


def test_event_behind_the_calendars_end_counts():
    assert said(b"BEGIN:VCALENDAR\nEND:VCALENDAR\n" + event(*NINE_TO_TEN).encode() + b"\n" + calendar(FRIDAY)) == [
        "24 Mar 09:00–10:00",
        "27 Mar 09:00–10:00",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.decode().encode("utf-16"),
        lambda body: b"\xfe\xff" + body.decode().encode("utf-16-be"),
        lambda body: body.decode().encode("utf-16-le"),
        lambda body: body.decode().encode("utf-16-be"),
        lambda body: b"\xef\xbb\xbf\r\n\t\r\n" + body,
        lambda body: "\u200b\u00a0".encode() + body,
        lambda body: body.replace(b"\r\n", b"\r\r\n"),
        lambda body: body.replace(b"DTSTART:2026", b"dtstart : 2\r\n 026"),
        lambda body: body.replace(b"VERSION:2.0\r\n", b""),
        lambda body: body + b"<!-- counted by Reed's hosting -->",
        lambda body: body.replace(b"BEGIN:VEVENT", b"Begin:vevent").replace(b"END:VEVENT", b"END: VEVENT"),
    ],
)
def test_calendar_in_another_dress_is_read(change):
    assert said(change(calendar(event(*NINE_TO_TEN)))) == ["24 Mar 09:00–10:00"]


def test_line_folded_within_a_character_is_one_line():
    home = ["BEGIN:VTIMEZONE", "TZID:Zoë", "BEGIN:STANDARD", "TZOFFSETTO:+0300", "END:STANDARD", "END:VTIMEZONE"]
    body = calendar(*home, at("0324T0900", "0324T1000", zone="Zoë")).replace("Zoë:".encode(), b"Zo\xc3\r\n \xab:")

    assert said(body) == ["24 Mar 06:00–07:00"]


def trimmed(*lines):
    return trim_feed(calendar(event(*lines)), start=START, end=END, is_own=lambda uid: False).text


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20120324T090000Z", "DTEND:20120324T100000Z"],
        ["DTSTART:20120324T090000Z", "DURATION:P7D"],
        ["DTSTART:20120324T090000Z", "DTEND:20120324T100000Z", "RRULE:FREQ=DAILY;UNTIL=20130101T000000Z"],
        ["DTSTART;TZID=Nowhere:20120324T090000", "RRULE:FREQ=NEVER;UNTIL=20130101", "DURATION:PT1H"],
        ["DTSTART:20120324T090000Z", "RRULE:", "DTEND:"],
        ["DTSTART:20300324T090000Z", "RRULE:FREQ=DAILY"],
    ],
)
def test_event_outside_the_window_is_left_out(lines):
    assert trimmed(*lines) == ""


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20120324T090000Z", "DURATION:P800W"],
        ["DTSTART:20120324T090000Z", "DURATION:for years"],
        ["DTSTART:20120324T090000Z", "DTEND:20120424T090000Z", "RRULE:FREQ=YEARLY;UNTIL=20260310"],
        ["DTSTART:20120324T090000Z", "DURATION:P40D", "RRULE:FREQ=YEARLY;UNTIL=20260310"],
        ["DTSTART:20120324T090000Z", "RRULE:FREQ=DAILY;UNTIL=20130101", "RRULE:FREQ=YEARLY"],
        ["DTSTART:20120324T090000Z", "RRULE:FREQ=DAILY;UNTIL=20130101", "RDATE:20260324T090000Z"],
        ["DTSTART:20120324T090000Z", "RRULE:FREQ=DAILY;COUNT=9999"],
        ["DTSTART:20120324T090000Z", "RECURRENCE-ID:20260324T090000Z"],
        ["DTSTART:sometime"],
    ],
)
def test_event_that_may_be_in_the_window_is_kept(lines):
    assert trimmed(*lines).startswith("VEVENT\n")


def test_same_events_in_another_order_are_the_same_feed():
    body = event(*NINE_TO_TEN, "SUMMARY:One", uid="")
    feeds = {
        trim_feed(calendar(*events), start=START - timedelta(days=1), end=END, is_own=lambda uid: False)
        for events in ([FRIDAY, body], [body, FRIDAY])
    }
    assert len(feeds) == 1
