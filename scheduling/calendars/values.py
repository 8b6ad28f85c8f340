"""Read the dates, times and durations of an iCalendar as programs write them. Pure.

RFC 5545 is the beginning: programs leave the seconds out, write 24:00, months for minutes, or dates like ISO 8601.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple

DATE = r"(\d{4})-?(\d\d)-?(\d\d)"
MOMENT = re.compile(
    rf"{DATE}(?:[T ](\d\d):?(\d\d)?:?(\d\d)?(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
PLAIN = re.compile(r"\d{8}T\d{6}Z?", re.ASCII)  # as nearly all are written
DAY_ONLY = re.compile(rf"{DATE}T", re.IGNORECASE | re.ASCII)
DURATION = re.compile(r"([+-]?)P((?:\d{1,9}(?:[.,]\d{1,9})?[YMWDHS]|T)+)", re.IGNORECASE | re.ASCII)
SEPARATOR = re.compile("([;:])")  # between a property's name and the rest
# The value of a temporal property. Programs write colons in time zones' names without quotes.
TEMPORAL_VALUE = re.compile(r":(?=\s*(?:\d{4}-?\d\d|[+-]?P[\dT]|\Z))", re.IGNORECASE)
ZONE_NAME = re.compile(r';\s*TZID\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)
IS_DATE = re.compile(r";\s*VALUE\s*=\s*\"?DATE\"?\s*(?:;|\Z)", re.IGNORECASE)

DAY = timedelta(days=1)
MIDNIGHT = time()
FIRST, LAST = datetime.combine(date.min, MIDNIGHT), datetime.combine(date.max, time(23, 59, 59))
MAX_DURATION = LAST - FIRST
UNITS = {"W": timedelta(weeks=1), "D": DAY, "H": timedelta(hours=1), "S": timedelta(seconds=1)}
MONTH, YEAR, MINUTE = timedelta(days=30), timedelta(days=365), timedelta(minutes=1)


class Moment(NamedTuple):
    """A date or a date-time as it is written: ``wall`` has no zone.

    ``zone`` is the zone that the value itself names, UTC or an offset; ``zone_name`` is the TZID beside it. With
    neither it is local time. ``is_vague`` means that the date is readable and the time is not.
    """

    wall: datetime
    is_date: bool = False
    zone: tzinfo | None = None
    zone_name: str = ""
    is_vague: bool = False


def split_value(rest: str) -> tuple[str, str]:
    """Return the parameters and the value of a temporal property, from what follows its name."""
    found = TEMPORAL_VALUE.search(rest)
    at = found.start() if found else rest.rfind(":")
    return rest[:at], rest[at + 1 :].strip()


def parse_moment(value: str, parameters: str = "") -> Moment | None:
    """Return the Moment that ``value`` means, or None."""
    if PLAIN.fullmatch(value):
        with suppress(ValueError):
            return _attach_zone(datetime.fromisoformat(value[:15]), value[15:], parameters)
    found = MOMENT.fullmatch(value) or DAY_ONLY.match(value)
    if not found:
        return None
    year, month, day, *clock = found.groups()
    try:
        wall = datetime.combine(date(int(year), int(month), int(day)), MIDNIGHT)
        if not clock:
            return Moment(wall, is_vague=True)
        hour, minute, second, offset = clock
        if hour is None:
            return Moment(wall, is_date=True)
        hour, minute, second = int(hour), int(minute or 0), min(int(second or 0), 59)
        if hour > 24 or minute > 59 or (hour == 24 and (minute or second)):
            return Moment(wall, is_vague=True)
        wall += timedelta(hours=hour, minutes=minute, seconds=second)
    except (ValueError, OverflowError):
        return None
    return _attach_zone(wall, offset, parameters)


def _attach_zone(wall, offset, parameters):
    if parameters and wall.time() == MIDNIGHT and IS_DATE.search(parameters):
        return Moment(wall, is_date=True)
    if offset:  # whatever zone is named beside it
        return Moment(wall, zone=_parse_offset(offset))
    named = ZONE_NAME.search(parameters) if parameters else None
    return Moment(wall, zone_name=named[1].strip(' "') if named else "")


def _parse_offset(text):
    if text in "Zz":
        return UTC
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def parse_moments(rest: str) -> tuple[list[Moment], bool]:
    """Return the Moments of a comma-separated property, and whether all of them were readable. Ignores empty ones."""
    parameters, value = split_value(rest)
    texts = [text for text in map(str.strip, value.split(",")) if text]
    moments = [moment for moment in (parse_moment(text, parameters) for text in texts) if moment]
    return moments, len(moments) == len(texts) and not any(moment.is_vague for moment in moments)


def parse_duration(value: str) -> timedelta | None:
    """Return the duration that ``value`` means, perhaps a negative one, or None. More than MAX_DURATION is that."""
    found = DURATION.fullmatch(value)
    if not found:
        return None
    total, seen = timedelta(), ""
    try:
        for number, unit in re.findall(r"([\d.,]*)([YMWDHST])", found[2].upper()):
            if unit == "T":
                seen += unit
                continue
            if unit == "M":
                # An event lasts no months: P90M is meant to be PT90M, and only P1Y2M and P0M1DT1H are dates.
                length = MINUTE if "T" in seen or not ("Y" in seen or "T" in found[2].upper()) else MONTH
            else:
                length = YEAR if unit == "Y" else UNITS[unit]
            total += float(number.replace(",", ".")) * length
            seen += unit
    except OverflowError:
        return None
    total = min(total, MAX_DURATION)
    return (-total if found[1] == "-" else total) if seen.strip("T") else None
