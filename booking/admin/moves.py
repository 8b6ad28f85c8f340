"""The moves staff may make with an appointment, each through its verb."""

from collections.abc import Callable
from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.utils import timezone

from booking.domain import appointments
from booking.domain.transitions import TRANSITIONS, ChangedMeanwhile, WrongState
from booking.models import Appointment
from patients.text import validate_printable


class Move(NamedTuple):
    """``permission`` is one of the model's own: ``decide`` is booking.decide_appointment.

    ``only`` has the statuses from which it is made, if not from all that may become ``to``. A mark says what
    became of the appointment, so it is made from its day on: there is no way back from it.
    """

    name: str
    label: str
    done: str
    verb: Callable
    to: str
    permission: str
    only: tuple = ()

    @property
    def is_mark(self):
        return self.permission == "mark"


STAFF_MOVES = {
    move.name: move
    for move in [
        Move("confirm", "Confirm", "confirmed", appointments.confirm, "confirmed", "decide"),
        Move("decline", "Decline", "declined", appointments.decline, "cancelled", "decide", Appointment.TENTATIVE),
        Move("arrived", "Arrived", "marked arrived", appointments.mark_arrived, "in_progress", "mark"),
        Move("complete", "Completed", "completed", appointments.complete, "completed", "mark"),
        Move("no-show", "No-show", "marked as a no-show", appointments.mark_no_show, "no_show", "mark"),
        Move("cancel", "Cancel …", "cancelled", appointments.cancel, "cancelled", "decide"),
    ]
}


class CancelForm(forms.Form):
    reason = forms.ChoiceField(choices=[("", "Choose …"), *Appointment.CancellationReason.given()])
    note = forms.CharField(
        max_length=500,
        required=False,
        validators=[validate_printable],
        help_text="For staff only. The patient is told by e-mail that it is cancelled, not why.",
    )


def get_actor(request):
    """Return how events name the member of staff who asks."""
    return f"staff:{request.user.pk}"


def may(request, permission):
    return request.user.has_perm(f"booking.{permission}_appointment")


def theirs(request, appointments):
    """Narrow appointments to those the member of staff may know of: a clinician sees their own."""
    return appointments if may(request, "view_all") else appointments.filter(clinician__user=request.user.pk)


def list_moves(appointment, request):
    """Return the moves that this member of staff can make with the appointment now."""
    allowed = TRANSITIONS[Appointment].get(appointment.status, [])
    moves = [move for move in STAFF_MOVES.values() if move.to in allowed and may(request, move.permission)]
    moves = [move for move in moves if not move.only or appointment.status in move.only]
    return [move for move in moves if not (move.is_mark and is_still_to_come(appointment))]


def is_still_to_come(appointment):
    """Return whether the day of the appointment, where it takes place, has not begun."""
    today = timezone.now().astimezone(appointment.location.zone).date()
    return today < appointment.local_start.date()


def make(move, appointment, request, **arguments):
    """Make the move, and tell the member of staff what came of it."""
    if move.is_mark and is_still_to_come(appointment):
        day = f"{appointment.local_start:%a %-d %b %Y}"
        messages.warning(request, f"{appointment.reference} was not {move.done}: it is only on {day}.")
        return
    try:
        move.verb(appointment, actor=get_actor(request), **arguments)
    except WrongState:
        status = appointment.get_status_display().lower()
        messages.warning(request, f"{appointment.reference} was not {move.done}: it is {status}.")
    except ChangedMeanwhile:
        messages.warning(request, f"{appointment.reference} was not {move.done}: it was given another time just now.")
    else:
        done = move.done if move.name == "decline" else appointment.get_status_display().lower()
        messages.success(request, f"{appointment.reference} is {done}.")
