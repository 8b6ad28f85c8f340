"""Of an iCalendar text, the lines that say when somebody is busy. Pure, and as quick as a feed is long.

Whatever else a feed has in it (titles, notes, alarms) is dropped unread: it cannot be misread, logged or kept,
and nothing in it that is malformed keeps the rest from being read. Of its guests none is kept either.
"""

import re
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from scheduling.calendars.base import NotACalendar, TooMuch

MAX_EVENTS = 50_000  # that concern the window
MAX_DEPTH = 8
MARGIN = timedelta(days=2)  # more than any two time zones are apart

KEPT_PROPERTIES = (
    "UID DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID SEQUENCE STATUS TRANSP X-MICROSOFT-CDO-BUSYSTATUS "
    "TZID TZOFFSETFROM TZOFFSETTO FREEBUSY"
).split()
READ = "|".join(["BEGIN", "END", "X-WR-TIMEZONE", "ATTENDEE", *KEPT_PROPERTIES])
LINE = re.compile(rf"^({READ})([;:][^\n]*)", re.MULTILINE | re.IGNORECASE)
PARTS = {"VEVENT": (), "VFREEBUSY": (), "VTIMEZONE": ("STANDARD", "DAYLIGHT")}
DECLINED = "X-DECLINED"  # our word for it, which a feed cannot say
DAY = re.compile(r"[:,/](\d{8})(?:T|,|/|\Z)")


class Feed(NamedTuple):
    """``text`` is an iCalendar of nothing but what matters; ``zone_name`` what it says its own time zone is."""

    text: str
    zone_name: str


def trim(body, *, start, end, is_own, owner=""):
    """Return the Feed in ``body`` (bytes), or raise NotACalendar or TooMuch.

    Events that are plainly not within the datetimes ``start`` and ``end`` are left out, and those whose
    UID ``is_own`` says yes to. Those that ``owner``, an e-mail address, has declined are marked.
    """
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "").replace("\n\t", "")
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise NotACalendar
    first, last = (start - MARGIN).strftime("%Y%m%d"), (end + MARGIN).strftime("%Y%m%d")
    zone_name, zones, events = "", set(), set()
    for name, lines in _blocks(text, owner):
        if name == "X-WR-TIMEZONE":
            zone_name = zone_name or lines
        elif name == "VTIMEZONE":
            if not _is_well_known(lines):
                zones.add("\n".join(lines))
        elif not is_own(_value(lines, "UID")) and _concerns(lines, first, last):
            if not _value(lines, "UID"):  # those are events too, and not one and the same
                lines = [f"{lines[0]}\nUID:none {len(events)}", *(line for line in lines[1:] if line[:3] != "UID")]
            events.add("\n".join(lines))
            if len(events) > MAX_EVENTS:
                raise TooMuch
    # Sorted: servers give the same events in another order each time.
    blocks = ["BEGIN:VCALENDAR\nVERSION:2.0", *sorted(zones), *sorted(events), "END:VCALENDAR\n"]
    return Feed("\n".join(blocks), zone_name)


def _blocks(text, owner):
    """Yield (name, its lines) of every component that says when somebody is busy or what a time zone is."""
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
            yield name, rest.rpartition(":")[2].strip()
        if name == "END":
            if not inside or inside.pop() != part:
                raise NotACalendar
            if block is not None and len(inside) == 1:
                yield part, block
                block = None
    if inside:
        raise NotACalendar  # it has been cut off


def _declines(rest, owner):
    """Return whether the ``rest`` of a guest's line says that ``owner`` does not come."""
    rest = re.sub('"[^"]*"', "", rest).upper()  # in which a guest's name may say anything
    return bool(owner) and rest.endswith(f":MAILTO:{owner.upper()}") and re.search("PARTSTAT=DECLINED[;:]", rest)


def _value(lines, name):
    """Return the value of the first line with that name, or an empty text."""
    for line in lines:
        if line.startswith(name) and line[len(name)] in ";:":
            return line.rpartition(":")[2].strip() if line[len(name)] == ";" else line[len(name) + 1 :].strip()
    return ""


def _is_well_known(lines):
    """Return whether a VTIMEZONE is one of the world's, or of Windows': what we know of those is better."""
    name = _value(lines, "TZID").strip("/")
    return get_zone(name) is not None


def get_zone(name):
    """Return the ZoneInfo of a name as IANA or Windows writes it, or None."""
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(name, name))
    except (KeyError, ValueError, OSError):  # no such zone, or nothing that could be a name
        return None


def _concerns(lines, first, last):
    """Return whether an event may lie between two days, written 20260330; in doubt it does."""
    days = []
    for line in lines:
        name = re.match("[A-Z-]*", line)[0]
        if name in ("RRULE", "RDATE", "DURATION", "FREEBUSY") or "RANGE=" in line.partition(":")[0].upper():
            return True
        if name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
            found = DAY.findall(line)
            if len(found) != 1:
                return True
            days += found
    return not days or not (max(days) < first or min(days) > last)
