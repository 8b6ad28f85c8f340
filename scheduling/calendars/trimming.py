"""Reduce an iCalendar text to the lines that say when somebody is busy. Pure, in linear time.

Everything else (titles, notes, alarms, guests) is dropped unread: it cannot be misread, logged or stored, and
malformed text in it does no harm.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from scheduling.calendars.base import NotACalendar, TooMuch
from scheduling.calendars.values import LAST, MAX_DURATION, SEPARATOR, parse_duration, parse_moment

MAX_EVENTS = 50_000  # within the window
MAX_DEPTH = 8
MARGIN = timedelta(days=2)  # more than the distance of any two time zones

KEPT_PROPERTIES = (
    "UID DTSTART DTEND DURATION RRULE EXRULE RDATE EXDATE RECURRENCE-ID SEQUENCE STATUS TRANSP "
    "X-MICROSOFT-CDO-BUSYSTATUS X-APPLE-TRAVEL-DURATION TZID X-LIC-LOCATION TZOFFSETFROM TZOFFSETTO FREEBUSY"
).split()
READ = "|".join(["BEGIN", "END", "X-WR-TIMEZONE", "ATTENDEE", *KEPT_PROPERTIES])
LINE = re.compile(rf"^({READ})[ \t]*([;:][^\n]*)", re.MULTILINE | re.IGNORECASE)
WORDS = {"BEGIN", "END", "DURATION", "SEQUENCE", "STATUS"}
# What these components hold beside properties that are read; of others nothing is read.
READ_COMPONENTS = {"VEVENT": (), "VFREEBUSY": (), "VTIMEZONE": ("STANDARD", "DAYLIGHT")}
OUTER = {*READ_COMPONENTS, "VTODO", "VJOURNAL", "VAVAILABILITY", "VPOLL"}
INNER = {"STANDARD", "DAYLIGHT", "VALARM", "AVAILABLE", "PARTICIPANT", "VLOCATION", "VRESOURCE"}
DECLINED = "X-DECLINED"  # our own property: trimming drops it from feeds
DATE = re.compile(r"[:,/](\d{8})(?:T|,|/|\Z)", re.IGNORECASE)
UNTIL = re.compile(r"UNTIL=(\d{8})(?:T|;|\Z)", re.IGNORECASE)


class Feed(NamedTuple):
    """A trimmed iCalendar; ``zone_name`` is the time zone that it names as its own, or an empty string.

    ``text`` has its components, each after an empty line: its name, and below it the properties that count.
    """

    text: str
    zone_name: str


def trim_feed(body: bytes, *, start: datetime, end: datetime, is_own: Callable[[str], object], owner: str = "") -> Feed:
    """Return the Feed in ``body``, or raise NotACalendar or TooMuch.

    Leaves out events that are certainly outside ``[start, end)``, and those whose UID ``is_own``. Marks events that
    ``owner``, an e-mail address, has declined.
    """
    first, last = (start - MARGIN).strftime("%Y%m%d"), (end + MARGIN).strftime("%Y%m%d")
    zone_name, components = "", set()
    for name, lines in _split_components(_decode(body), owner):
        if name == "X-WR-TIMEZONE":
            zone_name = zone_name or lines[0]
        elif name == "VTIMEZONE" or (not is_own(_get_value(lines, "UID")) and _may_concern(lines, first, last)):
            components.add("\n".join([name, *lines]))
            if len(components) > MAX_EVENTS:
                raise TooMuch
    # Sorted, because servers send the same events in changing order.
    return Feed("\n\n".join(sorted(components)), zone_name)


def _decode(body):
    """Return the text of a calendar with its lines unfolded, or raise NotACalendar."""
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        body = body.decode("utf-16", "replace").encode()
    elif body.startswith((b"B\0", b"\0B")):  # the same without its mark
        body = body.decode("utf-16-le" if body[1] == 0 else "utf-16-be", "replace").encode()
    body = re.sub(rb"\r+\n?", b"\n", body)
    body = body.replace(b"\n ", b"").replace(b"\n\t", b"")  # before decoding: a fold may lie within a character
    text = body.decode("utf-8-sig", "replace").lstrip("\ufeff\u200b\xa0 \t\n")
    if not re.match(r"BEGIN[ \t]*:\s*VCALENDAR[ \t]*$", text, re.MULTILINE | re.IGNORECASE):
        raise NotACalendar
    return text


def _split_components(text, owner):
    """Yield (name, lines) of each component that tells busy time or defines a time zone, and (X-WR-TIMEZONE, zone).

    Other people's text may spill over its line and look like ours. So a component begins and ends only by a name that
    is one of a component, and one that is never ended ends where the next begins.
    """
    inside, lines, is_ended = [], [], False
    for match in LINE.finditer(text):
        name, rest = match[1].upper(), match[2].rstrip()
        if ":" not in rest:
            continue
        if rest[:2] == ": " and (match[1].istitle() or (match[1].islower() and name in WORDS)):
            continue  # "Status: cancelled" is somebody's text
        if name in ("BEGIN", "END"):
            component = rest[1:].strip().upper()
            if component == "VCALENDAR":
                if name == "BEGIN" and inside:
                    raise NotACalendar
                is_ended = name == "END"
            elif component not in OUTER and component not in INNER and not component.startswith("X-"):
                continue
            if name == "END" and component not in inside:
                continue
            closed = component if name == "END" or component in inside else None
            if name == "BEGIN" and component in OUTER:
                closed = next((outer for outer in inside if outer in OUTER), None)
            while closed and inside:
                ended = inside.pop()
                if ended in READ_COMPONENTS:
                    yield ended, lines
                elif inside and ended in READ_COMPONENTS.get(inside[-1], ()):
                    lines.append(f"END:{ended}")
                if ended == closed:
                    break
            if name == "BEGIN":
                inside.append(component)
                if len(inside) > MAX_DEPTH:
                    raise NotACalendar
                if component in READ_COMPONENTS:
                    lines = []
                elif len(inside) > 1 and component in READ_COMPONENTS.get(inside[-2], ()):
                    lines.append(f"BEGIN:{component}")
        elif inside and (inside[-1] in READ_COMPONENTS or inside[-1] in ("STANDARD", "DAYLIGHT")):
            if name != "ATTENDEE":
                lines.append(name + rest)
            elif _declines(rest, owner):
                lines.append(f"{DECLINED}:TRUE")
        elif name == "X-WR-TIMEZONE" and inside == ["VCALENDAR"]:
            yield name, [rest.rpartition(":")[2].strip()]
    if inside or not is_ended:
        raise NotACalendar  # truncated


def _declines(rest, owner):
    """Return whether the ``rest`` of an ATTENDEE line says that ``owner`` has declined."""
    rest = re.sub('"[^"]*"', "", rest).upper()  # quoted text is free text
    return bool(owner) and rest.endswith(f":MAILTO:{owner.upper()}") and re.search("PARTSTAT=DECLINED[;:]", rest)


def _get_value(lines, name):
    """Return the value of the first property with that name that has one, or an empty string."""
    for line in lines:
        if line.startswith(name) and line[len(name)] in ";:":
            value = line.rpartition(":")[2].strip() if line[len(name)] == ";" else line[len(name) + 1 :].strip()
            if value:
                return value
    return ""


def _may_concern(lines, first, last):
    """Return whether an event may lie between two days, written like 20260330. In doubt it does."""
    days, ends, longest = [], [], timedelta()
    for line in lines:
        name = SEPARATOR.split(line, maxsplit=1)[0]
        if name in ("RDATE", "FREEBUSY") or (name == "RECURRENCE-ID" and "RANGE" in line.upper()):
            return True
        if name == "RRULE":
            if line[len(name) :].strip(" ;") != ":":
                ends += UNTIL.findall(line)[:1] or ["99991231"]
        elif name == "DURATION":
            duration = parse_duration(line.rpartition(":")[2].strip())
            longest = MAX_DURATION if duration is None else max(longest, abs(duration))
        elif name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
            found = DATE.findall(line)
            if len(found) != 1 and line[len(name) :].strip(" ;") != ":":
                return True
            days += found
    if not days or min(days) > last:
        return not days
    if max(days) >= first or not (ends or longest):
        return max(days) >= first
    return _add_days(max(days + ends), longest + (_to_date(max(days)) - _to_date(min(days)))) >= first


def _to_date(day):
    moment = parse_moment(day)
    return moment.wall if moment else LAST


def _add_days(day, length):
    try:
        return f"{(_to_date(day) + length).date()}".replace("-", "")
    except OverflowError:
        return "99991231"
