"""Compute when an iCalendar says that somebody is busy. Pure: text and window in, intervals out.

What cannot be understood blocks what it could mean and no more, and is named. A hostile text can keep this busy for
long: call it through sandbox.py, which runs it in a process that can be killed.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduling.availability.intervals import Interval, clip, merge
from scheduling.calendars.base import BusyTimes, NotUnderstood, TooMuch
from scheduling.calendars.recurrence import TooManyTimes, expand, fill_days, parse_rule
from scheduling.calendars.time_zones import Zones, get_zone
from scheduling.calendars.trimming import DECLINED, Feed
from scheduling.calendars.values import (
    DAY,
    FIRST,
    LAST,
    MIDNIGHT,
    MINUTE,
    SEPARATOR,
    Moment,
    parse_duration,
    parse_moment,
    parse_moments,
    split_value,
)

MAX_OCCURRENCES = 50_000
SECOND = timedelta(seconds=1)
MARGIN = timedelta(days=2)  # more than the distance of any two time zones
EARLIEST, LATEST = timedelta(hours=14), timedelta(hours=12)  # how far a wall clock may be ahead of UTC, and behind it
MAX_TRAVEL = DAY
MAX_EXCHANGED = timedelta(days=31)
MAX_LOOKBACK = timedelta(days=7_000)


class Component:
    """The properties of an event, as they are written."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.properties: dict[str, list[str]] = defaultdict(list)
        for line in text.split("\n")[1:]:
            name, *rest = SEPARATOR.split(line, maxsplit=1)
            self.properties[name].append("".join(rest))

    def list_values(self, name: str) -> list[str]:
        """Return the values of a property that are not empty, without parameters."""
        if name not in self.properties:
            return []
        return [value for rest in self.properties[name] if (value := rest[rest.index(":") + 1 :].strip())]

    def find_moment(self, name: str) -> Moment | None:
        """Return the first value that is a whole Moment, else one whose date is readable, or None."""
        vague = None
        for rest in self.properties.get(name, ()):
            parameters, value = split_value(rest)
            moment = parse_moment(value, parameters)
            if moment and not moment.is_vague:
                return moment
            vague = vague or moment
        return vague

    def find_duration(self, name: str) -> timedelta | None:
        """Return the first value that is a duration, or None."""
        durations = (parse_duration(split_value(rest)[1]) for rest in self.properties.get(name, ()))
        return next((duration for duration in durations if duration is not None), None)

    @property
    def sequence(self) -> int:
        """Return the number of this version."""
        return next((int(value) for value in self.list_values("SEQUENCE") if re.fullmatch(r"\d{1,9}", value)), 0)

    @property
    def uid(self) -> str:
        """Return the event's identifier, or an empty string."""
        uids = self.list_values("UID")
        return next((uid for uid in uids if " " not in uid), uids[0] if uids else "")

    @cached_property
    def recurrence_id(self) -> Moment | None:
        """Return which occurrence of its series this event replaces, or None."""
        return self.find_moment("RECURRENCE-ID")

    @property
    def is_override(self) -> bool:
        """Return whether this event replaces an occurrence of a series."""
        return bool(self.list_values("RECURRENCE-ID"))

    @property
    def is_for_all_later(self) -> bool:
        """Return whether this event replaces later occurrences too."""
        return any("RANGE=THISANDFUTURE" in rest.upper() for rest in self.properties.get("RECURRENCE-ID", ()))

    @property
    def is_cancelled(self) -> bool:
        """Return whether this event does not take place."""
        return self._is_only("STATUS", "CANCELLED", ("CANCELLED", "CONFIRMED", "TENTATIVE"))

    @property
    def is_free(self) -> bool:
        """Return whether its time is free. A tentative event is busy."""
        return (
            self.is_cancelled
            or DECLINED in self.properties
            or self._is_only("TRANSP", "TRANSPARENT", ("TRANSPARENT", "OPAQUE"))
            or self._is_only("X-MICROSOFT-CDO-BUSYSTATUS", "FREE", ("FREE", "BUSY", "TENTATIVE", "OOF"))
        )

    def _is_only(self, name, wanted, possible):
        """Return whether a property says ``wanted``, and nothing else that it may say."""
        if name not in self.properties:
            return False
        values = {value.upper().replace("CANCELED", "CANCELLED") for value in self.list_values(name)}
        return values & {*possible} == {wanted}


