"""When an iCalendar says that somebody is busy. Pure: text and window in, intervals out.

Text of strangers can keep this busy for hours: programs ask sandbox.py, which runs it in a process that can be ended.
"""

from datetime import UTC, datetime, time, timedelta

import icalendar
import recurring_ical_events

from scheduling.availability.intervals import clip, merge
from scheduling.calendars.base import NotUnderstood, TooMuch
from scheduling.calendars.trimming import DECLINED, get_zone

DAY = timedelta(days=1)
MAX_OCCURRENCES = 50_000
TOO_OFTEN = {"SECONDLY", "MINUTELY"}


def busy_times(feed, *, start, end, zone):
    """Return the busy time of a Feed within ``[start, end)`` (aware datetimes) as merged intervals of instants.

    Dates, and times without a zone, are those of the zone that the feed names as its own, or of ``zone``.
    Raises NotUnderstood where an event could mean anything, and TooMuch.
    """
    zone = own_zone(feed.zone_name) or zone
    try:
        calendar = icalendar.Calendar.from_ical(feed.text)
    except ValueError as error:  # events are read leniently, and checked below: this is a time zone
        raise NotUnderstood from error
    events = calendar.walk("VEVENT")
    for event in events:
        _naming(event, _mend, zone)
    _tell_apart(events)
    try:
        series_of_all = recurring_ical_events.of(calendar).series
    except Exception as error:
        raise NotUnderstood from error
    busy, number = [], 0
    # A day more on either side: whose days these are is not known to the library.
    window = (start.astimezone(UTC) - DAY, end.astimezone(UTC) + DAY)
    for series in series_of_all:
        for occurrence in _expanded(series, window):
            number += 1
            if number > MAX_OCCURRENCES:
                raise TooMuch
            if _is_busy(occurrence.as_component(keep_recurrence_attributes=True)):
                busy.append(_interval(occurrence.start, occurrence.end, zone))
    for component in calendar.walk("VFREEBUSY"):
        busy += _naming(component, _busy_periods)
    return clip(merge(busy), _instant(start), _instant(end))


def own_zone(name):
    """Return the zone that a feed names as its own, or None: UTC is what those say who have never set one."""
    zone = get_zone(name)
    return None if zone is None or zone.key in ("UTC", "Etc/UTC", "Etc/GMT", "GMT") else zone


def _naming(component, function, *arguments):
    """Call ``function`` with a component; whatever it cannot do is NotUnderstood, naming the component's day."""
    # Of whatever kind the error is: libraries raise many, and none of them may let an event vanish.
    try:
        return function(component, *arguments)
    except Exception as error:
        raise NotUnderstood(_day_of(component)) from error


def _expanded(series, window):
    try:
        yield from series.between(*window)
    except Exception as error:
        raise NotUnderstood(_first_day_of(series)) from error


def _first_day_of(series):
    try:
        return f"{series.components[0].raw_start:%Y-%m-%d}"
    except Exception:  # noqa: BLE001 (as below)
        return None


def _day_of(component):
    try:
        return f"{component['DTSTART'].dt:%Y-%m-%d}"
    except Exception:  # noqa: BLE001 (broken properties raise whatever is asked of them)
        return None


def _mend(event, zone):
    """Raise if the event is malformed, and say in RFC 5545's way what programs write in their own."""
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
        if TOO_OFTEN & {str(frequency).upper() for frequency in rule["FREQ"]} or 0 in rule.get("INTERVAL", []):
            raise ValueError("repeats all the time")
        if "UNTIL" in rule:
            rule["UNTIL"] = [_until(until, start, zone) for until in rule["UNTIL"]]


def _listed(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def _check_zone(moment, value):
    """Raise if a time names a zone that nobody knows: the library takes it for a time without one."""
    moment = moment.dt[0] if isinstance(moment.dt, tuple) else moment.dt
    if isinstance(moment, datetime) and moment.tzinfo is None and value.params.get("TZID"):
        raise ValueError("unknown time zone")


def _mend_end(event, start):
    """A day that ends where it begins is meant as a whole one; an end before the start means nothing."""
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


def _until(until, start, zone):
    """Return until when an event is repeated: in local time or on that date, if it is not written in UTC."""
    if _is_day(start):
        # Some write the midnight at which the last day begins, which in UTC is perhaps the day before.
        return until if _is_day(until) else (until if until.tzinfo is None else until.astimezone(zone)).date()
    if _is_day(until):
        until = datetime.combine(until, time(23, 59, 59))
    if start.tzinfo is None:
        return until.replace(tzinfo=None)
    return (until if until.tzinfo else until.replace(tzinfo=start.tzinfo)).astimezone(UTC)


def _tell_apart(events):
    """Give events that share a UID, and are not versions of each other, UIDs of their own."""
    seen = set()
    for number, event in enumerate(events):
        if "RECURRENCE-ID" in event:
            continue
        version = (event["UID"], event.get("SEQUENCE", 0))
        if version in seen:  # the library would keep only one of them
            event["UID"] = icalendar.vText(f"{event['UID']} {number}")
        seen.add(version)


def _is_busy(event):
    """Return whether an occurrence keeps somebody from something else; what is tentative does."""
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
    """Return a date's midnight or a date-time as an instant: whole seconds, outward."""
    if _is_day(moment):
        moment = datetime.combine(moment, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp()) + (is_end and moment.microsecond > 0)
