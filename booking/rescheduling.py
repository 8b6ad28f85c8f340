"""Giving an appointment another time: it stays the same appointment, and its old time is kept until then."""

from copy import copy
from datetime import UTC

from django.db import transaction

from scheduling.slots import free_slot, lock_clinicians, move_slot, prolong_slot

from . import outbox
from .appointments import check_cutoff
from .choosing import NotOffered, check_offered
from .holds import check_live
from .models import Hold
from .states import APPOINTMENT_STANDS, WrongState, lock_booking, move, record


@transaction.atomic
def reschedule(
    appointment, *, clinician, location, starts_at, is_remote, by, heed_cutoff=False, if_unchanged=None
):
    """Move an appointment to another opening of its service.

    With ``heed_cutoff`` the service's cancellation notice counts. Raises SlotTaken, NotOffered, WrongState,
    PastCutoff or ChangedMeanwhile, and then the old time still stands.
    """
    lock_clinicians(appointment.clinician_id, clinician.pk)
    now = _lock(appointment, heed_cutoff, if_unchanged)
    moved = copy(appointment)  # if that time cannot be had, theirs still says the old one
    moved.clinician, moved.location, moved.is_remote = clinician, location, is_remote
    moved.starts_at = starts_at.astimezone(UTC)
    moved.ends_at = moved.starts_at + appointment.service.duration
    move_slot(moved.slot, clinician=clinician, location=location, period=moved.padded_period)
    check_offered(moved, now=now)
    _save(moved, appointment.starts_at, by=by, now=now)
    vars(appointment).update(vars(moved))


@transaction.atomic
def reschedule_to_hold(appointment, hold, *, by, heed_cutoff=False, if_unchanged=None):
    """Move an appointment to the time of a live hold of the same service; raises like reschedule and confirm_hold."""
    lock_clinicians(appointment.clinician_id, hold.clinician_id)
    now = _lock(appointment, heed_cutoff, if_unchanged)
    lock_booking(hold)
    check_live(hold, now)
    if hold.service_id != appointment.service_id:
        raise NotOffered(["not-offered-here"])
    move(hold, Hold.Status.CONFIRMED, kind="hold.confirmed", by=by, at=now)
    prolong_slot(hold.slot_id, expires_at=None)
    before, old_slot_id = appointment.starts_at, appointment.slot_id
    for name in ("clinician", "location", "is_remote", "starts_at", "ends_at", "slot"):
        setattr(appointment, name, getattr(hold, name))
    _save(appointment, before, by=by, now=now)
    free_slot(old_slot_id)


def _lock(appointment, heed_cutoff, if_unchanged):
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status not in APPOINTMENT_STANDS:
        raise WrongState(appointment)
    if heed_cutoff:
        check_cutoff(appointment, now)
    return now


def _save(appointment, before, *, by, now):
    appointment.save(
        update_fields=["clinician", "location", "is_remote", "starts_at", "ends_at", "slot", "updated_at"]
    )
    times = {"from": before.isoformat(), "to": appointment.starts_at.isoformat()}
    record(appointment, "appointment.rescheduled", by=by, at=now, data=times)
    outbox.enqueue("email.appointment_rescheduled", appointment=appointment.pk)