class Span(NamedTuple):
    """How an event and its occurrences lie in time, from their wall time in ``zone`` on; None is an unknown zone.

    ``seconds`` is the exact length where start and end are in different zones. ``lead`` has the seconds that are busy
    before the start. ``is_open`` means that the end is unknown, ``is_whole_day`` that the time of day is.
    """

    start: Moment
    zone: tzinfo | None
    length: timedelta = timedelta()
    seconds: int | None = None
    is_open: bool = False
    is_whole_day: bool = False
    is_understood: bool = True
    lead: int = 0


class Change(NamedTuple):
    """What an override changes in a series from ``since`` on; without a span the rest of the series is free."""

    since: int
    shift: timedelta
    span: Span | None


class ReadEvent(NamedTuple):
    """When an event makes busy, ``understood``, and ``possible`` as far as it is ``unread``."""

    understood: list[Interval]
    possible: list[Interval] = []
    unread: NotUnderstood | None = None


class Window:
    """The time to look at, and the zones of the calendar that is read."""

    def __init__(self, feed: Feed, *, start: datetime, end: datetime, zone: tzinfo, only_all_day: bool) -> None:
        self.start, self.end = int(start.timestamp()), int(end.timestamp())
        self.since = start.astimezone(UTC).replace(tzinfo=None) - MARGIN
        self.before = end.astimezone(UTC).replace(tzinfo=None) + MARGIN
        self.zone = zone
        # A holiday is a date where the location is, whoever publishes it.
        self.default = zone if only_all_day else get_feed_zone(feed.zone_name) or zone
        self.only_all_day = only_all_day
        self.texts = feed.text.split("\n\n") if feed.text else []
        definitions = [text for text in self.texts if text.startswith("VTIMEZONE")]
        self.zones = Zones(definitions, default=self.default, since=self.since, before=self.before)

    def get_zone(self, moment: Moment) -> tzinfo | None:
        """Return the zone of a Moment, or None if nobody knows it."""
        return moment.zone or self.zones.get("" if moment.is_date or moment.is_vague else moment.zone_name)

    def get_midnight(self, day: date) -> int:
        """Return when a date begins."""
        return get_instant(datetime.combine(day, MIDNIGHT), self.default)


def compute_busy_times(
    feed: Feed,
    *,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    only_all_day: bool = False,
    ignored: Collection[str] = (),
) -> BusyTimes:
    """Return the BusyTimes of a Feed within ``[start, end)``, or raise TooMuch.

    Dates, and times without a zone, are in the zone that the feed names as its own, or else in ``zone``. With
    ``only_all_day``, as for holidays, only events of whole days count, free ones too, and dates are in ``zone``.
    ``ignored`` has the fingerprints of events that staff ignore: not understood, they are returned but block nothing.
    """
    window = Window(feed, start=start, end=end, zone=zone, only_all_day=only_all_day)
    events, busy, not_understood = defaultdict(list), [], []
    for number, text in enumerate(window.texts):
        if text.startswith("VEVENT"):
            event = Component(text)
            events[event.uid or number].append(event)
    free_busy = [text for text in window.texts if text.startswith("VFREEBUSY") and not only_all_day]
    for reading in chain(
        (reading for same in events.values() for reading in _read_events(same, window)),
        (_read_free_busy(text, window) for text in free_busy),
    ):
        busy += reading.understood
        if reading.unread:
            not_understood.append(reading.unread)
            busy += [] if reading.unread.fingerprint in ignored else reading.possible
        if len(busy) > MAX_OCCURRENCES:
            raise TooMuch
    return BusyTimes(clip(merge(busy), window.start, window.end), not_understood)


def get_feed_zone(name: str) -> tzinfo | None:
    """Return the zone that a feed names as its own, or None. UTC does not count: it is the default nobody has set."""
    zone = get_zone(name)
    return None if isinstance(zone, ZoneInfo) and zone.key in ("UTC", "Etc/UTC", "Etc/GMT", "GMT") else zone


