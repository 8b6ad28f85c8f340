"""Expand recurrence rules as wall times. Pure; the time it takes depends on the window, not on how old a series is."""

import math
import re
from calendar import isleap, monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count as count_from
from itertools import islice
from typing import NamedTuple

from scheduling.calendars.values import DAY, LAST, MIDNIGHT, Moment, parse_moment

HOUR = timedelta(hours=1)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
FREQUENCIES = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}
TOO_FREQUENT = {"SECONDLY": 1, "MINUTELY": 60}  # in seconds
MAX_PERIODS = 100_000  # until COUNT is reached
MAX_TIMES = 10_000  # within the window
MAX_SECONDS = 10**10  # three centuries

BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
# What the numbers of each part may be, apart from their sign where a part may count from the end.
LIMITS = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (1, 31),
    "BYYEARDAY": (1, 366),
    "BYWEEKNO": (1, 53),
    "BYSETPOS": (1, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
}
SIGNED = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
DAY_FILTERS = ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY")


class TooManyTimes(Exception):
    """A rule repeats more often than MAX_TIMES, or too often to count to its end."""


class Rule(NamedTuple):
    """A recurrence rule. ``parts`` has numbers, and (ordinal or 0, weekday) for BYDAY.

    Unless it ``is_understood`` it is one for every day that its readable parts allow. ``is_too_frequent`` means that
    it fills whole days, up to ``lasts`` seconds after it begins.
    """

    frequency: str
    interval: int = 1
    count: int | None = None
    until: Moment | None = None
    week_start: int = 0
    skip: str = "OMIT"
    parts: dict[str, list] = {}
    is_understood: bool = True
    is_too_frequent: bool = False
    lasts: int | None = None


