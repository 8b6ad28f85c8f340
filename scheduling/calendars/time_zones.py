"""Find the time zone that a calendar means: by the names that programs give it, or by its own definition. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from scheduling.calendars.recurrence import TooManyTimes, expand, parse_rule
from scheduling.calendars.values import DAY, FIRST, SEPARATOR, parse_moment, parse_moments, split_value

# "Customized Time Zone": the zone is the one that the program was set to.
CUSTOM = re.compile(r"customized time zone( \d+)?|tzone://microsoft/custom", re.IGNORECASE)
UTC_NAMES = {"utc", "z", "gmt", "zulu", "tzone://microsoft/utc", "coordinated universal time", "greenwich mean time"}
NO_ZONES = {"", "localtime", "posixrules", "factory"}  # what a computer's own clock is set to
DISPLAY_NAME = re.compile(r"\(\s*(?:UTC|GMT)?\s*([+-]?[\d:.]*)\s*\)\s*(.*)", re.IGNORECASE)
OFFSET = re.compile(r"\(?(?:UTC|GMT)?\s*([+-])(\d{1,2})[:.]?(\d\d)?\)?", re.IGNORECASE)
UTC_OFFSET = re.compile(r":\s*([+-]?)(\d{1,2})(?::?(\d\d))?(?::?(\d\d))?\s*\Z")

# Those of one zone that the world's list lacks, beside EST, MST and CET; a calendar's own definition goes first.
ABBREVIATIONS = {
    "cest": "Europe/Berlin",
    "edt": "America/New_York",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
}
LOOKBACK = timedelta(days=800)  # a zone's rules are yearly

# Windows shows a zone by its cities. Those of which none has given the zone its usual name:
DISPLAYED = {
    "abu dhabi, muscat": "Asia/Dubai",
    "alaska": "America/Anchorage",
    "aleutian islands": "America/Adak",
    "arizona": "America/Phoenix",
    "astana": "Asia/Almaty",
    "atlantic time (canada)": "America/Halifax",
    "baja california": "America/Tijuana",
    "bougainville island": "Pacific/Bougainville",
    "brasilia": "America/Sao_Paulo",
    "cabo verde is.": "Atlantic/Cape_Verde",
    "cape verde is.": "Atlantic/Cape_Verde",
    "central america": "America/Guatemala",
    "central time (us & canada)": "America/Chicago",
    "chatham islands": "Pacific/Chatham",
    "chetumal": "America/Cancun",
    "chennai, kolkata, mumbai, new delhi": "Asia/Kolkata",
    "city of buenos aires": "America/Argentina/Buenos_Aires",
    "coordinated universal time-02": "Etc/GMT+2",
    "coordinated universal time-08": "Etc/GMT+8",
    "coordinated universal time-09": "Etc/GMT+9",
    "coordinated universal time-11": "Etc/GMT+11",
    "coordinated universal time+12": "Etc/GMT-12",
    "coordinated universal time+13": "Etc/GMT-13",
    "easter island": "Pacific/Easter",
    "eastern time (us & canada)": "America/New_York",
    "ekaterinburg": "Asia/Yekaterinburg",
    "georgetown, la paz, manaus, san juan": "America/La_Paz",
    "greenland": "America/Nuuk",
    "haiti": "America/Port-au-Prince",
    "hawaii": "Pacific/Honolulu",
    "indiana (east)": "America/Indiana/Indianapolis",
    "international date line west": "Etc/GMT+12",
    "kiritimati island": "Pacific/Kiritimati",
    "lord howe island": "Australia/Lord_Howe",
    "marquesas islands": "Pacific/Marquesas",
    "mid-atlantic - old": "Etc/GMT+2",
    "midway island, samoa": "Pacific/Pago_Pago",
    "mountain time (us & canada)": "America/Denver",
    "newfoundland": "America/St_Johns",
    "norfolk island": "Pacific/Norfolk",
    "nuku'alofa": "Pacific/Tongatapu",
    "pacific time (us & canada)": "America/Los_Angeles",
    "petropavlovsk-kamchatsky - old": "Asia/Kamchatka",
    "port louis": "Indian/Mauritius",
    "saint pierre and miquelon": "America/Miquelon",
    "salvador": "America/Bahia",
    "samoa": "Pacific/Apia",
    "saskatchewan": "America/Regina",
    "solomon is., new caledonia": "Pacific/Guadalcanal",
    "sri jayawardenepura": "Asia/Colombo",
    "turks and caicos": "America/Grand_Turk",
    "west central africa": "Africa/Lagos",
}
WINDOWS_NAMES = {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


@cache
def get_zone(name: str) -> tzinfo | None:
    """Return the zone that is well known by a name, of IANA, of Windows or with a prefix before it, or None."""
    name = " ".join(name.replace("\\,", ",").strip().strip('"').split())
    parts = name.strip("/").split("/")[-4:]
    for start in range(len(parts)):  # /freeassociation.sourceforge.net/Europe/London
        if zone := _get_iana_zone("/".join(parts[start:])):
            return zone
    name = name.lower().replace(" daylight time", " standard time")
    plain = name if name in WINDOWS_NAMES else re.sub(r" \d+$", "", name)  # Outlook numbers those that it has twice
    if plain in UTC_NAMES:
        return ZoneInfo("UTC")
    usual = WINDOWS_NAMES.get(plain) or WINDOWS_NAMES.get(f"{plain.removesuffix(' time')} standard time")
    return _get_iana_zone(usual or plain.replace("-", "/", 1)) or _get_displayed_zone(plain)  # US-Eastern


def _get_iana_zone(name):
    if name.lower() in NO_ZONES:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, or not a valid name
        usual = _list_iana_names().get(name.lower().replace(" ", "_"))
        return ZoneInfo(usual) if usual and usual != name else None


def _get_displayed_zone(name):
    """Return the zone of a name like "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", or None."""
    displayed = DISPLAY_NAME.fullmatch(name)
    places = displayed[2] if displayed else name
    if places in UTC_NAMES:
        return ZoneInfo("UTC")
    if places in WINDOWS_NAMES:
        return _get_iana_zone(WINDOWS_NAMES[places])
    usual = DISPLAYED.get(places.partition(";")[0].replace(" and canada", " & canada"))
    if usual:
        return ZoneInfo(usual)
    for place in re.split("[,:;/]", re.sub(r"\(.*?\)", "", places)):
        if zone := _list_cities().get(place.strip().replace(" ", "_")):
            return ZoneInfo(zone)
    return None


@cache
def _list_iana_names():
    return {name.lower(): name for name in available_timezones()}


@cache
def _list_cities():
    """Return {city in lower case: IANA name}."""
    regions = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return {name.rpartition("/")[2].lower(): name for name in sorted(available_timezones()) if name.startswith(regions)}


@cache
def get_offset_zone(name: str) -> tzinfo | None:
    """Return the zone of a name that says no more than a distance to UTC, such as GMT+05:30, or None."""
    found = OFFSET.fullmatch(name.strip().strip('"'))
    if not found or int(found[2]) > 14 or int(found[3] or 0) > 59:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-offset if found[1] == "-" else offset)


class _Onset(NamedTuple):
    """From when on, in the wall time before it, an offset is in use."""

    wall: datetime
    offset: timedelta


class DefinedZone(tzinfo):
    """A zone that a calendar defines itself. It only converts wall time to instants, in a stretch of time."""

    def __init__(self, before: timedelta, onsets: list[_Onset]) -> None:
        self._before = before
        self._walls = [onset.wall for onset in onsets]
        self._offsets = [onset.offset for onset in onsets]

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """Return the offset at a wall time."""
        place = bisect_right(self._walls, dt.replace(tzinfo=None)) if dt else 0
        return self._offsets[place - 1] if place else self._before

    def dst(self, dt: datetime | None) -> None:
        """Return None: a calendar does not say which offset is the usual one."""

    def tzname(self, dt: datetime | None) -> None:
        """Return None: nothing shows the zone's name."""


