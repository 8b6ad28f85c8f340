"""Whether a time is offered, and who takes it when the caller leaves that open."""

from datetime import timedelta

from scheduling.availability import Reason, explain, open_times, why_not
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken, database_now


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


def with_first_free(verb, *, service, starts_at, clinician=None, location=None, is_remote=None):
    """Return ``verb(clinician=, location=, starts_at=, is_remote=)`` for the first choice that is free.

    What is None is left open. If somebody else takes a choice meanwhile, the next one is tried. Raises
    SlotTaken when all are taken, or NotOffered.
    """
    if is_remote is None and service.mode != service.Mode.BOTH:
        is_remote = service.mode == service.Mode.REMOTE
    if clinician and location and is_remote is not None:
        return verb(clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote)

    filters = {"clinicians": [clinician] if clinician else None, "location": location, "is_remote": is_remote}
    now = database_now()
    choices = open_times(
        service=service, start_at=starts_at, end_at=starts_at + timedelta(seconds=1), now=now, **filters
    )
    for choice in choices:
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


def _refusal(places):
    """Return SlotTaken if somebody was free but for others' bookings, else NotOffered with every reason."""
    if any(reasons <= {Reason.TAKEN, Reason.HELD} for reasons in places.values()):
        return SlotTaken()
    return NotOffered(set().union(*places.values()) or {Reason.NOT_OFFERED_HERE})
