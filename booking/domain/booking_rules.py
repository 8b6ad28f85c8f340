"""The rules of a clinic's times: which of them a time is against, when staff ask for it all the same."""

from collections.abc import Collection
from copy import copy
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import models
from django.db.models import Q
from psycopg.types.range import TimestamptzRange

from booking.domain.holds import set_opening
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.models import Appointment, Booking, Hold
from scheduling.availability.openings import (
    Busy,
    as_instant,
    compute_open_starts,
    compute_working_time,
    get_local_dates,
)
from scheduling.availability.queries import OpeningFilters, Place, load_busy_reasons, load_hours
from scheduling.availability.search import Reason, get_rules
from scheduling.lib.clock import database_now
from scheduling.models import Slot

# Nobody means a start that is further away, and no hours are computed for it.
FURTHEST = timedelta(days=5 * 366)


class Rule(models.TextChoices):
    """The rules of a clinic's times that staff may override."""

    BEGUN = "begun", "it has begun already"
    NOTICE = "notice", "at shorter notice"
    HORIZON = "horizon", "further ahead than is booked"
    STEP = "step", "off the step"
    HOURS = "hours", "outside working hours"
    TIME_OFF = "time_off", "in time off"
    HOLIDAY = "holiday", "on a holiday"
    CALENDAR = "calendar", "busy in their calendar"
    BUFFER = "buffer", "over a buffer"
    DOUBLE = "double", "double: over another visit"


OF_REASON: dict[str, Rule] = {
    Reason.TIME_OFF: Rule.TIME_OFF,
    Reason.HOLIDAY: Rule.HOLIDAY,
    Reason.CALENDAR_BUSY: Rule.CALENDAR,
    Reason.CALENDAR_UNREACHABLE: Rule.CALENDAR,
}


def find_broken_rules(
    opening: OpeningRequest, *, moving: Appointment | None = None, now: datetime | None = None
) -> set[Rule]:
    """Return the rules that a time is against, of which nothing is left open; empty for an opening.

    ``moving`` is the appointment that would get it: its own time does not count as taken. Raises NotOffered where
    nothing can be overridden: the clinician does not give that service there, the day is past, or years ahead.
    """
    booking = set_opening(copy(moving) if moving else Hold(service=opening.service), opening)
    now = now or database_now()
    check_possible(booking, now)
    return find_broken(booking, list_taken_around(booking, now), now)


class Taken(NamedTuple):
    """A slot in the way: the time that is taken, and when its visit begins and ends."""

    start: datetime
    end: datetime
    starts_at: datetime
    ends_at: datetime


def list_taken(
    clinician_ids: Collection[UUID],
    start_at: datetime,
    end_at: datetime,
    *,
    now: datetime,
    ignored_slot_id: int | None = None,
) -> list[tuple[UUID, Taken]]:
    """Return (clinician id, Taken) of the live slots that overlap ``[start_at, end_at)``."""
    period = TimestamptzRange(start_at, end_at)
    slots = Slot.objects.filter(clinician__in=clinician_ids, period__overlap=period).exclude(pk=ignored_slot_id)
    slots = slots.filter(Q(expires_at=None) | Q(expires_at__gt=now))
    visits = [f"{whose}__{name}" for name in ("starts_at", "ends_at") for whose in ("appointment", "hold")]
    return [
        (
            clinician_id,
            Taken(period.lower, period.upper, start or held_from or period.lower, end or held_until or period.upper),
        )
        for clinician_id, period, start, held_from, end, held_until in slots.values_list("clinician", "period", *visits)
    ]


def list_taken_around(booking: Booking, now: datetime) -> list[Taken]:
    """Return the live slots of others that overlap a booking with its buffers."""
    start_at, end_at = booking.starts_at - booking.service.buffer_before, booking.ends_at + booking.service.buffer_after
    found = list_taken([booking.clinician_id], start_at, end_at, now=now, ignored_slot_id=booking.slot_id)
    return [taken for _, taken in found]


def find_broken(booking: Hold | Appointment, taken: list[Taken], now: datetime) -> set[Rule]:
    """Return the rules that a booking's time is against; ``taken`` is what list_taken_around returns."""
    service, start = booking.service, as_instant(booking.starts_at)
    rules, place = get_rules(service), _get_place(booking)
    broken = set()
    if booking.starts_at <= now or booking.status == Appointment.Status.IN_PROGRESS:
        broken.add(Rule.BEGUN)
    elif booking.starts_at < now + service.notice:
        broken.add(Rule.NOTICE)
    if booking.starts_at >= now + service.horizon:
        broken.add(Rule.HORIZON)
    weekly = _load_weekly(booking)
    working = compute_working_time(weekly, place.zone, *get_local_dates(place.zone, start, start + rules.duration))
    if not any(first <= start and start + rules.duration <= last for first, last in working.spells):
        broken.add(Rule.HOURS)
    elif booking.starts_at.microsecond or not compute_open_starts(working, Busy([], []), rules, start, start + 1):
        broken.add(Rule.STEP)
    window = (start - rules.buffer_before, start + rules.duration + rules.buffer_after)
    busy = load_busy_reasons([place], *window, now=now, ignored_slot_id=booking.slot_id)
    broken |= {
        OF_REASON[reason] for reason in busy[place.clinician_id] | busy[place.location_id] if reason in OF_REASON
    }
    if any(each.starts_at < booking.ends_at and each.ends_at > booking.starts_at for each in taken):
        broken.add(Rule.DOUBLE)
    elif taken:
        broken.add(Rule.BUFFER)
    return broken


def check_possible(booking: Booking, now: datetime) -> None:
    """Raise NotOffered where no reason helps."""
    clinician, location, service = booking.clinician, booking.location, booking.service
    is_given = clinician.services.filter(pk=service.pk).exists() and service.allows(is_remote=booking.is_remote)
    if not (is_given and clinician.is_active and location.is_active and service.is_active):
        raise NotOffered([Reason.NOT_OFFERED_HERE])
    if booking.local_start.date() < now.astimezone(location.zone).date():
        raise NotOffered([Reason.TOO_SOON])
    if booking.starts_at > now + FURTHEST:
        raise NotOffered([Reason.TOO_FAR])


def _get_place(booking):
    clinician, location = booking.clinician, booking.location
    return Place(clinician.pk, clinician.name, location.pk, location.name, booking.is_remote, location.zone)


def _load_weekly(booking):
    filters = OpeningFilters(
        booking.service,
        clinician_ids=[booking.clinician_id],
        location_id=booking.location_id,
        is_remote=booking.is_remote,
    )
    return next(iter(load_hours(filters).values()), ())