def get_instant(wall: datetime, zone: tzinfo) -> int:
    """Return a wall time as an instant."""
    return int(wall.replace(tzinfo=zone).timestamp())


def _read_events(events, window):
    """Yield the ReadEvent of each busy event of those that share one identifier."""
    busy = {event for event in events if not (event.is_cancelled if window.only_all_day else event.is_free)}
    if not busy:
        return
    masters = _get_latest([event for event in events if not event.is_override])
    same = defaultdict(list)
    for event in events:
        if event.is_override:
            same[event.recurrence_id or event].append(event)
    overrides = [event for versions in same.values() for event in _get_latest(versions)]
    for event in overrides:
        if event in busy:
            yield _read_event(event, window)
    for event in masters:
        if event in busy or any(one.is_for_all_later and one in busy for one in overrides):
            yield _read_event(event, window, is_free=event not in busy, overrides=overrides, busy=busy)


def _get_latest(events):
    """Return the events of the highest sequence number: the others are older versions."""
    if len(events) < 2:
        return events
    latest = max(event.sequence for event in events)
    return [event for event in events if event.sequence == latest]


def _read_event(event, window, *, is_free=False, overrides=(), busy=()):
    """Return the ReadEvent of an event and its repetitions."""
    span = _get_span(event, window)
    if span is None:
        return ReadEvent([], unread=NotUnderstood(_hash(event), None))
    if window.only_all_day and not (span := _get_whole_days(span, window)):
        return ReadEvent([])
    replaced, changes = _read_overrides(overrides, busy, span, window) if overrides else (None, [])
    reach = max((abs(change.shift) + change.span.length for change in changes if change.span), default=timedelta())
    times, is_understood, may_be_anywhere = _list_times(event, span, window, reach=min(reach, MAX_LOOKBACK))
    found = []
    for wall, own in times:
        if replaced and replaced.contains(wall, own):
            continue
        at = get_instant(wall, own.zone or window.default) if changes else 0
        change = next((change for change in reversed(changes) if change.since <= at), None)
        if change and change.span:
            moved = _add(wall, change.shift)
            found.append((*_get_interval(change.span, moved, window), moved))
        elif not change and not is_free:
            found.append((*_get_interval(own, wall, window), wall))
    found = [one for one in found if one[1] > window.start and one[0] < window.end]
    intervals = [(start, end) for start, end, _ in found]
    if is_understood and span.is_understood and (event.recurrence_id or not event.is_override):
        return ReadEvent(intervals)
    if not found and not may_be_anywhere:  # over, or still far away
        return ReadEvent([])
    return ReadEvent([], intervals, NotUnderstood(_hash(event), _get_day(min(found), span, window) if found else None))


def _hash(component):
    return hashlib.sha256(component.text.encode()).hexdigest()


def _get_day(occurrence, span, window):
    """Return the first local date of an occurrence that is in the window."""
    start, _, wall = occurrence
    if span.start.is_date or span.is_whole_day or span.zone is None:
        return max(wall.date(), datetime.fromtimestamp(window.start, window.zone).date())
    return datetime.fromtimestamp(max(start, window.start), window.zone).date()


def _read_overrides(overrides, busy, span, window):
    """Return the occurrences of a series that others replace, and its Changes, in order."""
    replaced, changes = Exclusions(span, window), []
    for override in overrides:
        at = override.recurrence_id
        own = _get_span(override, window) if override in busy else None
        if not at or at.is_vague or (override in busy and not own):
            continue  # the series stays as it is
        if not override.is_for_all_later:
            replaced.add(at)
            continue
        since = get_instant(at.wall, window.get_zone(at) or window.default)
        shift = timedelta()
        if own and at[2:4] == own.start[2:4]:
            shift = own.start.wall - at.wall
        elif own:
            shift = timedelta(seconds=get_instant(own.start.wall, own.zone or window.default) - since)
        changes.append(Change(since, shift, own and own._replace(zone=span.zone)))
    return replaced, sorted(changes, key=lambda change: change.since)


