"""The transitions that staff can make with an appointment, each through its verb."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.contrib import messages
from django.utils import timezone

from booking.admin.permissions import get_actor, has_appointment_permission
from booking.domain import appointments, undoing
from booking.domain.overrides import RulesBroken
from booking.domain.transitions import CORRECTIONS, TRANSITIONS, ChangedMeanwhile, WrongState
from booking.models import Appointment
from patients.records import PatientArchived
from scheduling.slots import SlotTaken


class StaffTransition(NamedTuple):
    """A transition that staff make with a button or a bulk action.

    ``permission`` is one of the model's own: ``decide`` stands for booking.decide_appointment. ``sources`` narrows the
    statuses that may become ``target``. A mark records what became of the appointment; a correction puts a wrong one
    right.
    """

    name: str
    label: str
    done: str
    verb: Callable
    target: str
    permission: str
    sources: tuple = ()
    is_correction: bool = False

    def is_possible(self, appointment):
        """Return whether the appointment's state allows it."""
        if self.name == "seen" and appointment.status == self.target:
            return appointment.seen_at is None
        table = CORRECTIONS if self.is_correction else TRANSITIONS[Appointment]
        is_source = not self.sources or appointment.status in self.sources
        return is_source and self.target in table.get(appointment.status, [])

    def is_too_early(self, appointment):
        """Return whether the visit has to begin first."""
        is_mark = self.permission == "mark"
        return is_mark and timezone.now() < appointments.get_earliest_mark(appointment, self.target)


STAFF_TRANSITIONS = {
    transition.name: transition
    for transition in [
        StaffTransition("confirm", "Confirm", "confirmed", appointments.confirm, "confirmed", "decide"),
        StaffTransition(
            "decline", "Decline", "declined", appointments.decline, "cancelled", "decide", Appointment.TENTATIVE
        ),
        StaffTransition("arrived", "Arrived", "marked arrived", appointments.mark_arrived, "in_progress", "mark"),
        StaffTransition(
            "seen", "With clinician", "marked as being seen", appointments.mark_seen, "in_progress", "mark"
        ),
        StaffTransition("complete", "Completed", "completed", appointments.complete, "completed", "mark"),
        StaffTransition("no-show", "No-show", "marked as a no-show", appointments.mark_no_show, "no_show", "mark"),
        StaffTransition(
            "cancel", "Cancel …", "cancelled", partial(appointments.cancel, is_undoable=True), "cancelled", "decide"
        ),
        StaffTransition(
            "correct-complete",
            "Not a no-show: completed",
            "completed",
            partial(appointments.correct, status="completed"),
            "completed",
            "mark",
            is_correction=True,
        ),
        StaffTransition(
            "correct-no-show",
            "Not completed: a no-show",
            "marked as a no-show",
            partial(appointments.correct, status="no_show"),
            "no_show",
            "mark",
            is_correction=True,
        ),
    ]
}


def list_transitions(request, appointment):
    """Return the transitions that the member of staff can make with the appointment now."""
    return [
        transition
        for transition in STAFF_TRANSITIONS.values()
        if transition.is_possible(appointment)
        and has_appointment_permission(request, transition.permission)
        and not transition.is_too_early(appointment)
    ]


def apply_transition(request, appointment, transition, **arguments):
    """Make the transition and add a message about the result."""
    verb = partial(transition.verb, **arguments)
    if run_transition(request, appointment, verb, not_done=f"was not {transition.done}"):
        done = transition.done if transition.name == "decline" else appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {done}.")


def undo_attendance(request, appointment):
    """Take back the latest mark of the appointment, and add a message about the result."""
    if run_transition(request, appointment, undoing.undo_attendance, not_done="was not changed back"):
        status = appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {status} again.")


def undo_cancellation(request, appointment):
    """Let the cancelled appointment stand again, and add a message about the result."""
    if run_transition(request, appointment, undoing.undo_cancellation, not_done="stays cancelled"):
        status = appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {status} again.")


def run_transition(request, appointment, verb, *, not_done):
    """Return whether ``verb`` has done it; otherwise a message says why it is ``not_done``."""
    try:
        verb(appointment, actor=get_actor(request))
    except WrongState:
        reason = f"it is {appointment.get_status_display().lower()}"
    except appointments.TooEarly:
        reason = f"it begins only on {appointment.local_start:%a %-d %b %Y, %H:%M}"
    except appointments.OrderBooked:
        reason = "its order is booked again"
    except ChangedMeanwhile:
        reason = "it was given another time just now"
    except (SlotTaken, RulesBroken):
        reason = "its time is taken by now"
    except (undoing.ApproverTold, appointments.OrderCancelled, PatientArchived) as error:
        reason = str(error.message)
    else:
        return True
    messages.warning(request, f"{appointment.reference} {not_done}: {reason.removesuffix('.')}.")
    return False
