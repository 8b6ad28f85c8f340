"""The diary's columns as its grid draws them: what stands in each, how far down, and how wide.

Positions are minutes of wall time, as on the clock in the room. On the day on which clocks go back, the hour that comes
twice is drawn once: visits at both stand side by side, and say of which zone they are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from html import escape
from typing import NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from booking.domain.diary import Column
from booking.models import Appointment
from scheduling.availability.openings import as_datetime, as_instant, split_day
from scheduling.lib.timezones import get_zone_abbreviation
from scheduling.models import Location

DAY_MINUTES = 24 * 60
USUAL_HOURS = (8 * 60, 18 * 60)
SHORTEST_GAP = 5
REASONS = {
    "time-off": "Time off",
    "holiday": "Closed",
    "calendar-busy": "Busy in their calendar",
    "calendar-unreachable": "Their calendar cannot be read",
    "elsewhere": "Taken",
}
STATES = {status: label.capitalize() for status, label in Appointment.Status.choices}
MOVABLE = {*Appointment.UPCOMING, "stranded"}
STATES |= dict.fromkeys(Appointment.TENTATIVE, "To confirm")


class Stretch(NamedTuple):
    """Where something stands: ``start`` and ``length`` in minutes, and both ends as text."""

    start: int
    length: int
    time: str
    end_time: str

    @property
    def end(self):
        return self.start + self.length


class Entry(NamedTuple):
    """Something in a column, in ``lane`` of ``lanes`` that stand side by side; ``since`` and ``until`` are instants."""

    kind: str
    at: Stretch
    title: str
    url: str = ""
    id: str = ""
    detail: str = ""
    color: str = ""
    status: str = ""
    state: str = ""
    marks: tuple[str, ...] = ()
    until: int = 0
    since: int = 0
    lane: int = 0
    lanes: int = 1

    @property
    def is_movable(self):
        return self.status in MOVABLE

    def render(self):
        """Return the entry as HTML. A template takes ten times as long, and a day has a thousand of them."""
        at, title, detail = self.at, escape(self.title), escape(" · ".join([self.detail, *self.marks]))
        time = f'<time>{at.time}<span class="end">{at.end_time}</span></time>'
        classes = f"entry {self.kind}"
        if self.kind == "visit":
            since = f' <span data-since="{self.since}"></span>' if self.since else ""
            classes += f" is-{self.status}" + (" is-movable" if self.is_movable else "")
            body = (
                f'<a id="{self.id}" href="{self.url}">{time} <strong><bdi>{title}</bdi></strong> '
                f'<span class="what">{detail}</span> '
                f'<span class="state state-{self.status}">{self.state}{since}</span></a>'
            )
        elif self.kind == "free" and self.url:
            label = f"{title} {at.time}{at.end_time}: book"
            body = f'<a id="{self.id}" href="{escape(self.url)}" aria-label="{label}"><span>{time} {title}</span></a>'
        elif self.kind == "hold":
            left = f'<span class="left" data-until="{self.until}"></span>'
            body = (
                f'<div id="{self.id}">{time} <strong>{title}</strong> {left} <span class="what">{detail}</span></div>'
            )
        else:
            body = f"<div>{time} {title}</div>"
        lanes = f' data-lane="{self.lane}" data-lanes="{self.lanes}"' if self.lanes > 1 else ""
        color = f' data-color="{escape(self.color)}"' if self.color else ""
        return f'<li class="{classes}" data-from="{at.start}" data-long="{at.length}"{lanes}{color}>{body}</li>'


@dataclass(frozen=True)
class DrawnColumn:
    """A Column as it is drawn. ``version`` changes with whatever is shown; an unchanged column has no entries."""

    id: str
    clinician_id: str
    name: str
    day: str
    heading: str
    summary: str
    hours: list[tuple[int, int]]
    entries: list[Entry]
    html: SafeString
    version: str
    is_unchanged: bool
    appointments: list[Appointment]


class Axis(NamedTuple):
    """The hours that the grid shows, in minutes, and the label of each."""

    start: int
    end: int
    marks: list[tuple[int, str]]


def draw_columns(
    columns: list[Column],
    location: Location,
    *,
    known: Collection[str] = (),
    by_day: bool = False,
    may_book: bool = False,
) -> list[DrawnColumn]:
    """Return the columns to be drawn; of those whose version is in ``known`` nothing but their place.

    What is free leads to a booking if the member of staff may book.
    """
    page_url = reverse("admin:diary")
    book_url = f"{reverse('admin:diary_book')}?location={location.pk}&" if may_book else ""
    return [_draw_column(each, location.zone, known, by_day, book_url, page_url) for each in columns]


def _draw_column(column, zone, known, by_day, book_url, page_url):
    clock = _Clock(zone, column.day)
    bookings = [*column.appointments, *column.holds]
    entries = _place_side_by_side([_draw_booking(each, clock, page_url) for each in bookings])
    entries += [_draw_block(each, clock) for each in column.blocks]
    entries += _list_gaps(column, clock, book_url)
    entries.sort(key=lambda entry: (entry.at.start, entry.kind != "block", entry.lane))
    hours = [clock.place(start, end)[:2] for start, end in column.hours]
    expected = [each for each in column.appointments if each.status not in Appointment.UNSUCCESSFUL]
    summary = f"{len(expected)} visit{'' if len(expected) == 1 else 's'}"
    shown = (column.clinician_id, column.day, column.clinician_name, summary, hours, entries)
    version = blake2b(repr(shown).encode(), digest_size=6).hexdigest()
    is_unchanged = version in known
    return DrawnColumn(
        id=f"{column.clinician_id}-{column.day}",
        clinician_id=str(column.clinician_id),
        name=column.clinician_name,
        day=f"{column.day}",
        heading=f"{column.day:%a %-d %b}" if by_day else column.clinician_name,
        summary=summary,
        hours=[] if is_unchanged else hours,
        entries=[] if is_unchanged else entries,
        html=mark_safe("".join([] if is_unchanged else [entry.render() for entry in entries])),  # noqa: S308
        version=version,
        is_unchanged=is_unchanged,
        appointments=[] if is_unchanged else column.appointments,
    )


class _Clock:
    """The wall clock of one day."""

    def __init__(self, zone, day):
        self.zone, self.midnight = zone, day.toordinal()
        [(self.start, _end, _midnight), *changes] = split_day(zone, day)
        self.is_ordinary = not changes

    def read(self, instant):
        """Return the minutes after midnight that the clock shows."""
        if self.is_ordinary:
            return (instant - self.start) // 60
        local = datetime.fromtimestamp(instant, self.zone)
        return (local.toordinal() - self.midnight) * DAY_MINUTES + local.hour * 60 + local.minute

    def place(self, start, end):
        """Return two instants as a Stretch, as far as it lies on the day."""
        first, last = self.read(start), self.read(end)
        if last <= first:  # the clock has gone back in between
            last = first + (end - start) // 60
        first, last = max(0, first), min(DAY_MINUTES, last)
        return Stretch(first, max(1, last - first), self.write(start), f"–{self.write(end)}")

    def write(self, instant):
        """Return what the clock shows, with the zone where that hour comes twice."""
        if self.is_ordinary:
            hour, minute = divmod(self.read(instant) % DAY_MINUTES, 60)
            return f"{hour:02}:{minute:02}"
        local = datetime.fromtimestamp(instant, self.zone)
        is_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
        return f"{local:%H:%M}" + (f" {get_zone_abbreviation(local)}" if is_twice else "")


def _draw_booking(booking, clock, page_url):
    start, end = as_instant(booking.starts_at), as_instant(booking.ends_at)
    service = booking.service
    common = {"detail": service.name, "color": service.color, "id": f"visit-{booking.pk}"}
    at = clock.place(start, end)
    if not isinstance(booking, Appointment):
        title = "Reserved" if booking.is_reservation else "Held"
        return Entry("hold", at, title, until=as_instant(booking.expires_at), **common)
    marks = ("by video",) if booking.is_remote else ()
    is_here = booking.status == Appointment.Status.IN_PROGRESS
    since = (booking.seen_at or booking.arrived_at) if is_here else None
    return Entry(
        "visit",
        at,
        booking.attendee_name,
        url=f"{page_url}appointments/{booking.pk}/",
        status="stranded" if booking.is_stranded else booking.status,
        state="Stranded" if booking.is_stranded else describe_state(booking),
        since=as_instant(since) if since else 0,
        marks=marks,
        **common,
    )


def describe_state(appointment: Appointment) -> str:
    """Return the status in the words of the desk."""
    if appointment.status == Appointment.Status.IN_PROGRESS:
        return "With clinician" if appointment.seen_at else "Arrived"
    return STATES[appointment.status]


def _draw_block(block, clock):
    title = REASONS[block.reason] + (f": {block.note}" if block.note else "")
    return Entry("block", clock.place(block.start, block.end), title)


def _list_gaps(column, clock, book_url):
    for start, end in column.free:
        at = clock.place(start, end)
        if at.length >= SHORTEST_GAP:
            local = as_datetime(start).astimezone(clock.zone)
            fold = "&fold=1" if local.fold else ""
            query = f"clinician={column.clinician_id}&start={local:%Y-%m-%dT%H:%M}{fold}"
            url = f"{book_url}{query}" if book_url else ""
            entry_id = f"free-{column.clinician_id}-{start}"
            yield Entry("free", at, "Free", url=url, id=entry_id)


def _place_side_by_side(entries):
    """Return the entries, each in a lane of its own among those that it overlaps."""
    placed, cluster, ends = [], [], []
    for entry in sorted(entries, key=lambda entry: (entry.at.start, -entry.at.length)):
        if cluster and entry.at.start >= max(ends):
            placed += [each._replace(lanes=len(ends)) for each in cluster]
            cluster, ends = [], []
        lane = next((lane for lane, end in enumerate(ends) if end <= entry.at.start), len(ends))
        ends[lane : lane + 1] = [entry.at.end]
        cluster.append(entry._replace(lane=lane))
    return placed + [each._replace(lanes=len(ends)) for each in cluster]


def get_axis(columns: list[Column], zone) -> Axis:
    """Return the whole hours in which somebody works or is seen, and no fewer than the usual ones."""
    start, end = USUAL_HOURS
    for column in columns:
        clock = _Clock(zone, column.day)
        bookings = [*column.appointments, *column.holds]
        stretches = column.hours + [(as_instant(each.starts_at), as_instant(each.ends_at)) for each in bookings]
        for at in (clock.place(*stretch) for stretch in stretches):
            start, end = min(start, at.start), max(end, at.end)
    start, end = start // 60 * 60, -(-end // 60) * 60
    return Axis(start, end, [(minutes, f"{minutes // 60:02}:00") for minutes in range(start, end, 60)])
