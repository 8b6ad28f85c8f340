"""What time does: expire stale holds, cancel unanswered appointments."""

from django.db import transaction

from booking.domain.appointments import cancel_under_lock
from booking.domain.transitions import ChangedMeanwhile, lock_and_refresh, transition
from booking.models import Appointment, Hold
from booking.models.enums import EventKind
from scheduling.lib.clock import database_now
from scheduling.slots import free_slot, lock_clinician


def expire_stale_holds():
    """Mark the holds that have run out, free their time, and return how many there were.

    Only tidies and announces: a lapsed hold stops counting by itself.
    """
    lapsed = Hold.objects.filter(status=Hold.Status.ACTIVE, expires_at__lte=database_now())
    clinicians = lapsed.order_by("clinician").values_list("clinician", flat=True).distinct()
    return sum(_expire_holds_of(clinician_id) for clinician_id in list(clinicians))


@transaction.atomic
def _expire_holds_of(clinician_id):
    now = lock_clinician(clinician_id)
    lapsed = Hold.objects.filter(clinician=clinician_id, status=Hold.Status.ACTIVE, expires_at__lte=now)
    lapsed = lapsed.select_related("location")
    for hold in lapsed:
        transition(hold, Hold.Status.EXPIRED, kind=EventKind.HOLD_EXPIRED, actor="worker", at=now)
        free_slot(hold.slot_id)
    return len(lapsed)


def cancel_unanswered():
    """Cancel the pending appointments that nobody has acknowledged in time, and return how many there were."""
    unanswered = Appointment.objects.filter(status=Appointment.Status.PENDING, answer_by__lte=database_now())
    unanswered = unanswered.select_related("location", "provider").order_by("answer_by")
    # Each by itself: what is done stays done if this is killed on the way.
    return sum(_cancel_if_unanswered(appointment) for appointment in unanswered)


@transaction.atomic
def _cancel_if_unanswered(appointment):
    try:
        now = lock_and_refresh(appointment)
    except ChangedMeanwhile:  # it is with somebody else by now: next time
        return False
    if appointment.status != Appointment.Status.PENDING or appointment.answer_by > now:
        return False
    cancel_under_lock(appointment, now, actor="worker", reason=Appointment.CancellationReason.NOT_ACKNOWLEDGED)
    return True
