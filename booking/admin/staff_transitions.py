"""The transitions that staff can make with an appointment, each through its verb."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.contrib import messages
from django.utils import timezone

from booking.admin.permissions import get_actor, has_appointment_permission
from booking.domain import appointments
from booking.domain.transitions import CORRECTIONS, TRANSITIONS, ChangedMeanwhile, WrongState
from booking.models import Appointment


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
    tables = {False: TRANSITIONS[Appointment], True: CORRECTIONS}
    return [
        transition
        for transition in STAFF_TRANSITIONS.values()
        if transition.target in tables[transition.is_correction].get(appointment.status, [])
        and has_appointment_permission(request, transition.permission)
        and (not transition.sources or appointment.status in transition.sources)
        and not transition.is_too_early(appointment)
    ]


def apply_transition(request, appointment, transition, **arguments):
    """Make the transition and add a message about the result."""
    try:
        transition.verb(appointment, actor=get_actor(request), **arguments)
    except WrongState:
        status = appointment.get_status_display().lower()
        messages.warning(request, f"{appointment.reference} was not {transition.done}: it is {status}.")
    except appointments.TooEarly:
        start = f"{appointment.local_start:%a %-d %b %Y, %H:%M}"
        messages.warning(request, f"{appointment.reference} was not {transition.done}: it begins only on {start}.")
    except appointments.OrderBooked:
        messages.warning(request, f"{appointment.reference} was not {transition.done}: its order is booked again.")
    except ChangedMeanwhile:
        messages.warning(
            request, f"{appointment.reference} was not {transition.done}: it was given another time just now."
        )
    else:
        done = transition.done if transition.name == "decline" else appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {done}.")
