"""An appointment's card: who comes, what to know of them, and what staff do with the visit."""

from datetime import date
from typing import NamedTuple

from django.contrib import admin
from django.http import Http404, HttpResponseNotAllowed
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.appointments import CancelForm
from booking.admin.dialogs import get_visible_appointment, redirect_after, render_dialog, require
from booking.admin.identity import describe_contact, describe_identity
from booking.admin.patient_conflicts import has_overlap, render_overlap
from booking.admin.permissions import has_appointment_permission, is_own_appointment
from booking.admin.staff_transitions import (
    STAFF_TRANSITIONS,
    apply_transition,
    list_transitions,
    undo_attendance,
    undo_cancellation,
)
from booking.models import Appointment
from patients.models import Needs
from scheduling.lib.timezones import format_local

Status = Appointment.Status
STEPS = ["arrived", "seen", "complete", "no-show"]  # the row of buttons; a card shows those that are not possible, too
DECISIONS = ["confirm", "decline"]
MARKED = [Status.IN_PROGRESS, Status.COMPLETED, Status.NO_SHOW]
UNDOINGS = {"undo": ("mark", undo_attendance), "undo-cancel": ("decide", undo_cancellation)}


class Step(NamedTuple):
    """A button of the row: what it does, and whether the visit is there, or can go there now."""

    name: str
    label: str
    is_current: bool
    is_possible: bool


class Visit(NamedTuple):
    """Another visit of the patient."""

    pk: str
    when: str
    what: str


class PatientGlance(NamedTuple):
    """What staff want to know of a patient before they say hello, as far as the visits go that they may see."""

    age: int | None
    visits: int  # that took place before this one
    no_shows: int
    last: Visit | None
    next: Visit | None


@admin.site.page("diary/appointments/<uuid:pk>/", name="diary_appointment")
def show_card(request, pk):
    """Show an appointment's card."""
    return render_card(request, get_visible_appointment(request, pk))


@admin.site.page("diary/appointments/<uuid:pk>/cancel/", name="diary_cancel")
def cancel_appointment(request, pk):
    """Ask why, then cancel an appointment."""
    appointment = get_visible_appointment(request, pk)
    require(request, "decide")
    form = CancelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        apply_transition(request, appointment, STAFF_TRANSITIONS["cancel"], **form.cleaned_data)
        return answer_with_card(request, pk)
    return render_dialog(
        request,
        "admin/desk/cancel.html",
        title="Cancel a visit",
        appointment=appointment,
        when=write_time(appointment),
        form=form,
    )


@admin.site.page("diary/appointments/<uuid:pk>/do/<slug:name>/", name="diary_step")
def make_step(request, pk, name):
    """Make a step with an appointment: the buttons of its card."""
    if name not in [*STEPS, *DECISIONS, *UNDOINGS]:
        raise Http404
    appointment, transition = get_visible_appointment(request, pk), STAFF_TRANSITIONS.get(name)
    permission, undo = UNDOINGS.get(name) or (transition.permission, None)
    require(request, permission)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if undo:
        undo(request, appointment)
    else:
        apply_transition(request, appointment, transition)
    return answer_with_card(request, pk)


def answer_with_card(request, pk):
    """Return the card of an appointment that has just been changed."""
    redirect = redirect_after(request, "admin:diary_appointment", pk)
    return redirect or render_card(request, get_visible_appointment(request, pk), is_changed=True)


