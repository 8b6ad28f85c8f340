"""Hostile calendars are computed in a bounded process of their own."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from scheduling.calendars import sandbox, syncing
from scheduling.calendars.base import NoTime, TooMuch
from scheduling.calendars.sandbox import compute_in_sandbox
from scheduling.calendars.trimming import trim_feed
from tests.scheduling.calendars.texts import END, GOOGLE, LONDON, START, at, calendar, event, read, said, unread
from tests.waiting import assert_time_limit


def ask(body, *, start=START, end=END, timeout=20):
    feed = trim_feed(body, start=start, end=end, is_own=lambda uid: False)
    return compute_in_sandbox(feed, start=start, end=end, zone=LONDON, timeout=timeout)


def test_sandbox_returns_same_as_direct_call():
    odd = [event("DTSTART:20260324T090000Z", "DURATION:an hour", uid="a"), event("DTSTART:soon", uid="b")]
    body = calendar(*odd, at("0325T0900", "0325T1000"))

    assert ask(body) == read(body)
    assert unread(body) == ["24 Mar", "?"]


def test_sandbox_process_has_no_secrets_in_environment(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    asked = []
    run = sandbox.subprocess.run
    monkeypatch.setattr(sandbox.subprocess, "run", lambda *args, **kwargs: asked.append(kwargs) or run(*args, **kwargs))

    assert ask(GOOGLE)

    assert set(asked[0]["env"]) <= {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"}


def hourly(number):
    return [event("DTSTART:19700101T000000Z", "DURATION:PT1M", "RRULE:FREQ=HOURLY", uid=str(n)) for n in range(number)]


def an_hour(*lines, start="20260324T090000Z", uid="1@example.org"):
    return event(f"DTSTART:{start}", "DURATION:PT1H", *lines, uid=uid)


EVERY_SECOND = ";".join(
    f"BY{unit}={','.join(map(str, range(limit)))}" for unit, limit in (("HOUR", 24), ("MINUTE", 60), ("SECOND", 60))
)
DATES = ",".join(f"{START + timedelta(seconds=10 * n):%Y%m%dT%H%M%SZ}" for n in range(100_000))
COUNTED_IN_VAIN = "RRULE:FREQ=HOURLY;COUNT=9;BYMONTH=2;BYMONTHDAY=30"
ENDLESS = {
    "a thousand rules that are counted in vain": [
        an_hour(COUNTED_IN_VAIN, start="20160101T000000Z", uid=str(n)) for n in range(1000)
    ],
    "a thousand rules for every hour": hourly(1000),
    "a hundred thousand dates": [an_hour(f"RDATE:{DATES}")],
}
WEEKS, REST = ["24 Mar 09:00–10:00", "31 Mar 10:00–11:00", "7 Apr 10:00–11:00"], ["24 Mar 00:00–13 Apr 01:00"]
HOSTILE = {
    "every second": ([an_hour("RRULE:FREQ=SECONDLY")], REST),
    "every second by another name": ([an_hour(f"RRULE:FREQ=DAILY;{EVERY_SECOND}")], REST),
    "no step at all": ([an_hour("RRULE:FREQ=WEEKLY;INTERVAL=0")], WEEKS),
    "a count of digits without end": ([an_hour("RRULE:FREQ=WEEKLY;COUNT=" + "9" * 5000)], WEEKS),
    "a duration of ages": (
        [event("DTSTART:20260324T090000Z", "DURATION:P" + "9" * 300 + "D")],
        ["24 Mar 09:00–25 Mar 00:00"],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_event_blocks_what_it_could_mean(name):
    events, expected = HOSTILE[name]
    body = calendar(*events)

    with assert_time_limit(5):
        assert (said(body), unread(body)) == (expected, ["24 Mar"])


def test_hostile_rule_for_day_that_never_comes_is_over_at_once():
    body = calendar(an_hour("RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", start="00010101T000000Z"))

    with assert_time_limit(5):
        assert (said(body), unread(body)) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS)
def test_sandbox_out_of_cpu_time_raises_too_much(name, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_CPU_SECONDS", 2)

    with assert_time_limit(20), pytest.raises(TooMuch):
        ask(calendar(*ENDLESS[name]))


def test_timeout_below_cpu_limit_differs_from_too_much():
    """The sandbox gets less time than its own limit only if the server took long to answer."""
    assert sandbox.MAX_CPU_SECONDS <= syncing.READ_TIMEOUT / 2


@pytest.mark.slow
def test_calendar_with_100000_current_events_is_refused():
    events = [at("0324T0900", "0324T1000", uid=str(n)) for n in range(100_000)]

    with pytest.raises(TooMuch):
        ask(calendar(*events))


def test_calendar_with_10_mb_of_past_events_is_read_in_seconds():
    hours = [datetime(2016, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(19_000)]
    notes = "DESCRIPTION:" + "x" * 400
    old = [
        event(f"DTSTART:{hour:%Y%m%dT%H%M%SZ}", f"DTEND:{hour:%Y%m%dT%H}3000Z", notes, uid=f"{hour}") for hour in hours
    ]
    body = calendar(*old, at("0324T0900", "0324T1000"))
    assert len(body) > 10_000_000

    assert len(ask(body).intervals) == 1


def test_sandbox_with_short_timeout_ends_at_timeout():
    with assert_time_limit(0.5), pytest.raises(NoTime):
        ask(calendar(*ENDLESS["a thousand rules that are counted in vain"]), timeout=0.5)


def test_sandbox_leaves_no_process_behind():
    children = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    with pytest.raises(NoTime):
        ask(calendar(*ENDLESS["a thousand rules that are counted in vain"]), timeout=0.5)

    with open(children) as file:
        assert not [pid for pid in file.read().split() if "scheduling.calendars" in command(pid)]


def command(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read()
