"""Whether a time is offered, and who takes it when the caller leaves that open."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from scheduling.availability.assignment import note_assignment, rank_places
from scheduling.availability.openings import as_datetime
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import Reason, explain, find_open_starts, get_not_offered_reasons
from scheduling.lib.clock import database_now
from scheduling.lib.compiled_queries import get_or_none
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken

MOVE_PREFERENCES = ["clinician_id", "location_id", "is_remote"]


class NotOffered(Exception):
    """The time is no opening; ``reasons`` are values of Reason, sorted."""

    message = _("That time is not offered.")

    def __init__(self, reasons):
        self.reasons = sorted(reasons)
        super().__init__(", ".join(self.reasons))


def check_offered(booking, *, now):
    """Raise NotOffered unless the booking's time, which its own slot has taken, is an opening."""
    filters = OpeningFilters(
        booking.service,
        clinician_ids=[booking.clinician_id],
        location_id=booking.location_id,
        is_remote=booking.is_remote,
        ignored_slot_id=booking.slot_id,
    )
    if reasons := get_not_offered_reasons(filters, starts_at=booking.starts_at, now=now):
        raise NotOffered(reasons)


def book_first_available(
    verb,
    *,
    service,
    starts_at,
    clinician=None,
    clinicians=None,
    location=None,
    is_remote=None,
    moving=None,
    is_assigned=False,
):
    """Return ``verb(clinician=, location=, starts_at=, is_remote=)`` for the first choice that is free.

    What is None is left open: of several clinicians scheduling.availability.assignment says who comes first.
    ``clinicians`` has the ids of those among whom it is left open, if not of all. ``moving`` is the booking that
    gets the new time: its own time does not count as taken, and whom it is with comes first.
    ``is_assigned`` says that whoever books has named nobody, and that the clinician was chosen by that rule before.
    If somebody else takes a choice meanwhile, the next one is tried. Raises SlotTaken when all are taken,
    or NotOffered.
    """
    if is_remote is None and service.mode != service.Mode.BOTH:
        is_remote = service.mode == service.Mode.REMOTE
    if clinician and location and is_remote is not None:
        choice = {"clinician": clinician, "location": location, "starts_at": starts_at, "is_remote": is_remote}
        return _assigning(verb, **choice) if is_assigned else verb(**choice)

    filters = OpeningFilters(
        service,
        clinician_ids=[clinician.pk] if clinician else clinicians,
        location_id=location and location.pk,
        is_remote=is_remote,
        ignored_slot_id=moving and moving.slot_id,
    )
    now = database_now()
    found = find_open_starts(filters, start_at=starts_at, end_at=starts_at + timedelta(seconds=1), now=now)
    before = moving and moving.clinician_id
    for place, start in _best_first(found, moving, now):
        has_named_nobody = clinician is None and place.clinician_id != before
        try:
            return (partial(_assigning, verb) if has_named_nobody else verb)(
                clinician=clinician or get_or_none(Clinician, id=place.clinician_id),
                location=location or get_or_none(Location, id=place.location_id),
                starts_at=as_datetime(start),
                is_remote=place.is_remote,
            )
        except SlotTaken:
            continue
    raise _refusal(explain(filters, starts_at=starts_at, now=now))


@transaction.atomic
def _assigning(verb, *, clinician, **choice):
    # Behind the clinician's lock, which the verb has taken: later it would have to be waited for.
    booking = verb(clinician=clinician, **choice)
    note_assignment(clinician.pk)
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