class Exclusions:
    """The occurrences of a series that do not take place, in whichever way they are written."""

    def __init__(self, span: Span, window: Window) -> None:
        self._span, self._window = span, window
        self._instants: set[int] = set()
        self._walls: set[datetime] = set()
        self._days: set[date] = set()

    def add(self, moment: Moment) -> bool:
        """Exclude an occurrence, or return False if nobody can know which one is meant."""
        start, zone = self._span.start, self._window.get_zone(moment)
        if moment.is_vague:
            return False
        if moment.is_date:
            self._days.add(moment.wall.date())
        elif start.is_date:
            is_midnight = moment.wall.time() == MIDNIGHT
            self._days.add(moment.wall.date() if is_midnight else _get_local_date(moment, self._window))
        elif moment[2:4] == start[2:4] or (not moment.zone and not moment.zone_name):
            self._walls.add(moment.wall)
            if moment.wall.time() == MIDNIGHT != start.wall.time():
                self._days.add(moment.wall.date())  # midnight of a day on which something else begins
        elif zone and self._span.zone:
            self._instants.add(get_instant(moment.wall, zone))
        else:
            return False
        return True

    def contains(self, wall: datetime, span: Span) -> bool:
        """Return whether an occurrence is excluded."""
        if not (self._instants or self._walls or self._days):
            return False
        is_own = span.zone is self._span.zone
        return (
            (is_own and wall in self._walls)
            or wall.date() in self._days
            or bool(self._instants and span.zone and get_instant(wall, span.zone) in self._instants)
        )


def _list_times(event, span, window, *, reach):
    """Return (wall time, Span) of an event and its repetitions, whether they are understood, and whether some may be
    anywhere. Includes those that are as far as ``reach`` outside the window.
    """
    if not event.properties.keys() & {"RRULE", "RDATE", "EXDATE"}:
        return [(span.start.wall, span)], True, False
    is_understood, may_be_anywhere = True, False
    rules = [rule for text in event.list_values("RRULE") if (rule := parse_rule(text))]
    excluded = Exclusions(span, window)
    for rest in event.properties.get("EXDATE", ()):
        moments, are_readable = parse_moments(rest)
        are_known = [excluded.add(moment) for moment in moments]
        is_understood &= all(are_known) and are_readable
    times = {}
    first = span.start.wall
    if not rules or not all(rule.until and _is_over(first, rule.until, span, window) for rule in rules):
        times[first] = span
    for rule in rules:
        rule, walls = _expand(rule, span, window, reach)
        is_understood &= rule.is_understood
        own = span._replace(is_whole_day=True) if rule.is_too_frequent else span
        times.update(dict.fromkeys(walls, own))
    for text in event.list_values("EXRULE") if len(times) > 1 else ():
        rule = parse_rule(text)
        if rule and rule.is_understood and not rule.is_too_frequent:
            rule, walls = _expand(rule, span, window, reach)
        if rule and rule.is_understood:
            for wall in walls:
                times.pop(wall, None)
        elif rule:
            is_understood = False
    pairs = [(wall, own) for wall, own in times.items() if not excluded.contains(wall, own)]
    for rest in event.properties.get("RDATE", ()):
        more, are_readable = _list_additions(rest, span, window)
        pairs += [(wall, own) for wall, own in more if not excluded.contains(wall, own)]
        may_be_anywhere |= not are_readable
        is_understood &= are_readable
    return pairs, is_understood, may_be_anywhere


def _expand(rule, span, window, reach):
    """Return the rule, or what can be known of it, and its wall times in the window."""
    lookback = min(span.length + timedelta(seconds=span.seconds or 0), MAX_LOOKBACK)
    since, before = window.since - lookback - reach, window.before + min(SECOND * span.lead, MAX_LOOKBACK) + reach
    if rule.until:
        before = min(before, rule.until.wall + MARGIN if rule.until.wall < before else before)
    if rule.lasts is not None:
        last = _add(span.start.wall, SECOND * rule.lasts)
        before = min(before, _add(datetime.combine(last, MIDNIGHT), DAY))
    try:
        walls = list(expand(rule, span.start.wall, since=since, before=before))
    except TooManyTimes:
        rule = fill_days(rule)
        walls = list(expand(rule, span.start.wall, since=since, before=before))
    if rule.until:
        walls = [wall for wall in walls if not _is_over(wall, rule.until, span, window)]
    return rule, walls


