"""Arrange openings for the page: a strip of days, and one day's times by place. Pure: no database, no clock."""

from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from booking.templatetags.wording import zone as zone_name
from booking.widget.forms import write_opening
from scheduling.lib.timezones import get_zone_abbreviation

STRIP = 7


class Choice(NamedTuple):
    """A button for one time. ``clinician`` is empty when any clinician will do.

    ``zone`` is the short name of its zone. It is empty among the times of a day that share one.
    """

    value: str
    at: datetime  # local; templates convert datetimes to UTC, so they use ``day`` and ``time``
    clinician: str
    place: str
    is_remote: bool
    is_own: bool
    zone: str

    @property
    def day(self):
        return self.at.date()

    @property
    def time(self):
        return format_date(self.at, _("H:i"))


class PlaceTimes(NamedTuple):
    """One day's choices at one place, as [(part of day, choices)]; ``at`` is the first, ``zone`` names its zone."""

    place: str
    at: datetime
    zone: str
    parts: list


class Day(NamedTuple):
    """One day of the strip."""

    date: date
    count: int
    has_own: bool


class Strip(NamedTuple):
    """The days on the page; ``earlier`` and ``later`` are the first days of the neighbouring strips, or None."""

    days: list
    earlier: date | None
    later: date | None


def get_strip_start(wanted, *, today):
    """Return the first day of the strip that contains ``wanted``. The first strip starts today."""
    return wanted - (wanted - today) % timedelta(days=STRIP)


def make_strip(choices, *, start, today, last):
    """Return the Strip from ``start``; ``last`` is the last day that can be booked at all."""
    counts = Counter(choice.day for choice in choices)
    own = {choice.day for choice in choices if choice.is_own}
    dates = [start + timedelta(days=number) for number in range(STRIP)]
    later = dates[-1] + timedelta(days=1)
    return Strip(
        days=[Day(date, counts[date], date in own) for date in dates],
        earlier=max(today, start - timedelta(days=STRIP)) if start > today else None,
        later=later if later <= last else None,
    )


def make_choices(openings, offer, *, own=None, anyone=False):
    """Return a Choice for every opening. ``own`` is the opening held for this patient.

    With ``anyone``, openings at the same time and place become one Choice; if several clinicians are free, it
    names none, and one is assigned when the button is pressed. Openings of clinicians or locations missing from
    the offer (created after it was loaded) are left out.
    """
    openings = [
        opening
        for opening in openings
        if opening.clinician_id in offer.clinicians and opening.location_id in offer.locations
    ]
    several = set()
    if anyone:
        openings, several = _keep_one_each(openings, own)
    return [
        Choice(
            value=write_opening(opening, anyone=opening in several),
            at=(at := opening.starts_at.astimezone(offer.get_zone(opening.location_id))),
            clinician="" if opening in several else offer.clinicians[opening.clinician_id],
            place=_("Video") if opening.is_remote else offer.locations[opening.location_id].name,
            is_remote=opening.is_remote,
            is_own=opening == own,
            zone=get_zone_abbreviation(at),
        )
        for opening in openings
    ]


def _keep_one_each(openings, own):
    """Return one opening for each start and place, preferring ``own``, and the set of those that stand for several."""
    groups = defaultdict(list)
    for opening in openings:
        groups[opening.start, opening.location_id, opening.is_remote].append(opening)
    chosen = [own if own in group else group[0] for group in groups.values()]
    several = {group[0] for group in groups.values() if len(group) > 1 and own not in group}
    return chosen, several


def group_by_place(choices, day):
    """Return the PlaceTimes of one local day: places by name, video calls last.

    Choices show their zone only where a place has two on that day: the clocks change.
    """
    of_day = [choice for choice in choices if choice.day == day]
    of_day.sort(key=lambda choice: (choice.is_remote, choice.place, *_get_place_in_day(choice)))
    grouped = groupby(of_day, key=lambda choice: (choice.is_remote, choice.place))
    return [_make_place_times(place, list(group)) for (_, place), group in grouped]


def _make_place_times(place, choices):
    # By video the times of several clinics stand together, whose zones may differ.
    if len({(choice.zone, choice.at.utcoffset()) for choice in choices}) < 2:
        choices = [choice._replace(zone="") for choice in choices]
    at = choices[0].at
    parts = [(name, list(group)) for name, group in groupby(choices, key=_get_part_of_day)]
    return PlaceTimes(place, at, "" if choices[0].zone else zone_name(at, at.tzinfo.key), parts)


def _get_place_in_day(choice):
    """Return what sorts a day: parts of the day, then the time since midnight, by which a repeated hour comes twice."""
    midnight = datetime.combine(choice.day, time(), choice.at.tzinfo)
    since = choice.at.timestamp() - midnight.timestamp()
    return choice.at.hour >= 12, choice.at.hour >= 17, since, choice.at.timestamp()


def _get_part_of_day(choice):
    if choice.at.hour < 12:
        return _("Morning")
    return _("Afternoon") if choice.at.hour < 17 else _("Evening")
