"""The patient's pages that cancel an appointment or give it another time."""

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.access.patient_links import appointment_token
from booking.domain.appointments import PastCutoff, cancel
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Appointment, get_branding
from booking.templatetags.wording import when
from booking.widget.forms import CancelForm
from booking.widget.pages import appointment_page, refuse, show
from booking.widget.search import Search
from booking.widget.time_selection import Desk, hold_pressed_time, show_times
from scheduling.lib.clock import database_now


@appointment_page("GET", "POST")
def cancel_page(request, appointment):
    """Ask for a reason, then cancel the appointment."""
    form = CancelForm(request.POST if request.method == "POST" else None)
    address = get_appointment_url(appointment)
    if appointment.status not in Appointment.UPCOMING:
        return redirect(address)
    if not appointment.can_change(database_now()):
        return refuse_past_cutoff(request, appointment)
    if form.is_valid():
        try:
            cancel(appointment, actor="patient", enforce_cutoff=True, **form.cleaned_data)
        except PastCutoff:
            return refuse_past_cutoff(request, appointment)
        except (WrongState, ChangedMeanwhile):
            pass  # the appointment's page says how it stands
        return redirect(address)
    context = {
        "appointment": appointment,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "form": form,
        "address": address,
    }
    return show(request, "widget/cancel.html", context, status=422 if form.is_bound else 200)


def refuse_past_cutoff(request, appointment):
    """Refuse a change after the cut-off: say when that was, and whom to call."""
    return refuse(
        request,
        _("It is too late to change it online"),
        _("You could do that until %(cutoff)s.")
        % {"cutoff": when(appointment.cutoff_at, appointment.location.timezone)},
        _("%(clinic)s can still help you: please give your reference, %(reference)s.")
        % {"clinic": get_branding().name, "reference": appointment.reference},
        status=409,
        phone=appointment.location.phone,
        onward=(_("Back to the appointment"), get_appointment_url(appointment)),
    )


# Another time: the appointment keeps the old one until the new one is confirmed


@appointment_page("GET")
def reschedule(request, appointment):
    """Show the free times of the appointment's service."""
    return refuse_to_move(request, appointment) or show_times(
        request, make_search(appointment, request.GET), get_desk(appointment)
    )


@appointment_page("POST")
def reschedule_hold(request, appointment):
    """Hold the time whose button was pressed."""
    return refuse_to_move(request, appointment) or hold_pressed_time(
        request, make_search(appointment, request.POST), get_desk(appointment)
    )


def refuse_to_move(request, appointment):
    """Return the response to an appointment that can no longer be moved, or None."""
    if appointment.status not in Appointment.UPCOMING:
        return redirect(get_appointment_url(appointment))
    if not appointment.can_change(database_now()):
        return refuse_past_cutoff(request, appointment)
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


def get_move_context(hold, old):
    """Return what a move changes beside the time: a sentence, ``difference``, and whether it ``is_same_place``."""
    is_same_place = hold.is_remote == old.is_remote and (
        hold.is_remote or old.is_at_home or hold.location_id == old.location_id
    )
    if hold.is_remote != old.is_remote:
        way = "video" if hold.is_remote else "in-person"
    else:
        way = "same" if is_same_place else "elsewhere"
    difference = DIFFERENCES.get((hold.clinician_id != old.clinician_id, way))
    return {"difference": difference, "is_same_place": is_same_place}


def make_search(appointment, query):
    return Search(appointment.service, query, database_now(), like=appointment)


def get_desk(appointment):
    token = appointment_token(appointment)
    return Desk(
        here=reverse("widget:reschedule", args=[token]),
        hold_here=reverse("widget:reschedule_hold", args=[token]),
        moves=appointment,
    )


def get_appointment_url(appointment):
    return reverse("widget:appointment", args=[appointment_token(appointment)])
