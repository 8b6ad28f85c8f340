"""What it costs to read a clinician's calendar: the processor time of the process that computes it."""

import resource
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.calendars.sandbox import compute_in_sandbox
from scheduling.calendars.trimming import trim_feed
from tests.scheduling.calendars.texts import calendar, event

START = datetime(2026, 11, 29, tzinfo=UTC)
END = START + timedelta(days=180)
ZONE = ZoneInfo("Europe/London")


def print_calendars():
    """Print the seconds of processor time that each kind of calendar takes, in the sandbox and before it."""
    print("A clinician's calendar, read in the sandbox: processor time, its start included")
    for name, events in make_calendars().items():
        body = calendar(*events)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        feed = trim_feed(body, start=START, end=END, is_own=lambda uid: False)
        trimming = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
        before = get_child_seconds()
        compute_in_sandbox(feed, start=START, end=END, zone=ZONE, timeout=60)
        print(f"  {name:<32} {get_child_seconds() - before:8.2f} s   and {trimming:.2f} s to trim it")


def get_child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def make_calendars():
    """Return {name: events} of calendars that were slow."""
    quarters = [START + timedelta(minutes=25 * number) for number in range(10_000)]
    meeting = "DTSTART;TZID=Europe/Berlin:20120102T090000\nDTEND;TZID=Europe/Berlin:20120102T100000"
    return {
        "10,000 events": [
            event(f"DTSTART;TZID=Europe/Berlin:{at:%Y%m%dT%H%M%S}", "DURATION:PT15M", "STATUS:CONFIRMED", uid=f"{at}")
            for at in quarters
        ],
        "1,000 series that have ended": [
            event(meeting, "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=300", uid=str(number)) for number in range(1_000)
        ],
        "1,000 yearly ones since 1604": [
            event("DTSTART;VALUE=DATE:16041215", "RRULE:FREQ=YEARLY", uid=str(number)) for number in range(1_000)
        ],
        "1,000 weekly ones": [event(meeting, "RRULE:FREQ=WEEKLY;BYDAY=MO", uid=str(number)) for number in range(1_000)],
    }