def _is_over(wall, until, span, window):
    """Return whether a series has ended before a wall time."""
    if until.is_date or until.is_vague:
        return wall.date() > until.wall.date()
    if span.start.is_date:
        # Some programs write the midnight that begins the last day, which may be the day before in UTC.
        return wall.date() > _get_local_date(until, window)
    if not until.zone:
        return wall > until.wall
    if not span.zone:
        return wall > until.wall + EARLIEST if until.wall < window.before else False
    return get_instant(wall, span.zone) > get_instant(until.wall, until.zone)


def _get_local_date(moment, window):
    """Return the date of a Moment where dates are at home."""
    if not moment.zone or not window.since < moment.wall < window.before:
        return moment.wall.date()
    return moment.wall.replace(tzinfo=moment.zone).astimezone(window.default).date()


def _list_additions(rest, span, window):
    """Return (wall time, Span) of each value of RDATE, and whether all of them are readable."""
    found, are_readable = [], True
    parameters, value = split_value(rest)
    for text in filter(None, map(str.strip, value.split(","))):
        moment = parse_moment(text, parameters)
        if "/" in text and (own := _parse_period(text, parameters, window)):
            found.append((own.start.wall, own))
            are_readable &= own.is_understood
        elif not moment:
            are_readable = False
        elif moment.is_date and not span.start.is_date:
            found.append((datetime.combine(moment.wall, span.start.wall.time()), span))
        else:
            zone = window.get_zone(moment)
            found.append((moment.wall, span._replace(zone=zone, is_whole_day=span.is_whole_day or moment.is_vague)))
            are_readable &= not moment.is_vague and (zone is not None or span.zone is None)
    return found, are_readable


