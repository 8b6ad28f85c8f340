"""The transitions that staff can make with an appointment, each through its verb."""

from collections.abc import Callable
from typing import NamedTuple

from django.contrib import messages
from django.utils import timezone

from booking.admin.permissions import get_actor, has_appointment_permission
from booking.domain import appointments
from booking.domain.transitions import TRANSITIONS, ChangedMeanwhile, WrongState
from booking.models import Appointment


class StaffTransition(NamedTuple):
    """A transition that staff make with a button or a bulk action.

    ``permission`` is one of the model's own: ``decide`` stands for booking.decide_appointment. ``sources`` narrows the
    statuses that may become ``target``. A mark records what became of the appointment: it cannot be undone, so it is
    allowed only from the appointment's day on.
    """

    name: str
    label: str
    done: str
    verb: Callable
    target: str
    permission: str
    sources: tuple = ()

    @property
    def is_mark(self):
        return self.permission == "mark"


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
        StaffTransition("cancel", "Cancel …", "cancelled", appointments.cancel, "cancelled", "decide"),
    ]
}


def list_transitions(request, appointment):
    """Return the transitions that the member of staff can make with the appointment now."""
    allowed = TRANSITIONS[Appointment].get(appointment.status, [])
    return [
        transition
        for transition in STAFF_TRANSITIONS.values()
        if transition.target in allowed
        and has_appointment_permission(request, transition.permission)
        and (not transition.sources or appointment.status in transition.sources)
        and not (transition.is_mark and is_before_its_day(appointment))
    ]


def is_before_its_day(appointment):
    """Return whether the appointment's day, in its location's zone, has not begun."""
    today = timezone.now().astimezone(appointment.location.zone).date()
    return today < appointment.local_start.date()


def apply_transition(request, appointment, transition, **arguments):
    """Make the transition and add a message about the result."""
    if transition.is_mark and is_before_its_day(appointment):
        day = f"{appointment.local_start:%a %-d %b %Y}"
        messages.warning(request, f"{appointment.reference} was not {transition.done}: it is only on {day}.")
        return
    try:
        transition.verb(appointment, actor=get_actor(request), **arguments)
    except WrongState:
        status = appointment.get_status_display().lower()
        messages.warning(request, f"{appointment.reference} was not {transition.done}: it is {status}.")
    except ChangedMeanwhile:
        messages.warning(
            request, f"{appointment.reference} was not {transition.done}: it was given another time just now."
        )
    else:
        done = transition.done if transition.name == "decline" else appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {done}.")
