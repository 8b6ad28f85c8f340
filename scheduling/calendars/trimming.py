"""Reduce an iCalendar text to the lines that say when somebody is busy. Pure, in linear time.

Everything else (titles, notes, alarms, guests) is dropped unread: it cannot be misread, logged or stored, and
malformed text in it does no harm.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from scheduling.calendars.base import NotACalendar, TooMuch

MAX_EVENTS = 50_000  # within the window
MAX_DEPTH = 8
MARGIN = timedelta(days=2)  # more than the distance of any two time zones

KEPT_PROPERTIES = (
    "UID DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID SEQUENCE STATUS TRANSP X-MICROSOFT-CDO-BUSYSTATUS "
    "TZID TZOFFSETFROM TZOFFSETTO FREEBUSY"
).split()
READ = "|".join(["BEGIN", "END", "X-WR-TIMEZONE", "ATTENDEE", *KEPT_PROPERTIES])
LINE = re.compile(rf"^({READ})([;:][^\n]*)", re.MULTILINE | re.IGNORECASE)
PARTS = {"VEVENT": (), "VFREEBUSY": (), "VTIMEZONE": ("STANDARD", "DAYLIGHT")}
DECLINED = "X-DECLINED"  # our own property: trimming drops it from feeds
DAY = re.compile(r"[:,/](\d{8})(?:T|,|/|\Z)")


class Feed(NamedTuple):
    """A trimmed iCalendar; ``zone_name`` is the time zone that it names as its own, or an empty string."""

    text: str
    zone_name: str


def trim_feed(body: bytes, *, start: datetime, end: datetime, is_own: Callable[[str], object], owner: str = "") -> Feed:
    """Return the Feed in ``body``, or raise NotACalendar or TooMuch.

    Leaves out events that are certainly outside ``[start, end)``, and those whose UID ``is_own``. Marks events that
    ``owner``, an e-mail address, has declined.
    """
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "").replace("\n\t", "")
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise NotACalendar
    first, last = (start - MARGIN).strftime("%Y%m%d"), (end + MARGIN).strftime("%Y%m%d")
    zone_name, zones, events = "", set(), set()
    for name, lines in _blocks(text, owner):
        if name == "X-WR-TIMEZONE":
            zone_name = zone_name or lines[0]
        elif name == "VTIMEZONE":
            if not _is_well_known(lines):
                zones.add("\n".join(lines))
        elif not is_own(_value(lines, "UID")) and _concerns(lines, first, last):
            if not _value(lines, "UID"):  # without a UID each is an event of its own
                lines = [f"{lines[0]}\nUID:none {len(events)}", *(line for line in lines[1:] if line[:3] != "UID")]
            events.add("\n".join(lines))
            if len(events) > MAX_EVENTS:
                raise TooMuch
    # Sorted, because servers send the same events in changing order.
    blocks = ["BEGIN:VCALENDAR\nVERSION:2.0", *sorted(zones), *sorted(events), "END:VCALENDAR\n"]
    return Feed("\n".join(blocks), zone_name)


def _blocks(text, owner):
    """Yield (name, lines) of each component that tells busy time or defines a time zone, and (X-WR-TIMEZONE, zone)."""
    inside, block = [], None
    for match in LINE.finditer(text):
        name, rest = match[1].upper(), match[2].rstrip()
        part = rest[1:].strip().upper()
        if name == "BEGIN":
            inside.append(part)
            if len(inside) > MAX_DEPTH or (part == "VCALENDAR") != (len(inside) == 1):
                raise NotACalendar
            if len(inside) == 2 and part in PARTS:
                block = []
        if block is not None and (len(inside) == 2 or inside[-1] in PARTS[inside[1]]):
            if name != "ATTENDEE":
                block.append(name + rest)
            elif _declines(rest, owner):
                block.append(f"{DECLINED}:TRUE")
        elif name == "X-WR-TIMEZONE" and len(inside) == 1:
            yield name, [rest.rpartition(":")[2].strip()]
        if name == "END":
            if not inside or inside.pop() != part:
                raise NotACalendar
            if block is not None and len(inside) == 1:
                yield part, block
                block = None
    if inside:
        raise NotACalendar  # truncated


def _declines(rest, owner):
    """Return whether the ``rest`` of an ATTENDEE line says that ``owner`` has declined."""
    rest = re.sub('"[^"]*"', "", rest).upper()  # quoted text is free text
    return bool(owner) and rest.endswith(f":MAILTO:{owner.upper()}") and re.search("PARTSTAT=DECLINED[;:]", rest)


def _value(lines, name):
    """Return the value of the first property with that name, or an empty string."""
    for line in lines:
        if line.startswith(name) and line[len(name)] in ";:":
            return line.rpartition(":")[2].strip() if line[len(name)] == ";" else line[len(name) + 1 :].strip()
    return ""


def _is_well_known(lines):
    """Return whether IANA or Windows knows a VTIMEZONE by name: our own definition of it is better then."""
    name = _value(lines, "TZID").strip("/")
    return get_zone(name) is not None


def get_zone(name: str) -> ZoneInfo | None:
    """Return the ZoneInfo of an IANA or Windows name, or None."""
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(name) or name)
    except (KeyError, ValueError, OSError):  # no such zone, or not a valid name
        return None


def _concerns(lines, first, last):
    """Return whether an event may lie between two days, written like 20260330. In doubt it does."""
    days = []
    for line in lines:
        name = re.split("[^A-Z-]", line, maxsplit=1)[0]
        if name in ("RRULE", "RDATE", "DURATION", "FREEBUSY") or "RANGE=" in line.partition(":")[0].upper():
            return True
        if name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
            found = DAY.findall(line)
            if len(found) != 1:
                return True
            days += found
    return not days or not (max(days) < first or min(days) > last)
