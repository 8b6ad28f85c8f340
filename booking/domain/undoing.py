"""Taking back what staff have done by mistake: arrived, seen, completed, no-show, cancelled.

What was marked is undone at once and nobody is told. A cancellation is undone as a new confirmation, while its time is
free: what it would have told others waits for UNDO_WINDOW, and is taken back in that.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.domain.appointments import UNDO_WINDOW, lock_order, refusing_second_of_order
from booking.domain.audit import record_event
from booking.domain.notifications import delete_postponed, notify_changed
from booking.domain.overrides import Override, get_override, record_override, retake_time
from booking.domain.patient_conflicts import check_conflicts, tell_patient
from booking.domain.patients import find_or_register
from booking.domain.reminders import plan_reminders
from booking.domain.stranded_visits import reopen
from booking.domain.transitions import UNDOINGS, WrongState, lock_and_refresh, transition
from booking.integrations.approvers import get_approver
from booking.models import Appointment, Event
from booking.models.enums import EventKind, Job
from scheduling.models import Slot
from scheduling.slots import set_slot_expiry

Status = Appointment.Status
TOLD_LATER = [Job.EMAIL_APPOINTMENT_CANCELLED, Job.APPROVER_SYNC]


class ApproverTold(Exception):
    """Another system has been told already that the appointment is cancelled, and may have given its time away."""

    message = _("Another system has been told already that it is cancelled. Book it anew.")


@transaction.atomic
def undo_attendance(appointment: Appointment, *, actor: str, expected_version: datetime | None = None) -> None:
    """Take back the latest mark of an appointment: seen, arrived, completed or no-show. Nobody is told.

    What was completed or a no-show is as it was before: arrived, or confirmed. Raises WrongState if nothing is marked,
    OrderBooked when the order of a no-show has been booked again, and ChangedMeanwhile.
    """
    now = lock_and_refresh(appointment, expected_version=expected_version)
    status, changes = appointment.status, {}
    if status == Status.CANCELLED:
        raise WrongState(appointment)
    if status == Status.IN_PROGRESS and appointment.seen_at and appointment.arrived_at:
        appointment.seen_at = None
        appointment.save(update_fields=["seen_at", "updated_at"])
        kind, data = EventKind.APPOINTMENT_UPDATED, {"undone": "seen"}
        record_event(appointment, kind, actor=actor, at=now, data=data)
        return
    was_here = appointment.arrived_at or appointment.seen_at
    if status == Status.IN_PROGRESS:
        to, changes = Status.CONFIRMED, {"arrived_at": None, "seen_at": None}
    else:
        to = Status.IN_PROGRESS if was_here else Status.CONFIRMED
    with refusing_second_of_order(appointment):
        _undo(appointment, to, actor=actor, at=now, **changes)


@transaction.atomic
def undo_cancellation(
    appointment: Appointment,
    *,
    actor: str,
    override: Override | None = None,
    must_be_free: bool = False,
    expected_version: datetime | None = None,
) -> None:
    """Let a cancelled appointment stand again as it was; its attendee is told, if they know that it was cancelled.

    Its time must be free, but for what ``override`` names, or what was overridden for it before. Raises RulesBroken or
    TakenTwice where it is not, OrderBooked, OrderCancelled, ApproverTold, PatientArchived, PatientBusy as
    confirm_hold does, WrongState if it is not cancelled, or was pending until a deadline that has passed, or nobody
    knows any more who came, ChangedMeanwhile, and then nothing has changed.
    """
    now = lock_and_refresh(appointment, expected_version=expected_version)
    if appointment.status != Status.CANCELLED or not appointment.attendee_name:
        raise WrongState(appointment)
    cancelled = Event.objects.filter(subject_id=appointment.pk, kind=EventKind.APPOINTMENT_CANCELLED)
    status, cancelled_at = cancelled.order_by("-sequence").values_list("from_status", "created_at")[0]
    if status == Status.PENDING and appointment.answer_by <= now:  # pyright: ignore[reportOptionalOperand]
        raise WrongState(appointment)
    find_or_register(appointment.patient, actor=actor)
    conflicts = check_conflicts(appointment, appointment.patient_id, must_be_free=must_be_free)
    lock_order(appointment)
    # Nobody was told that what looked made up was cancelled.
    was_told = appointment.cancellation_reason != Appointment.CancellationReason.UNUSUAL
    taken_back = delete_postponed(appointment, TOLD_LATER, due_at=cancelled_at + UNDO_WINDOW)
    if _is_approver_remote(appointment) and Job.APPROVER_SYNC not in taken_back:
        raise ApproverTold
    known = override or _find_earlier_override(appointment, cancelled_at)
    appointment.slot, broken = retake_time(appointment, known, now=now)
    if status == Status.PENDING:
        set_slot_expiry(appointment.slot_id, expires_at=appointment.answer_by)
    changes = {"slot_id": appointment.slot_id, "cancellation_reason": "", "cancellation_note": ""}
    if override and broken:
        changes |= {"override_reason": override.reason, "override_note": override.note}
    with refusing_second_of_order(appointment):
        _undo(appointment, status, actor=actor, at=now, **changes)
    reopen(appointment, actor=actor)
    if override and broken:
        record_override(appointment, broken, override, actor=actor, at=now)
    was_told = was_told and Job.EMAIL_APPOINTMENT_CANCELLED not in taken_back
    _tell(appointment, conflicts, was_told=was_told, now=now)


def _find_earlier_override(appointment, cancelled_at):
    """Return the Override that the appointment stood by, unless somebody has taken time there since."""
    slots = Slot.objects.filter(clinician=appointment.clinician_id, period__overlap=appointment.padded_period)
    return None if slots.filter(taken_at__gt=cancelled_at).exists() else get_override(appointment)


def _undo(appointment, status, *, actor, at, **changes):
    data = {"undone": appointment.status}
    kind = EventKind.APPOINTMENT_UPDATED
    transition(appointment, status, kind=kind, actor=actor, at=at, data=data, allowed=UNDOINGS, **changes)


def _is_approver_remote(appointment):
    return (
        appointment.provider_id and get_approver(appointment.provider).is_remote and not appointment.awaits_verification
    )


def _tell(appointment, conflicts, *, was_told, now):
    """Tell the attendee, if they were told of the cancellation and can still come; approver and calendars anyway."""
    is_confirmed = appointment.status == Status.CONFIRMED
    email = None
    if was_told and appointment.ends_at > now and appointment.status != Status.IN_PROGRESS:
        email = Job.EMAIL_APPOINTMENT_CONFIRMED if is_confirmed else Job.EMAIL_APPOINTMENT_REQUESTED
        if not appointment.awaits_verification:
            tell_patient(appointment, conflicts)
    notify_changed(appointment, email=email)
    if is_confirmed and not email:
        plan_reminders(appointment, is_new=False)