class Zones:
    """The zones of one calendar: those it defines, by their names, for times in ``[since, before)``."""

    def __init__(self, definitions: Iterable[str], *, default: tzinfo, since: datetime, before: datetime) -> None:
        self._default, self._since, self._before = default, since, before
        self._definitions: dict[str, str] = {}
        self._found: dict[str, tzinfo | None] = {"": default}
        for text in definitions:
            name = re.search(r"^TZID[^:\n]*:(.*)$", text, re.MULTILINE)
            self._definitions.setdefault(_normalize_name(name[1]) if name else "", text)

    def get(self, name: str) -> tzinfo | None:
        """Return the zone that a TZID names, the default one if it is empty, or None."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name):
        definition = self._definitions.get(_normalize_name(name))
        known = get_zone(name)
        if definition and not known:
            located = re.search(r"^X-LIC-LOCATION[^:\n]*:(.*)$", definition, re.MULTILINE)
            known = get_zone(located[1]) if located else None
            known = known or define_zone(definition, since=self._since, before=self._before)
        if known or CUSTOM.fullmatch(name.strip()):
            return known or self._default
        return get_offset_zone(name) or _get_iana_zone(ABBREVIATIONS.get(name.strip().lower(), ""))


def _normalize_name(name):
    return name.replace("\\,", ",").strip(' "/').lower()


def define_zone(definition: str, *, since: datetime, before: datetime) -> DefinedZone | None:
    """Return the zone of a VTIMEZONE for times in ``[since, before)``, or None if it cannot be understood."""
    onsets, offsets_before = [], []
    parts = re.findall(r"^BEGIN:(?:STANDARD|DAYLIGHT)\n(.*?)^END:", definition, re.MULTILINE | re.DOTALL)
    for part in parts:
        values = {}
        for line in part.split("\n"):
            name, *rest = SEPARATOR.split(line, maxsplit=1)
            values.setdefault(name, []).append("".join(rest))
        after = _parse_utc_offset(values.get("TZOFFSETTO"))
        before_it = _parse_utc_offset(values.get("TZOFFSETFROM"))
        walls = _list_onsets(values, since, before)
        if after is None or walls is None or (len(parts) > 1 and not values.keys() & {"DTSTART", "RRULE", "RDATE"}):
            return None
        offset_before = after if before_it is None else before_it
        # A wall time that is skipped is one of before, as RFC 5545 has it.
        onsets += [_Onset(wall + max(timedelta(), after - offset_before), after) for wall in walls]
        offsets_before.append((min(walls), offset_before))
    return DefinedZone(min(offsets_before)[1], sorted(onsets)) if onsets else None


def _list_onsets(values, since, before):
    """Return the wall times at which a part of a VTIMEZONE begins to apply, or None."""
    first = parse_moment(split_value(values["DTSTART"][0])[1]) if "DTSTART" in values else None
    if "DTSTART" in values and not first:
        return None
    first = first.wall if first else FIRST + timedelta(hours=2)
    walls = {first}
    for rest in values.get("RDATE", []):
        walls.update(moment.wall for moment in parse_moments(rest)[0])
    for rest in values.get("RRULE", []):
        rule = parse_rule(rest[1:])
        if rule and not rule.is_understood:
            return None
        if rule:
            until = min(before, rule.until.wall) if rule.until else before
            last_years = max(min(since, until), FIRST + 2 * LOOKBACK) - LOOKBACK
            try:
                walls.update(expand(rule, first, since=last_years, before=until + DAY))
            except TooManyTimes:
                return None
    return walls


def _parse_utc_offset(lines):
    """Return the offset of a property like TZOFFSETTO, or None."""
    found = UTC_OFFSET.search(lines[0]) if lines else None
    if not found:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0), seconds=int(found[4] or 0))
    return (-offset if found[1] == "-" else offset) if offset < timedelta(hours=24) else None
