"""Reschedule an appointment: it stays the same appointment, and its old slot is freed only with the new one taken."""

from copy import copy
from datetime import datetime

from django.db import transaction

from booking.domain.appointments import check_cutoff, lock_appointment
from booking.domain.audit import record_event
from booking.domain.holds import OPENING_FIELDS, adopt_opening, copy_to_opening, mark_location_left
from booking.domain.notifications import notify_changed
from booking.domain.patient_conflicts import check_conflicts, tell_patient
from booking.domain.patients import lock_patient
from booking.domain.reminders import plan_reminders
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.domain.stranded_visits import Outcome, settle
from booking.domain.transitions import WrongState, check_live, lock_and_refresh, transition
from booking.integrations.approvers import get_approver, get_provider
from booking.models import Appointment, Hold
from booking.models.enums import EventKind, Job
from scheduling.models import Location
from scheduling.slots import free_slot, lock_clinicians, set_slot_expiry

# What else an appointment says of its time.
OF_TIME = ("answer_by", "attendance_confirmed_at", "override_reason", "override_note")


@transaction.atomic
def reschedule(
    appointment: Appointment,
    opening: OpeningRequest,
    *,
    actor: str,
    enforce_cutoff: bool = False,
    must_be_free: bool = False,
    expected_version: datetime | None = None,
    email: bool = True,
) -> Appointment:
    """Move an appointment to another opening of its service, and return it.

    Does nothing if it is there already. Its attendee is told unless ``email`` is false. With ``enforce_cutoff`` the
    service's cancellation notice counts. A patient who is elsewhere then is told by e-mail, or with ``must_be_free`` it
    is refused. Raises SlotTaken, NotOffered, PatientBusy, WrongState, PastCutoff or ChangedMeanwhile, and then the old
    time still stands.
    """
    lock_clinicians(appointment.clinician_id, opening.clinician.pk)  # pyright: ignore[reportOptionalMemberAccess]
    now = _lock(appointment, enforce_cutoff, expected_version)
    if is_there(appointment, opening):
        return appointment
    check_provider(appointment, opening.location)  # pyright: ignore[reportArgumentType]
    lock_patient(appointment.patient_id)
    moved = copy_to_opening(appointment, opening, now=now)
    return save_moved(moved, appointment, actor=actor, now=now, must_be_free=must_be_free, email=email)


@transaction.atomic
def reschedule_to_hold(
    appointment: Appointment,
    hold: Hold,
    *,
    actor: str,
    enforce_cutoff: bool = False,
    must_be_free: bool = False,
    expected_version: datetime | None = None,
) -> None:
    """Move an appointment to the time of a live hold of the same service; raises like reschedule and confirm_hold."""
    lock_clinicians(appointment.clinician_id, hold.clinician_id)
    now = _lock(appointment, enforce_cutoff, expected_version)
    lock_and_refresh(hold)
    check_live(hold, now)
    if hold.service_id != appointment.service_id:
        raise NotOffered(["not-offered-here"])
    check_provider(appointment, hold.location)
    lock_patient(appointment.patient_id)  # a merge locks them too before it changes what is theirs
    transition(hold, Hold.Status.CONFIRMED, kind=EventKind.HOLD_CONFIRMED, actor=actor, at=now)
    moved, old_slot_id = copy(appointment), appointment.slot_id
    for name in (*OPENING_FIELDS, "slot"):
        setattr(moved, name, getattr(hold, name))
    save_moved(moved, appointment, actor=actor, now=now, must_be_free=must_be_free)
    free_slot(old_slot_id)


def is_there(appointment: Appointment, opening: OpeningRequest) -> bool:
    """Return whether an appointment has that opening already."""
    here = (appointment.clinician_id, appointment.location_id, appointment.starts_at, appointment.is_remote)
    # A service that takes longer by now, or less, makes the same start another time.
    is_as_long = appointment.ends_at - appointment.starts_at == appointment.service.duration
    there = (opening.clinician.pk, opening.location.pk, opening.starts_at, opening.is_remote)  # pyright: ignore
    return is_as_long and here == there


def _lock(appointment, enforce_cutoff, expected_version):
    now = lock_appointment(appointment, expected_version=expected_version)
    if appointment.status not in Appointment.UPCOMING:
        raise WrongState(appointment)
    if enforce_cutoff:
        check_cutoff(appointment, now)
    return now


def check_provider(appointment: Appointment, location: Location) -> None:
    """Raise NotOffered where another system's word would be needed, or is no longer: that is another booking."""
    if location.pk == appointment.location_id:
        return
    there = get_provider(appointment.service_id, location.pk)
    if there != appointment.provider and any(get_approver(one).is_remote for one in (there, appointment.provider)):
        raise NotOffered(["not-offered-here"])


def save_moved(
    moved: Appointment,
    appointment: Appointment,
    *,
    actor: str,
    now: datetime,
    must_be_free: bool,
    email: bool = True,
    override_reason: str = "",
    override_note: str = "",
) -> Appointment:
    """Save the moved copy of an appointment, whose patient is locked, and tell of it; return the appointment, moved.

    What was overridden for its earlier time is over with that. Raises PatientBusy.
    """
    conflicts = check_conflicts(moved, moved.patient_id, must_be_free=must_be_free)
    is_pending = moved.status == Appointment.Status.PENDING
    if is_pending and moved.starts_at > now:  # what has begun, which only an override chooses, can still be answered
        moved.answer_by = min(moved.answer_by, moved.starts_at)  # pyright: ignore[reportArgumentType] (pending has one)
    # A pending appointment's deadline goes with it to its new slot.
    set_slot_expiry(moved.slot_id, expires_at=moved.answer_by if is_pending else None)
    moved.attendance_confirmed_at = None  # they said so of the other time
    moved.override_reason, moved.override_note = override_reason, override_note
    moved.save(update_fields=[*OPENING_FIELDS, "slot", *OF_TIME, "updated_at"])
    times = {"from": appointment.local_start.isoformat(), "to": moved.local_start.isoformat()}
    record_event(moved, EventKind.APPOINTMENT_RESCHEDULED, actor=actor, at=now, data=times)
    settle(moved, Outcome.ACCEPTED if actor == "patient" else Outcome.MOVED, actor=actor, at=now)
    job = Job.EMAIL_APPOINTMENT_RESCHEDULED if email else None
    notify_changed(moved, email=job, previous_clinician_id=appointment.clinician_id)
    if email:
        tell_patient(moved, conflicts)
    elif moved.status == Appointment.Status.CONFIRMED:
        plan_reminders(moved, is_new=False)  # they go out at the new time, told or not
    mark_location_left(appointment, moved)
    for name in OF_TIME:
        setattr(appointment, name, getattr(moved, name))
    return adopt_opening(appointment, moved)