def _get_span(event, window):
    """Return the Span of an event, or None if it has no readable start."""
    start = event.find_moment("DTSTART")
    if not start:
        return None
    end, duration = event.find_moment("DTEND"), event.find_duration("DURATION")
    has_end = bool(event.list_values("DTEND") or event.list_values("DURATION"))
    span = _make_span(start, end, duration, window, has_end=has_end)
    travel = event.find_duration("X-APPLE-TRAVEL-DURATION") or timedelta()
    if timedelta() < travel <= MAX_TRAVEL and not start.is_date:
        span = span._replace(lead=span.lead + travel // SECOND)
    return span


def _make_span(start, end, duration, window, *, has_end):
    """Return the Span from ``start`` to ``end``, or of a ``duration``; ``has_end`` if one of the two is written."""
    if end and start.wall - end.wall > MAX_EXCHANGED:
        end = None  # 1970 or the year 1: what programs write for none
    if start.is_date:
        return _make_days(start, end, duration, window, has_end=has_end)
    zone = window.get_zone(start)
    is_understood = zone is not None and not start.is_vague
    if (
        end
        and end[2:4] == start[2:4]
        and end.wall >= start.wall
        and is_understood
        and not (end.is_date or end.is_vague)
    ):
        return Span(start, zone, end.wall - start.wall)
    if not end and duration and duration > timedelta() and is_understood:
        return Span(start, zone, duration)
    span = Span(start, zone, is_whole_day=start.is_vague, is_understood=is_understood)
    if end is None and duration is None:
        return span._replace(is_open=has_end, is_understood=span.is_understood and not has_end)
    if end is None:
        if duration < timedelta():
            return span._replace(lead=-duration // SECOND)
        return span._replace(length=duration)
    zone = window.get_zone(end)
    if end.is_date or end.is_vague:
        # Until the day that it names begins, or else ends.
        last = end.wall if end.is_date and end.wall > start.wall else _add(end.wall, DAY)
        return span._replace(length=max(timedelta(), last - start.wall), is_understood=False)
    if end[2:4] == start[2:4]:
        if end.wall < start.wall and not start.is_vague:
            # Exchanged. Rules and exceptions still mean what is said to be the start.
            return span._replace(lead=get_instant(start.wall, zone or UTC) - get_instant(end.wall, zone or UTC))
        return span._replace(length=max(timedelta(), end.wall - start.wall))
    if zone is None or span.zone is None:
        last = max(_add(datetime.combine(end.wall, MIDNIGHT), DAY), _add(end.wall, LATEST))
        return span._replace(length=max(timedelta(), last - start.wall), is_understood=False)
    seconds = get_instant(end.wall, zone) - get_instant(start.wall, span.zone)
    if seconds < 0:
        return span._replace(lead=-seconds)
    return span._replace(seconds=seconds)


def _make_days(start, end, duration, window, *, has_end):
    """Return the Span of an event of whole days."""
    span = Span(start, window.default, length=DAY)
    if end:
        first, last = start.wall, end.wall
        if last.time() != MIDNIGHT:
            last = _add(datetime.combine(last, MIDNIGHT), DAY)
        if last < first:  # exchanged, and the day on which it is said to start counts
            return span._replace(
                start=start._replace(wall=datetime.combine(end.wall, MIDNIGHT)), length=first - last + DAY
            )
        return span._replace(length=max(DAY, last - first))
    if duration is not None:
        length = max(DAY, -(-abs(duration) // DAY) * DAY)
        if duration < timedelta():
            return span._replace(start=start._replace(wall=_add(start.wall, -length)), length=length)
        return span._replace(length=length)
    return span._replace(is_understood=not has_end)


def _get_whole_days(span, window):
    """Return the Span as one of dates if it lasts from midnight to midnight, or None."""
    if span.start.is_date or span.start.is_vague:
        return span
    missing = -span.length % DAY  # many write 23:59 for the end of a day
    if span.start.wall.time() != MIDNIGHT or span.seconds or span.is_open or not span.length or missing > MINUTE:
        return None
    return Span(Moment(span.start.wall, is_date=True), window.default, span.length + missing)


def _get_interval(span, wall, window):
    """Return the interval of an event that begins at a wall time, and of what it could mean."""
    until = _add(wall, span.length)
    if span.start.is_date:
        return window.get_midnight(wall.date()), window.get_midnight(until.date())
    if span.is_whole_day or span.zone is None:
        last = until.date() if until.time() == MIDNIGHT and until > wall else _add(until, DAY).date()
        start, end = window.get_midnight(wall.date()), window.get_midnight(last)
        if span.zone is None:
            start = min(start, get_instant(wall, UTC) - EARLIEST // SECOND)
            end = max(end, get_instant(until, UTC) + LATEST // SECOND)
        return start - span.lead, end
    start = get_instant(wall, span.zone)
    if span.is_open:
        end = get_instant(_add(datetime.combine(wall, MIDNIGHT), DAY), span.zone)
    else:
        end = get_instant(until, span.zone) if span.seconds is None else start + span.seconds
    return start - span.lead, max(start, end)


def _add(wall, length):
    try:
        return wall + length
    except OverflowError:
        return LAST if length > timedelta() else FIRST


def _read_free_busy(text, window):
    """Return the ReadEvent of a VFREEBUSY."""
    component = Component(text)
    understood, possible, days, is_readable = [], [], [], True
    for rest in component.properties.get("FREEBUSY", ()):
        parameters, value = split_value(rest)
        if "FBTYPE=FREE" in parameters.upper().replace('"', ""):
            continue
        for period in filter(None, map(str.strip, value.split(","))):
            span = _parse_period(period, parameters, window)
            if not span:
                is_readable = False
                continue
            start, end = _get_interval(span, span.start.wall, window)
            if start >= window.end or end <= window.start:
                continue
            if span.is_understood:
                understood.append((start, end))
            else:
                possible.append((start, end))
                days.append(_get_day((start, end, span.start.wall), span, window))
    if is_readable and not possible:
        return ReadEvent(understood)
    return ReadEvent(understood, possible, NotUnderstood(_hash(component), min(days, default=None)))


def _parse_period(text, parameters, window):
    """Return the Span of a value like start/end or start/duration, or None if it has no readable start."""
    at, _, end = (part.strip() for part in text.partition("/"))
    start = parse_moment(at, parameters)
    return start and _make_span(start, parse_moment(end, parameters), parse_duration(end), window, has_end=True)
