"""Whether a time is offered, and who takes it when the caller leaves that open."""

from collections import Counter
from datetime import timedelta

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.availability import Reason, explain, open_times, why_not
from scheduling.models import Clinician, Location, Slot
from scheduling.slots import SlotTaken, database_now

HALF_A_DAY = timedelta(hours=12)
KEPT_WHEN_MOVING = ["clinician_id", "location_id", "is_remote"]


class NotOffered(Exception):
    """That time is not offered."""

    def __init__(self, reasons):
        self.reasons = sorted(reasons)
        super().__init__(", ".join(self.reasons))


def check_offered(booking, *, now):
    """Raise NotOffered unless the booking's time, which its own slot has taken, is an opening."""
    reasons = why_not(
        service=booking.service, clinician=booking.clinician, location=booking.location,
        starts_at=booking.starts_at, is_remote=booking.is_remote, now=now, ignoring=booking.slot_id,
    )
    if reasons:
        raise NotOffered(reasons)


def with_first_free(verb, *, service, starts_at, clinician=None, location=None, is_remote=None, moving=None):
    """Return ``verb(clinician=, location=, starts_at=, is_remote=)`` for the first choice that is free.

    What is None is left open: then whoever is least booked around that time comes first. ``moving`` is the
    booking that gets the new time: its own time does not count as taken, and whom it is with comes first.
    If somebody else takes a choice meanwhile, the next one is tried. Raises SlotTaken when all are taken,
    or NotOffered.
    """
    if is_remote is None and service.mode != service.Mode.BOTH:
        is_remote = service.mode == service.Mode.REMOTE
    if clinician and location and is_remote is not None:
        return verb(clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote)

    filters = {
        "clinicians": [clinician] if clinician else None, "location": location, "is_remote": is_remote,
        "ignoring": moving and moving.slot_id,
    }
    now = database_now()
    choices = open_times(
        service=service, start_at=starts_at, end_at=starts_at + timedelta(seconds=1), now=now, **filters
    )
    for choice in _best_first(choices, starts_at, moving):
        try:
            return verb(
                clinician=clinician or Clinician.objects.get(pk=choice.clinician_id),
                location=location or Location.objects.get(pk=choice.location_id),
                starts_at=choice.starts_at,
                is_remote=choice.is_remote,
            )
        except SlotTaken:
            continue
    raise _refusal(explain(service=service, starts_at=starts_at, now=now, **filters))


def _best_first(choices, starts_at, moving):
    if len(choices) < 2:
        return choices
    around = DateTimeTZRange(starts_at - HALF_A_DAY, starts_at + HALF_A_DAY)
    slots = Slot.objects.filter(clinician__in=[choice.clinician_id for choice in choices]).overlapping(around)
    booked = Counter(slots.values_list("clinician", flat=True))

    def rank(choice):
        same = [getattr(choice, name) == getattr(moving, name, None) for name in KEPT_WHEN_MOVING]
        return [not each for each in same], booked[choice.clinician_id]

    return sorted(choices, key=rank)


def _refusal(places):
    """Return SlotTaken if somebody was free but for others' bookings, else NotOffered with every reason."""
    if any(reasons <= {Reason.TAKEN, Reason.HELD} for reasons in places.values()):
        return SlotTaken()
    return NotOffered(set().union(*places.values()) or {Reason.NOT_OFFERED_HERE})
