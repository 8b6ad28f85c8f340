"""Reschedule an appointment: it stays the same appointment, and its old slot is freed only with the new one taken."""

from copy import copy
from datetime import datetime

from django.db import transaction

from booking.domain.appointments import check_cutoff, lock_appointment
from booking.domain.audit import record_event
from booking.domain.holds import OPENING_FIELDS, adopt_opening, copy_to_opening, mark_location_left
from booking.domain.notifications import notify_changed
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.transitions import WrongState, check_live, lock_and_refresh, transition
from booking.integrations.approvers import get_approver, get_provider
from booking.models import Appointment, Hold
from booking.models.enums import EventKind, Job
from scheduling.slots import free_slot, lock_clinicians, set_slot_expiry


@transaction.atomic
def reschedule(
    appointment: Appointment,
    opening: OpeningRequest,
    *,
    actor: str,
    enforce_cutoff: bool = False,
    expected_version: datetime | None = None,
) -> Appointment:
    """Move an appointment to another opening of its service, and return it.

    Does nothing if it is there already. With ``enforce_cutoff`` the service's cancellation notice counts. Raises
    SlotTaken, NotOffered, WrongState, PastCutoff or ChangedMeanwhile, and then the old time still stands.
    """
    lock_clinicians(appointment.clinician_id, opening.clinician.pk)  # pyright: ignore[reportOptionalMemberAccess]
    now = _lock(appointment, enforce_cutoff, expected_version)
    if _is_there(appointment, opening):
        return appointment
    _check_provider(appointment, opening.location)
    moved = copy_to_opening(appointment, opening, now=now)
    _save(moved, appointment.local_start, previous_clinician_id=appointment.clinician_id, actor=actor, now=now)
    mark_location_left(appointment, moved)
    return adopt_opening(appointment, moved)


@transaction.atomic
def reschedule_to_hold(
    appointment: Appointment,
    hold: Hold,
    *,
    actor: str,
    enforce_cutoff: bool = False,
    expected_version: datetime | None = None,
) -> None:
    """Move an appointment to the time of a live hold of the same service; raises like reschedule and confirm_hold."""
    lock_clinicians(appointment.clinician_id, hold.clinician_id)
    now = _lock(appointment, enforce_cutoff, expected_version)
    lock_and_refresh(hold)
    check_live(hold, now)
    if hold.service_id != appointment.service_id:
        raise NotOffered(["not-offered-here"])
    _check_provider(appointment, hold.location)
    transition(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    before, old = appointment.local_start, copy(appointment)
    for name in (*OPENING_FIELDS, "slot"):
        setattr(appointment, name, getattr(hold, name))
    _save(appointment, before, previous_clinician_id=old.clinician_id, actor=actor, now=now)
    free_slot(old.slot_id)
    mark_location_left(old, appointment)


def _is_there(appointment, opening):
    here = (appointment.clinician_id, appointment.location_id, appointment.starts_at, appointment.is_remote)
    # A service that takes longer by now, or less, makes the same start another time.
    is_as_long = appointment.ends_at - appointment.starts_at == appointment.service.duration
    return is_as_long and here == (opening.clinician.pk, opening.location.pk, opening.starts_at, opening.is_remote)


def _lock(appointment, enforce_cutoff, expected_version):
    now = lock_appointment(appointment, expected_version=expected_version)
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
    if there != appointment.provider and any(get_approver(one).is_remote for one in (there, appointment.provider)):
        raise NotOffered(["not-offered-here"])


def _save(appointment, before, *, previous_clinician_id, actor, now):
    is_pending = appointment.status == Appointment.Status.PENDING
    if is_pending:
        appointment.answer_by = min(appointment.answer_by, appointment.starts_at)
    # A pending appointment's deadline goes with it to its new slot.
    set_slot_expiry(appointment.slot_id, expires_at=appointment.answer_by if is_pending else None)
    appointment.save(update_fields=[*OPENING_FIELDS, "slot", "answer_by", "updated_at"])
    times = {"from": before.isoformat(), "to": appointment.local_start.isoformat()}
    record_event(appointment, EventKind.APPOINTMENT_RESCHEDULED, actor=actor, at=now, data=times)
    notify_changed(appointment, email=Job.EMAIL_APPOINTMENT_RESCHEDULED, previous_clinician_id=previous_clinician_id)