def render_card(request, appointment, *, is_changed=False):
    """Return an appointment's card."""
    may_decide = has_appointment_permission(request, "decide")
    possible = {transition.name for transition in list_transitions(request, appointment)}
    steps = list_steps(request, appointment, possible)
    return render_dialog(
        request,
        "admin/desk/card.html",
        title=appointment.attendee_name,
        is_changed=is_changed,
        appointment=appointment,
        when=write_time(appointment),
        contact=describe_contact(appointment),
        identity=describe_identity(appointment),
        overlap=render_overlap(request, appointment) if has_overlap(appointment) else "",
        glance=look_at_patient(request, appointment),
        needs=list_needs(request, appointment.patient_id),
        steps=steps,
        decisions=[STAFF_TRANSITIONS[name] for name in DECISIONS if name in possible],
        may_cancel="cancel" in possible,
        may_undo=bool(steps) and appointment.status in MARKED,
        may_undo_cancel=may_decide and can_stand_again(appointment),
        may_move=may_decide and can_be_moved(request, appointment),
        is_own=is_own_appointment(request, "note", appointment) and appointment.status != Status.CANCELLED,
        may_follow_up=is_own_appointment(request, "follow_up", appointment)
        and appointment.patient.archived_at is None
        and appointment.status != Status.CANCELLED,
        may_book=has_appointment_permission(request, "add") and appointment.patient.archived_at is None,
    )


def list_steps(request, appointment, possible):
    """Return the row of Steps for staff who may mark appointments, from the day of the visit on."""
    if not has_appointment_permission(request, "mark") or appointment.status not in [Status.CONFIRMED, *MARKED]:
        return []
    present = get_step(appointment)
    steps = [Step(name, STAFF_TRANSITIONS[name].label, name == present, name in possible) for name in STEPS]
    return steps if any(step.is_current or step.is_possible for step in steps) else []


def get_step(appointment):
    """Return the name of the step that the visit has come to, or None before it."""
    if appointment.status == Status.IN_PROGRESS:
        return "seen" if appointment.seen_at else "arrived"
    return {Status.COMPLETED: "complete", Status.NO_SHOW: "no-show"}.get(appointment.status)


def can_be_moved(request, appointment):
    """Return whether it can be given another time: one that has begun only against the rules."""
    may_override = has_appointment_permission(request, "override")
    return appointment.status in (Appointment.STANDING if may_override else Appointment.UPCOMING)


def can_stand_again(appointment):
    """Return whether a cancellation can be undone, for all that is known of it here: its time is still to come."""
    is_cancelled = appointment.status == Status.CANCELLED and bool(appointment.attendee_name)
    return is_cancelled and appointment.starts_at > timezone.now()


def look_at_patient(request, appointment):
    """Return the PatientGlance of an appointment's patient."""
    today, home = timezone.now().astimezone(appointment.location.zone).date(), appointment.home
    related = ("service", "clinician", "location")
    others = Appointment.objects.filter(patient=appointment.patient_id).exclude(pk=appointment.pk)
    others = list(visible_to(request.user, others).select_related(*related).order_by("starts_at"))
    taken = [one for one in others if one.status in (Status.COMPLETED, Status.IN_PROGRESS)]
    before = [one for one in taken if one.starts_at < appointment.starts_at]
    after = [one for one in others if one.status in Appointment.STANDING and one.starts_at > appointment.starts_at]
    return PatientGlance(
        compute_age(appointment.patient.date_of_birth, today),
        len(before),
        sum(one.status == Status.NO_SHOW for one in others),
        describe_visit(before[-1], home) if before else None,
        describe_visit(after[0], home) if after else None,
    )


def compute_age(born: date | None, today: date) -> int | None:
    """Return how old somebody is, or None where the birth date is not known."""
    return born and today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def describe_visit(appointment, home):
    zone = appointment.location.zone
    when = format_local(appointment.starts_at, zone, unless=home)
    return Visit(str(appointment.pk), when, f"{appointment.service} with {appointment.clinician}")


def write_time(appointment):
    """Return when an appointment is, in its location's zone."""
    zone = appointment.location.zone
    start = format_local(appointment.starts_at, zone, unless=zone, pattern="%A %-d %B %Y, %H:%M")
    return f"{start}–{format_local(appointment.ends_at, zone, unless=appointment.home, pattern='%H:%M')}"


def list_needs(request, patient_id):
    """Return what a patient needs, a line for each, for staff who may see it."""
    if not request.user.has_perm("patients.view_needs"):
        return []
    needs = Needs.objects.filter(patient=patient_id).first()
    return needs.lines if needs else []