def parse_rule(text: str) -> Rule | None:
    """Return the Rule that ``text`` means, or None if it says nothing."""
    values, is_understood = {}, True
    for part in filter(None, (part.strip() for part in text.upper().removeprefix("RRULE:").split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            is_understood = False
        elif value and not name.startswith("X-"):
            values.setdefault(name, value)
    if not values and is_understood:
        return None
    frequency, skip = values.pop("FREQ", ""), values.pop("SKIP", "OMIT")
    is_foreign = values.pop("RSCALE", "GREGORIAN") != "GREGORIAN" and frequency in ("YEARLY", "MONTHLY")
    interval = _parse_number(values.pop("INTERVAL", "1"), 1, 100_000)
    count = _parse_number(values["COUNT"], 1, 10**9) if "COUNT" in values else None
    until = parse_moment(values["UNTIL"]) if "UNTIL" in values else None
    week_start = values.pop("WKST", "MO")
    unknown = values.keys() - LIMITS.keys() - {"BYDAY", "COUNT", "UNTIL"}
    is_understood = (
        is_understood
        and interval is not None
        and ("COUNT" in values) == (count is not None)
        and ("UNTIL" in values) == (until is not None)
        and week_start in WEEKDAYS
        and skip in ("OMIT", "FORWARD", "BACKWARD")
        and not unknown
    )
    # A part like BYEASTER may select other days than the first one.
    parts, are_readable = {}, not is_foreign and not any(name.startswith("BY") for name in unknown)
    for name in [name for name in values if name == "BYDAY" or name in LIMITS]:
        parts[name] = [_parse_item(name, item.strip()) for item in values[name].split(",") if item.strip()]
        if None in parts[name]:
            are_readable = False
            parts[name] = [item for item in parts[name] if item is not None]
    if is_foreign:  # months of another calendar
        parts = {name: items for name, items in parts.items() if name == "BYDAY"}
    is_too_frequent = frequency in TOO_FREQUENT
    lasts = None
    if is_too_frequent and count and interval and not parts:  # what parts leave out is not counted
        lasts = min((count - 1) * interval * TOO_FREQUENT[frequency], MAX_SECONDS)
    if frequency not in FREQUENCIES or not are_readable:
        frequency = "DAILY" if frequency == "DAILY" or is_too_frequent else ""
        frequency, parts, interval, count = _allow_days(frequency, parts)
        is_understood = False
    return Rule(
        frequency,
        interval or 1,
        count,
        until,
        WEEKDAYS.index(week_start) if week_start in WEEKDAYS else 0,
        skip,
        {name: items for name, items in parts.items() if items},
        is_understood,
        is_too_frequent,
        lasts,
    )


def _allow_days(frequency, parts):
    """Return frequency, parts, interval and count of a rule for every day that readable parts allow."""
    filters = {name: parts[name] for name in DAY_FILTERS if parts.get(name)}
    if "BYDAY" in filters:
        filters["BYDAY"] = [(0, weekday) for _, weekday in filters["BYDAY"]]
    return "DAILY" if filters or frequency else "WEEKLY", filters, 1, None


def fill_days(rule: Rule) -> Rule:
    """Return the Rule for every day on which a rule that repeats too often may happen."""
    frequency, parts, interval, count = _allow_days("DAILY", rule.parts)
    return rule._replace(
        frequency=frequency, parts=parts, interval=interval, count=count, is_understood=False, is_too_frequent=True
    )


def _parse_number(text, lowest, highest):
    return int(text) if text.isdecimal() and len(text) < 12 and lowest <= int(text) <= highest else None


def _parse_item(name, text):
    if name == "BYDAY":
        found = BYDAY.fullmatch(text)
        return (int(found[1] or 0), WEEKDAYS.index(found[2])) if found and (not found[1] or int(found[1])) else None
    sign = -1 if name in SIGNED and text[0] == "-" else 1
    number = _parse_number(text.lstrip("+-") if name in SIGNED else text, *LIMITS[name])
    return None if number is None else sign * number


def expand(rule: Rule, first: datetime, *, since: datetime, before: datetime) -> Iterator[datetime]:
    """Yield the wall times of a rule that are in ``[since, before)`` and not before ``first``, nearly in order.

    UNTIL is the caller's. Raises TooManyTimes.
    """
    rule = _make_explicit(rule, first)
    count, size = rule.count, _get_period_size(rule)
    skipped = max(0, _count_periods(rule, first, since) - 1) if count is None or size else 0
    if count and size and skipped:
        in_first = sum(wall >= first for wall in next(_periods(rule, first, before=LAST)))
        count = max(0, count - in_first - (skipped - 1) * size)
    times = (wall for period in _periods(rule, first, skipped, before=before) for wall in period if wall >= first)
    found = 0
    for wall in islice(times, count):
        if since <= wall < before:
            found += 1
            if found > MAX_TIMES:
                raise TooManyTimes
            yield wall


def _make_explicit(rule, first):
    """Return the rule with what it leaves to the first occurrence."""
    parts = dict(rule.parts)
    if rule.frequency == "DAILY" and rule.interval == 1 and "BYDAY" in parts and "BYSETPOS" not in parts:
        rule = rule._replace(frequency="WEEKLY")  # which is the same, and quicker
    parts.setdefault("BYMINUTE", [first.minute])
    parts.setdefault("BYSECOND", [first.second])
    if rule.frequency != "HOURLY":
        parts.setdefault("BYHOUR", [first.hour])
    if not parts.keys() & {"BYMONTHDAY", "BYYEARDAY", "BYDAY"}:
        if rule.frequency == "WEEKLY" or (rule.frequency == "YEARLY" and "BYWEEKNO" in parts):
            parts["BYDAY"] = [(0, first.weekday())]
        elif rule.frequency in ("YEARLY", "MONTHLY"):
            parts["BYMONTHDAY"] = [first.day]
            if rule.frequency == "YEARLY":
                parts.setdefault("BYMONTH", [first.month])
    return rule._replace(parts=parts)


def _get_period_size(rule):
    """Return how many times of the rule each period has if that is the same number for all, else None."""
    if rule.frequency == "HOURLY":
        return None
    parts = {name: set(items) for name, items in rule.parts.items()}
    places = parts.pop("BYSETPOS", set())
    size = math.prod(len(parts.pop(name)) for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if rule.frequency == "YEARLY":
        size *= len(parts.pop("BYMONTH", ()))
    if rule.frequency == "DAILY":
        return None if parts or places else size
    if len(parts) != 1:
        return None
    [(name, items)] = parts.items()
    if places:  # like the last one of some weekdays, of which a month has four each
        fewest = size * 4 * len(items) if name == "BYDAY" and not any(ordinal for ordinal, _ in items) else 0
        is_regular = rule.frequency != "WEEKLY" and (max(places) < 0 or min(places) > 0)
        return len(places) if is_regular and max(map(abs, places)) <= fewest else None
    if rule.frequency == "WEEKLY":
        return size * len({weekday for _, weekday in items}) if name == "BYDAY" else None
    # Every month has the days up to the 28th, and four of each weekday; with one sign none of them is the same day.
    numbers = [ordinal for ordinal, _ in items] if name == "BYDAY" else items
    most = {"BYDAY": 4, "BYMONTHDAY": 28}.get(name, 0)
    is_regular = all(0 < number <= most for number in numbers) or all(-most <= number < 0 for number in numbers)
    return size * len(items) or None if is_regular else None


def _periods(rule, first, skipped=0, *, before):
    """Yield the times of each period that begins before then, without the first ones that are ``skipped``."""
    for number in count_from(skipped):
        if rule.count is not None and number > skipped + MAX_PERIODS:
            raise TooManyTimes
        begins, days = _get_period(rule, first, number * rule.interval)
        if begins is None or begins >= before:
            return
        hours = rule.parts.get("BYHOUR", [begins.hour])
        if rule.frequency == "HOURLY":
            hours = [begins.hour] if begins.hour in hours else []
        if len(days) * len(hours) * len(rule.parts["BYMINUTE"]) * len(rule.parts["BYSECOND"]) > MAX_TIMES:
            raise TooManyTimes
        times = sorted(
            {
                datetime.combine(day, time(hour, minute, second))
                for day in days
                for hour in hours
                for minute in rule.parts["BYMINUTE"]
                for second in rule.parts["BYSECOND"]
            }
        )
        if "BYSETPOS" in rule.parts:
            places = {place - 1 if place > 0 else len(times) + place for place in rule.parts["BYSETPOS"]}
            times = [times[place] for place in sorted(places) if 0 <= place < len(times)]
        yield times


def _count_periods(rule, first, since):
    """Return how many of the rule's steps lie between ``first`` and ``since``."""
    match rule.frequency:
        case "YEARLY":
            periods = since.year - first.year
        case "MONTHLY":
            periods = 12 * (since.year - first.year) + since.month - first.month
        case "WEEKLY":
            periods = (since - first).days // 7
        case "DAILY":
            periods = (since - first).days
        case _:
            periods = (since - first) // HOUR
    return periods // rule.interval


def _get_period(rule, first, steps):
    """Return when a period begins, and its days; (None, []) after the year 9999."""
    try:
        match rule.frequency:
            case "YEARLY":
                year = first.year + steps
                months = rule.parts.get("BYMONTH") or range(1, 13)
                return datetime.combine(date(year, 1, 1), MIDNIGHT), _select_days(
                    rule, [(year, month) for month in months]
                )
            case "MONTHLY":
                year, month = divmod(12 * first.year + first.month - 1 + steps, 12)
                begins = datetime.combine(date(year, month + 1, 1), MIDNIGHT)
                if month + 1 not in rule.parts.get("BYMONTH", [month + 1]):
                    return begins, []
                return begins, _select_days(rule, [(year, month + 1)])
            case "WEEKLY":
                begins = first.date() + (7 * steps - (first.weekday() - rule.week_start) % 7) * DAY
                weekdays = {weekday for _, weekday in rule.parts.get("BYDAY", [(0, day) for day in range(7)])}
                days = [begins + (weekday - rule.week_start) % 7 * DAY for weekday in weekdays]
                return datetime.combine(begins, MIDNIGHT), [day for day in days if _is_allowed(rule, day)]
            case "DAILY":
                day = first.date() + steps * DAY
                return datetime.combine(day, MIDNIGHT), [day] if _is_allowed(rule, day) else []
            case _:
                hour = first.replace(minute=0, second=0) + steps * HOUR
                return hour, [hour.date()] if _is_allowed(rule, hour.date()) else []
    except (ValueError, OverflowError):
        return None, []


def _select_days(rule, months):
    """Return the days of a rule in (year, month) pairs."""
    days = set()
    for year, month in months:
        length = monthrange(year, month)[1]
        if "BYMONTHDAY" not in rule.parts:
            days.update(date(year, month, day) for day in range(1, length + 1))
        for number in rule.parts.get("BYMONTHDAY", []):
            number = number if number > 0 else length + 1 + number
            if 1 <= number <= length:
                days.add(date(year, month, number))
            elif number > length and rule.skip == "BACKWARD":
                days.add(date(year, month, length))
            elif number > length and rule.skip == "FORWARD":
                days.add(date(year, month, length) + DAY)
    return [day for day in days if _is_allowed(rule, day, has_month=True)]


def _is_allowed(rule, day, *, has_month=False):
    """Return whether the rule's parts allow a day; ``has_month`` if its month and its day of the month are allowed."""
    parts = rule.parts
    if not has_month:
        if day.month not in parts.get("BYMONTH", [day.month]):
            return False
        if "BYMONTHDAY" in parts:
            length = monthrange(day.year, day.month)[1]
            if not {day.day, day.day - length - 1} & set(parts["BYMONTHDAY"]):
                return False
    if "BYDAY" in parts and not _is_weekday_allowed(rule, day):
        return False
    if "BYYEARDAY" in parts:
        number = day.timetuple().tm_yday
        if not {number, number - 366 - isleap(day.year)} & set(parts["BYYEARDAY"]):
            return False
    return "BYWEEKNO" not in parts or bool(_get_week_numbers(day, rule.week_start) & set(parts["BYWEEKNO"]))


def _is_weekday_allowed(rule, day):
    for ordinal, weekday in rule.parts["BYDAY"]:
        if weekday != day.weekday():
            continue
        if not ordinal or rule.frequency not in ("MONTHLY", "YEARLY") or "BYWEEKNO" in rule.parts:
            return True
        if rule.frequency == "MONTHLY" or "BYMONTH" in rule.parts:
            place, length = day.day, monthrange(day.year, day.month)[1]
        else:
            place, length = day.timetuple().tm_yday, 365 + isleap(day.year)
        if ordinal == ((place - 1) // 7 + 1 if ordinal > 0 else -((length - place) // 7 + 1)):
            return True
    return False


def _get_week_numbers(day, week_start):
    """Return the number of a day's week in its year, from the beginning and from the end."""
    # A week belongs to the year that has most of it: that of its fourth day.
    middle = day.toordinal() - (day.weekday() - week_start) % 7 + 3
    middle = date.fromordinal(max(1, min(middle, date.max.toordinal())))
    place = middle.timetuple().tm_yday
    following = (365 + isleap(middle.year) - place) // 7
    return {(place - 1) // 7 + 1, -following - 1}
