"""Giving an appointment another time: it stays the same appointment, and its old time is kept until then."""

from django.db import transaction

from booking.domain.appointments import check_cutoff
from booking.domain.audit import record_event
from booking.domain.holds import check_live, copy_to_opening
from booking.domain.notifications import notify_changed
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import WrongState, lock_and_refresh, transition
from booking.integrations.approvers import get_provider, is_outside
from booking.models import Appointment, Hold
from booking.models.enums import EventKind, Job
from scheduling.slots import free_slot, lock_clinicians, set_slot_expiry


@transaction.atomic
def reschedule(
    appointment, *, clinician, location, starts_at, is_remote, actor, enforce_cutoff=False, expected_version=None
):
    """Move an appointment to another opening of its service.

    To move it to where it is already is fine, and then nothing has happened. With ``enforce_cutoff`` the service's
    cancellation notice counts. Raises SlotTaken, NotOffered, WrongState, PastCutoff or ChangedMeanwhile, and
    then the old time still stands.
    """
    lock_clinicians(appointment.clinician_id, clinician.pk)
    now = _lock(appointment, enforce_cutoff, expected_version)
    if _is_there(appointment, clinician, location, starts_at, is_remote):
        return
    _check_provider(appointment, location)
    moved = copy_to_opening(
        appointment, clinician=clinician, location=location, starts_at=starts_at, is_remote=is_remote, now=now
    )
    _save(moved, appointment.local_start, previous_clinician_id=appointment.clinician_id, actor=actor, now=now)
    vars(appointment).update(vars(moved))


@transaction.atomic
def reschedule_to_hold(appointment, hold, *, actor, enforce_cutoff=False, expected_version=None):
    """Move an appointment to the time of a live hold of the same service; raises like reschedule and confirm_hold."""
    lock_clinicians(appointment.clinician_id, hold.clinician_id)
    now = _lock(appointment, enforce_cutoff, expected_version)
    lock_and_refresh(hold)
    check_live(hold, now)
    if hold.service_id != appointment.service_id:
        raise NotOffered(["not-offered-here"])
    _check_provider(appointment, hold.location)
    transition(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    set_slot_expiry(hold.slot_id, expires_at=None)
    before, previous_clinician_id, old_slot_id = appointment.local_start, appointment.clinician_id, appointment.slot_id
    for name in ("clinician", "location", "is_remote", "starts_at", "ends_at", "slot"):
        setattr(appointment, name, getattr(hold, name))
    _save(appointment, before, previous_clinician_id=previous_clinician_id, actor=actor, now=now)
    free_slot(old_slot_id)


def _is_there(appointment, clinician, location, starts_at, is_remote):
    here = (appointment.clinician_id, appointment.location_id, appointment.starts_at, appointment.is_remote)
    # A service that takes longer by now, or less, makes the same start another time.
    is_as_long = appointment.ends_at - appointment.starts_at == appointment.service.duration
    return is_as_long and here == (clinician.pk, location.pk, starts_at, is_remote)


def _lock(appointment, enforce_cutoff, expected_version):
    now = lock_and_refresh(appointment, expected_version=expected_version)
    if appointment.status not in Appointment.UPCOMING:
        raise WrongState(appointment)
    if enforce_cutoff:
        check_cutoff(appointment, now)
    return now


def _check_provider(appointment, location):
    """Raise NotOffered where another system's word would be needed, or is no longer: that is another booking."""
    if location.pk == appointment.location_id:
        return
    there = get_provider(appointment.service_id, location.pk)
    if there != appointment.provider and (is_outside(there) or is_outside(appointment.provider)):
        raise NotOffered(["not-offered-here"])


def _save(appointment, before, *, previous_clinician_id, actor, now):
    if appointment.status == Appointment.Status.PENDING:
        appointment.answer_by = min(appointment.answer_by, appointment.starts_at)
    appointment.save(
        update_fields=[
            "clinician",
            "location",
            "is_remote",
            "starts_at",
            "ends_at",
            "slot",
            "answer_by",
            "updated_at",
        ]
    )
    times = {"from": before.isoformat(), "to": appointment.local_start.isoformat()}
    record_event(appointment, EventKind.APPOINTMENT_RESCHEDULED, actor=actor, at=now, data=times)
    notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_RESCHEDULED, previous_clinician_id=previous_clinician_id)
