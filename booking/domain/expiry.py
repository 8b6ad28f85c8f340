"""Expire stale holds and cancel unanswered pending appointments.

A lapsed slot stops counting by itself, without any process. Beat runs the two verbs that tidy up and announce; a
claim on such a time that comes first does the same in its own transaction.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from psycopg.types.range import Range

from booking.domain.appointments import cancel_under_lock, lock_appointment
from booking.domain.transitions import ChangedMeanwhile, transition
from booking.models import Appointment, Hold
from booking.models.enums import EventKind
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, Location, Slot
from scheduling.slots import SlotTaken, free_slot, lock_clinician, move_double, move_slot, take_double, take_slot


def expire_stale_holds() -> int:
    """Mark the holds that have lapsed, free their slots, and return how many there were."""
    lapsed = Hold.objects.filter(status=Hold.Status.ACTIVE, expires_at__lte=database_now())
    clinicians = lapsed.order_by("clinician").values_list("clinician", flat=True).distinct()
    return sum(_expire_stale_holds(clinician_id) for clinician_id in list(clinicians))


@transaction.atomic
def _expire_stale_holds(clinician_id):
    now = lock_clinician(clinician_id)
    lapsed = Hold.objects.filter(clinician=clinician_id, status=Hold.Status.ACTIVE, expires_at__lte=now)
    lapsed = lapsed.select_related("location")
    for hold in lapsed:
        transition(hold, Hold.Status.EXPIRED, kind=EventKind.HOLD_EXPIRED, actor="worker", at=now)
        free_slot(hold.slot_id)
    return len(lapsed)


def cancel_unanswered() -> int:
    """Cancel the pending appointments that nobody has acknowledged in time, and return how many there were."""
    unanswered = Appointment.objects.filter(status=Appointment.Status.PENDING, answer_by__lte=database_now())
    unanswered = unanswered.select_related("location", "provider").order_by("answer_by")
    # Each by itself: what is done stays done if this is killed on the way.
    return sum(cancel_if_unanswered(appointment) for appointment in unanswered)


@transaction.atomic
def cancel_if_unanswered(appointment: Appointment) -> bool:
    """Cancel an appointment whose deadline has passed without an answer; return whether it was cancelled here."""
    try:
        now = lock_appointment(appointment)
    except ChangedMeanwhile:  # it is with another clinician: the next run finds it there
        return False
    return appointment.status == Appointment.Status.CANCELLED and appointment.updated_at == now


def settle(appointment: Appointment) -> Appointment:
    """Return an appointment as it stands now: cancelled, if its deadline has passed without an answer."""
    if appointment.status == Appointment.Status.PENDING and appointment.is_unanswered(database_now()):
        cancel_if_unanswered(appointment)
    return appointment


def take_time(
    *,
    clinician: Clinician,
    location: Location,
    period: Range[datetime],
    lifetime: timedelta | None = None,
    until: datetime | None = None,
) -> Slot:
    """Take a slot as take_slot does, cancelling unanswered appointments in the way; raises SlotTaken."""
    taking = {"clinician": clinician, "location": location, "period": period, "lifetime": lifetime, "until": until}
    return _without_unanswered(take_slot, **taking)


def move_time(slot: Slot, **place: Any) -> None:
    """Move a slot as move_slot does, cancelling unanswered appointments in the way; raises SlotTaken."""
    _without_unanswered(move_slot, slot, **place)


def take_time_twice(**place: Any) -> Slot:
    """Take a slot over others as take_double does, cancelling unanswered appointments in the way; raises SlotTaken."""
    return _without_unanswered(take_double, **place)


def move_time_twice(slot: Slot, **place: Any) -> None:
    """Move a slot over others as move_double does, cancelling unanswered appointments in the way; raises SlotTaken."""
    _without_unanswered(move_double, slot, **place)


def _without_unanswered(verb, *arguments, **place):
    try:
        return verb(*arguments, **place)
    except SlotTaken:
        if not _cancel_overlapping_unanswered(place["clinician"], place["period"], place.get("at") or database_now()):
            raise
    return verb(*arguments, **place)


def _cancel_overlapping_unanswered(clinician, period, now):
    """Cancel a locked clinician's unanswered appointments that overlap a period; return whether there were any."""
    pending = Appointment.objects.filter(clinician=clinician, status=Appointment.Status.PENDING)
    unanswered = pending.filter(slot__period__overlap=period, slot__expires_at__lte=now)
    unanswered = list(unanswered.select_related("location", "provider"))
    for appointment in unanswered:
        reason = Appointment.CancellationReason.NOT_ACKNOWLEDGED
        cancel_under_lock(appointment, now, actor="worker", reason=reason)
    return bool(unanswered)
