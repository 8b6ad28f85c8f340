"""Whether a time is offered, and who takes it when the caller leaves that open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.models import Booking
from scheduling.availability.assignment import note_assignment, rank_places
from scheduling.availability.openings import as_datetime
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, explain, find_open_starts, get_not_offered_reasons
from scheduling.lib.clock import database_now
from scheduling.lib.compiled_queries import get_each, get_or_none
from scheduling.models import Clinician, Location, Service
from scheduling.slots import SlotTaken

T = TypeVar("T")

MOVE_PREFERENCES = ["clinician_id", "location_id", "is_remote"]


class NotOffered(Exception):
    """The time is no opening; ``reasons`` are values of Reason, sorted."""

    message = _("That time is not offered.")

    def __init__(self, reasons):
        self.reasons = sorted(reasons)
        super().__init__(", ".join(self.reasons))


def check_offered(booking: Booking, *, now: datetime) -> None:
    """Raise NotOffered unless the booking's time, which its own slot has taken, is an opening."""
    if reasons := get_not_offered_reasons(get_filters(booking), starts_at=booking.starts_at, now=now):
        raise NotOffered(reasons)


def get_filters(booking: Booking) -> OpeningFilters:
    """Return what finds a booking's own time."""
    return OpeningFilters(
        booking.service,
        clinician_ids=[booking.clinician_id],
        location_id=booking.location_id,
        is_remote=booking.is_remote,
        ignored_slot_id=booking.slot_id,
    )


@dataclass(frozen=True)
class OpeningRequest:
    """A requested opening. None means any: any free clinician, any location, either mode.

    ``clinicians`` has the ids among which the clinician is chosen, if not among all; ``is_assigned`` says that
    scheduling.availability.assignment chose the clinician, not the person who books.
    """

    service: Service
    starts_at: datetime
    clinician: Clinician | None = None
    location: Location | None = None
    is_remote: bool | None = None
    clinicians: Sequence[UUID] | None = None
    is_assigned: bool = False

    @property
    def is_complete(self) -> bool:
        return None not in (self.clinician, self.location, self.is_remote)


def find_opening(
    *,
    starts_at: datetime,
    service_id: UUID,
    clinician_id: UUID | None = None,
    location_id: UUID | None = None,
    is_remote: bool | None = None,
    is_assigned: bool = False,
) -> OpeningRequest | None:
    """Return the OpeningRequest of the rows with these ids, read in one statement; None if one of them is missing."""
    wanted = (Service, service_id), (Clinician, clinician_id), (Location, location_id)
    found = get_each(*wanted)
    if any(id and row is None for (_, id), row in zip(wanted, found, strict=True)):
        return None
    service, clinician, location = found
    return OpeningRequest(service, starts_at, clinician, location, is_remote, is_assigned=is_assigned)


def book_first_available(
    verb: Callable[[OpeningRequest], T], opening: OpeningRequest, *, moving: Booking | None = None
) -> T:
    """Return ``verb(opening)`` for the first choice that is free, in which nothing is left open.

    Of several clinicians scheduling.availability.assignment says who comes first. ``moving`` is the booking that
    gets the new time: its own time does not count as taken, and whom it is with comes first. If somebody else takes
    a choice while it is tried, the next one is. Raises SlotTaken when all are taken, or NotOffered.
    """
    service = opening.service
    if opening.is_remote is None and service.mode != service.Mode.BOTH:
        opening = replace(opening, is_remote=service.mode == service.Mode.REMOTE)
    if opening.is_complete:
        return _assign(verb, opening) if opening.is_assigned else verb(opening)

    filters = OpeningFilters(
        service,
        clinician_ids=[opening.clinician.pk] if opening.clinician else opening.clinicians,
        location_id=opening.location and opening.location.pk,
        is_remote=opening.is_remote,
        ignored_slot_id=moving and moving.slot_id,
    )
    now, starts_at = database_now(), opening.starts_at
    found = find_open_starts(filters, start_at=starts_at, end_at=starts_at + timedelta(seconds=1), now=now)
    for place, start in _best_first(found, moving, now):
        choice = replace(
            opening,
            clinician=opening.clinician or get_or_none(Clinician, id=place.clinician_id),
            location=opening.location or get_or_none(Location, id=place.location_id),
            starts_at=as_datetime(start),
            is_remote=place.is_remote,
        )
        has_named_nobody = opening.clinician is None and place.clinician_id != (moving and moving.clinician_id)
        try:
            return _assign(verb, choice) if has_named_nobody else verb(choice)
        except SlotTaken:
            continue
    raise _refusal(explain(filters, starts_at=starts_at, now=now))


@transaction.atomic
def _assign(verb, opening):
    # Behind the clinician's lock, which the verb has taken: later it would have to be waited for.
    booking = verb(opening)
    note_assignment(opening.clinician.pk)
    return booking


def _best_first(found, moving, now):
    start_at = {place: starts[0] for place, starts in found if starts}
    if not start_at:
        return []
    [start] = set(start_at.values())

    def differences(place):
        return [getattr(place, name) != getattr(moving, name, None) for name in MOVE_PREFERENCES]

    in_order = rank_places(list(start_at), start, now=now, ignored_slot_id=moving and moving.slot_id)
    return [(place, start) for place in sorted(in_order, key=differences)]


def _refusal(places):
    """Return SlotTaken if somebody was free but for others' bookings, else NotOffered with every reason."""
    if any(reasons <= {Reason.TAKEN, Reason.HELD} for reasons in places.values()):
        return SlotTaken()
    return NotOffered(set().union(*places.values()) or {Reason.NOT_OFFERED_HERE})
