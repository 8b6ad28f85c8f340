"""Compute when an iCalendar says that somebody is busy. Pure: text and window in, intervals out.

Hostile text can keep this busy for hours: call it through sandbox.py, which runs it in a process that can be killed.
"""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from scheduling.availability.intervals import clip, merge
from scheduling.calendars.base import BusyTimes, MalformedEvent, TooMuch
from scheduling.calendars.trimming import DECLINED, Feed, get_zone

DAY = timedelta(days=1)
MAX_OCCURRENCES = 50_000
TOO_FREQUENT = {"SECONDLY", "MINUTELY"}


def compute_busy_times(
    feed: Feed,
    *,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    only_all_day: bool = False,
    ignored: Collection[str] = (),
) -> BusyTimes:
    """Return the BusyTimes of a Feed within ``[start, end)``.

    With ``only_all_day``, as for holidays, only events of whole days count, free ones too.
    ``ignored`` has the fingerprints of events that staff ignore: not understood, they are returned but block nothing.

    Dates, and times without a zone, are in the zone that the feed names as its own, or else in ``zone``.
    Raises MalformedEvent for a malformed event, and TooMuch.
    """
    zone = get_feed_zone(feed.zone_name) or zone
    try:
        calendar = icalendar.Calendar.from_ical(feed.text)
    except ValueError as error:  # a malformed time zone: malformed events are found below
        raise MalformedEvent from error
    events = calendar.walk("VEVENT")
    for event in events:
        _call_naming_day(event, _mend, zone)
    _tell_apart(events)
    try:
        series_of_all = recurring_ical_events.of(calendar).series
    except Exception as error:
        raise MalformedEvent from error
    busy, number = [], 0
    # A day more on either side, because the library does not know the zone of dates.
    window = (start.astimezone(UTC) - DAY, end.astimezone(UTC) + DAY)
    for series in series_of_all:
        for occurrence in _expanded(series, window):
            number += 1
            if number > MAX_OCCURRENCES:
                raise TooMuch
            if _is_busy(occurrence.as_component(keep_recurrence_attributes=True)):
                busy.append(_interval(occurrence.start, occurrence.end, zone))
    for component in calendar.walk("VFREEBUSY"):
        busy += _call_naming_day(component, _busy_periods)
    return BusyTimes(clip(merge(busy), _instant(start), _instant(end)), [])


def get_feed_zone(name: str) -> ZoneInfo | None:
    """Return the zone that a feed names as its own, or None. UTC does not count: it is the default nobody has set."""
    zone = get_zone(name)
    return None if zone is None or zone.key in ("UTC", "Etc/UTC", "Etc/GMT", "GMT") else zone


def _call_naming_day(component, function, *arguments):
    """Return ``function(component, …)``, or raise MalformedEvent with the component's day for any error."""
    # Any error: libraries raise many kinds, and none of them may let an event vanish.
    try:
        return function(component, *arguments)
    except Exception as error:
        raise MalformedEvent(_get_day(component)) from error


def _expanded(series, window):
    try:
        yield from series.between(*window)
    except Exception as error:
        raise MalformedEvent(_first_get_day(series)) from error


def _first_get_day(series):
    try:
        return f"{series.components[0].raw_start:%Y-%m-%d}"
    except Exception:  # noqa: BLE001 (as below)
        return None


def _get_day(component):
    try:
        return f"{component['DTSTART'].dt:%Y-%m-%d}"
    except Exception:  # noqa: BLE001 (access to a broken property raises anything)
        return None


def _mend(event, zone):
    """Raise if the event is malformed, and rewrite what some programs write against RFC 5545."""
    if event.errors:
        raise ValueError(event.errors)
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE"):
        for value in _listed(event.get(name)):
            for moment in getattr(value, "dts", [value]):
                _check_zone(moment, value)
    start = event["DTSTART"].dt
    if "DTEND" in event:
        _mend_end(event, start)
    elif "DURATION" in event and event["DURATION"].dt < timedelta():
        raise ValueError("negative duration")
    for rule in _listed(event.get("RRULE")):
        if TOO_FREQUENT & {str(frequency).upper() for frequency in rule["FREQ"]} or 0 in rule.get("INTERVAL", []):
            raise ValueError("repeats all the time")
        if "UNTIL" in rule:
            rule["UNTIL"] = [_normalize_until(until, start, zone) for until in rule["UNTIL"]]


def _listed(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def _check_zone(moment, value):
    """Raise if a time names an unknown zone, which the library would ignore."""
    moment = moment.dt[0] if isinstance(moment.dt, tuple) else moment.dt
    if isinstance(moment, datetime) and moment.tzinfo is None and value.params.get("TZID"):
        raise ValueError("unknown time zone")


def _mend_end(event, start):
    """Make an all-day event that ends on its start a whole day; raise if the event ends before it starts."""
    end = event["DTEND"].dt
    if _is_day(start) and _is_day(end) and start == end:
        del event["DTEND"]
    elif _is_day(start) != _is_day(end) or _comparable(end) < _comparable(start):
        raise ValueError("ends before it starts")


def _is_day(moment):
    return not isinstance(moment, datetime)


def _comparable(moment):
    moment = datetime.combine(moment, time()) if _is_day(moment) else moment
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _normalize_until(until, start, zone):
    """Return UNTIL in the form that the library expects for such a ``start``."""
    if _is_day(start):
        # Some programs write the midnight that begins the last day, which may be the day before in UTC.
        return until if _is_day(until) else (until if until.tzinfo is None else until.astimezone(zone)).date()
    if _is_day(until):
        until = datetime.combine(until, time(23, 59, 59))
    if start.tzinfo is None:
        return until.replace(tzinfo=None)
    return (until if until.tzinfo else until.replace(tzinfo=start.tzinfo)).astimezone(UTC)


def _tell_apart(events):
    """Give unrelated events that share a UID distinct UIDs."""
    seen = set()
    for number, event in enumerate(events):
        if "RECURRENCE-ID" in event:
            continue
        version = (event["UID"], event.get("SEQUENCE", 0))
        if version in seen:  # the library would keep only one
            event["UID"] = icalendar.vText(f"{event['UID']} {number}")
        seen.add(version)


def _is_busy(event):
    """Return whether an occurrence counts as busy; a tentative one does."""
    return not (
        DECLINED in event
        or str(event.get("STATUS", "")).upper() == "CANCELLED"
        or str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
        or str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() == "FREE"
    )


def _busy_periods(component):
    if component.errors:
        raise ValueError(component.errors)
    periods = [
        (period.dt[0], period.dt[0] + period.dt[1] if isinstance(period.dt[1], timedelta) else period.dt[1])
        for period in _listed(component.get("FREEBUSY"))
        if period.params.get("FBTYPE", "BUSY").upper() != "FREE"
    ]
    return [_interval(start, end, UTC) for start, end in periods]


def _interval(start, end, zone):
    return _instant(start, zone), _instant(end, zone, is_end=True)


def _instant(moment, zone=UTC, *, is_end=False):
    """Return a date's midnight, or a date-time, as an instant in whole seconds, rounded outward."""
    if _is_day(moment):
        moment = datetime.combine(moment, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp()) + (is_end and moment.microsecond > 0)
