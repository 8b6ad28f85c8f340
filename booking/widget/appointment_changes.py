"""Changing an appointment on the patient's pages: to cancel it, to give it another time."""

from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.access.patient_links import appointment_token
from booking.domain.appointments import PastCutoff, cancel
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Appointment
from booking.templatetags.wording import when
from booking.widget.forms import CancelForm
from booking.widget.pages import appointment_page, refuse, show
from booking.widget.search import Search
from booking.widget.time_selection import Desk, hold_pressed, show_times
from scheduling.lib.clock import database_now


@appointment_page("GET", "POST")
def cancel_page(request, appointment):
    """Ask why, and cancel it."""
    form = CancelForm(request.POST if request.method == "POST" else None)
    address = address_of(appointment)
    if appointment.status not in Appointment.UPCOMING:
        return redirect(address)
    if not appointment.can_change(database_now()):
        return past_cutoff(request, appointment)
    if form.is_valid():
        try:
            cancel(appointment, actor="patient", enforce_cutoff=True, **form.cleaned_data)
        except PastCutoff:
            return past_cutoff(request, appointment)
        except (WrongState, ChangedMeanwhile):
            pass  # its page says what it is by now
        return redirect(address)
    context = {
        "appointment": appointment,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "form": form,
        "address": address,
    }
    return show(request, "widget/cancel.html", context, status=422 if form.is_bound else 200)


def past_cutoff(request, appointment):
    """Say until when it could have been changed here, and whom to call."""
    return refuse(
        request,
        _("It is too late to change it online"),
        _("That could be done until %(cutoff)s.")
        % {"cutoff": when(appointment.cutoff_at, appointment.location.timezone)},
        _("%(clinic)s can still help you: please give your reference, %(reference)s.")
        % {"clinic": settings.CLINIC_NAME, "reference": appointment.reference},
        status=409,
        phone=appointment.location.phone,
        onward=(_("Back to the appointment"), address_of(appointment)),
    )


# Giving it another time: until the new one is confirmed, it keeps the old one


@appointment_page("GET")
def reschedule(request, appointment):
    """The free times of its service."""
    return refuse_to_move(request, appointment) or show_times(
        request, search_of(appointment, request.GET), desk_of(appointment)
    )


@appointment_page("POST")
def reschedule_hold(request, appointment):
    """Hold the time that was pressed."""
    return refuse_to_move(request, appointment) or hold_pressed(
        request, search_of(appointment, request.POST), desk_of(appointment)
    )


def refuse_to_move(request, appointment):
    """Return the page that says why it cannot be moved any more, or None."""
    if appointment.status not in Appointment.UPCOMING:
        return redirect(address_of(appointment))
    if not appointment.can_change(database_now()):
        return past_cutoff(request, appointment)
    return None


# What else changes, as (whether it is another clinician, how they meet).
DIFFERENCES = {
    (True, "same"): gettext_lazy("This is with another clinician."),
    (True, "video"): gettext_lazy("This is with another clinician and by video, not in person."),
    (True, "in-person"): gettext_lazy("This is with another clinician and in person, not by video."),
    (True, "elsewhere"): gettext_lazy("This is with another clinician and at another place."),
    (False, "video"): gettext_lazy("This is by video, not in person."),
    (False, "in-person"): gettext_lazy("This is in person, not by video."),
    (False, "elsewhere"): gettext_lazy("This is at another place."),
}


def move_context(hold):
    """Return what a move changes beside the time: a sentence, ``difference``, and whether it ``is_same_place``."""
    old = hold.moves
    is_same_place = hold.is_remote == old.is_remote and (
        hold.is_remote or old.is_at_home or hold.location_id == old.location_id
    )
    if hold.is_remote != old.is_remote:
        way = "video" if hold.is_remote else "in-person"
    else:
        way = "same" if is_same_place else "elsewhere"
    difference = DIFFERENCES.get((hold.clinician_id != old.clinician_id, way))
    return {"difference": difference, "is_same_place": is_same_place}


def search_of(appointment, query):
    return Search(appointment.service, query, database_now(), like=appointment)


def desk_of(appointment):
    token = appointment_token(appointment)
    return Desk(
        here=reverse("widget:reschedule", args=[token]),
        hold_here=reverse("widget:reschedule_hold", args=[token]),
        moves=appointment,
    )


def address_of(appointment):
    return reverse("widget:appointment", args=[appointment_token(appointment)])
