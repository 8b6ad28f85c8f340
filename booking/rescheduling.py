"""Giving an appointment another time: it stays the same appointment, and its old time is kept until then."""

from django.db import transaction

from scheduling.slots import free_slot, lock_clinicians, prolong_slot

from .appointments import check_cutoff
from .choosing import NotOffered
from .events import record
from .following import follow
from .holds import check_live, moved_to
from .models import Appointment, Hold
from .providers import is_outside, provider_of
from .states import WrongState, lock_booking, move


@transaction.atomic
def reschedule(
    appointment, *, clinician, location, starts_at, is_remote, by, heed_cutoff=False, if_unchanged=None
):
    """Move an appointment to another opening of its service.

    To move it to where it is already is fine, and then nothing has happened. With ``heed_cutoff`` the service's
    cancellation notice counts. Raises SlotTaken, NotOffered, WrongState, PastCutoff or ChangedMeanwhile, and
    then the old time still stands.
    """
    lock_clinicians(appointment.clinician_id, clinician.pk)
    now = _lock(appointment, heed_cutoff, if_unchanged)
    if _is_there(appointment, clinician, location, starts_at, is_remote):
        return
    _check_provider(appointment, location)
    moved = moved_to(
        appointment, clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote, now=now
    )
    _save(moved, appointment.local_start, left=appointment.clinician_id, by=by, now=now)
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
    _check_provider(appointment, hold.location)
    move(hold, Hold.Status.CONFIRMED, kind="hold.confirmed", by=by, at=now)
    prolong_slot(hold.slot_id, expires_at=None)
    before, left, old_slot_id = appointment.local_start, appointment.clinician_id, appointment.slot_id
    for name in ("clinician", "location", "is_remote", "starts_at", "ends_at", "slot"):
        setattr(appointment, name, getattr(hold, name))
    _save(appointment, before, left=left, by=by, now=now)
    free_slot(old_slot_id)


def _is_there(appointment, clinician, location, starts_at, is_remote):
    here = (appointment.clinician_id, appointment.location_id, appointment.starts_at, appointment.is_remote)
    # A service that takes longer by now, or less, makes the same start another time.
    is_as_long = appointment.ends_at - appointment.starts_at == appointment.service.duration
    return is_as_long and here == (clinician.pk, location.pk, starts_at, is_remote)


def _lock(appointment, heed_cutoff, if_unchanged):
    now = lock_booking(appointment, if_unchanged=if_unchanged)
    if appointment.status not in Appointment.COMING:
        raise WrongState(appointment)
    if heed_cutoff:
        check_cutoff(appointment, now)
    return now


def _check_provider(appointment, location):
    """Raise NotOffered where another system's word would be needed, or is no longer: that is another booking."""
    if location.pk == appointment.location_id:
        return
    there = provider_of(appointment.service_id, location.pk)
    if there != appointment.provider and (is_outside(there) or is_outside(appointment.provider)):
        raise NotOffered(["not-offered-here"])


def _save(appointment, before, *, left, by, now):
    if appointment.status == Appointment.Status.PENDING:
        appointment.answer_by = min(appointment.answer_by, appointment.starts_at)
    appointment.save(
        update_fields=[
            "clinician", "location", "is_remote", "starts_at", "ends_at", "slot", "answer_by", "updated_at",
        ]
    )
    times = {"from": before.isoformat(), "to": appointment.local_start.isoformat()}
    record(appointment, "appointment.rescheduled", by=by, at=now, data=times)
    follow(appointment, mail="rescheduled", left=left)
