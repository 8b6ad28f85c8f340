"""An appointment on the patient's pages: what it is, what has become of it, to move it, to cancel it.

Whoever has its address may do so; nothing about the patient is on any of them.
"""

import re

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from booking.appointments import PastCutoff, cancel
from booking.calendars.event import entry_for_patient, with_sequence, write_calendar
from booking.links import appointment_token, find_appointment, order_token
from booking.models import Appointment
from booking.states import ChangedMeanwhile, WrongState
from scheduling.slots import database_now

from .choosing import Desk, hold_pressed, show_times
from .forms import CancelForm
from .pages import appointment_page, hold_page, refuse, show
from .search import Search

Status = Appointment.Status
# Seconds between two looks at an appointment that waits for an answer: often at first, when the patient is there.
PAUSES = [2, 2, 2, 3, 3, 5, 5, 8, 13, 20]
LONGEST_PAUSE = 30


# The appointment


@appointment_page("GET")
def appointment(request, appointment):
    """The appointment."""
    return show_visit(request, appointment)


@hold_page("GET", done=True)
def done(request, hold):
    """The appointment that a hold has become."""
    found = of_hold(hold)
    if found is None:  # it had been moved to this hold's time, and has another one by now
        return refuse(request, "Nothing is booked at that time any more", "It was changed or cancelled.", status=410)
    return show_visit(request, found)


def of_hold(hold):
    """Return the appointment that a confirmed hold became, or the earlier one that was moved to its time."""
    is_moved = Q(slot=hold.slot_id) if hold.slot_id else Q(pk=None)
    found = Appointment.objects.filter(Q(pk=hold.pk) | is_moved).first()
    return found and find_appointment(appointment_token(found))


def show_visit(request, appointment):
    return show(request, "widget/done.html", visit_context(appointment))


def visit_context(appointment, *, looked=0):
    """Return what the page of an appointment shows. ``looked`` is how often it was looked at while it waits."""
    now = database_now()
    stands = appointment.status in Appointment.COMING
    return {
        "appointment": appointment,
        "token": appointment_token(appointment),
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "asked_of": asked_of(appointment),
        "is_at_home": is_at_home(appointment),
        "can_change": appointment.can_change(now),
        "is_too_late": stands and not appointment.can_change(now),
        "times": times_for(appointment),
        "looked": looked + 1,
        "pause": pause_after(looked, appointment),
    }


def asked_of(appointment):
    """Return the name of the other system that was asked; staff are the clinic to a patient."""
    provider = appointment.provider
    return provider.name if provider and provider.kind == provider.Kind.UPSTREAM else "the clinic"


def is_at_home(booking):
    """Return whether the patient is visited at home."""
    return bool(booking.order_id and booking.order.address and not booking.is_remote)


def times_for(appointment):
    """Return where another time can be booked instead of a cancelled one, or None where patients cannot."""
    if appointment.order_id:
        token = order_token(appointment.order)
        return token and reverse("widget:order", args=[token])
    service = appointment.service
    if service.is_active and service.is_online_bookable:
        return reverse("widget:times", args=[service.slug])
    return None


def pause_after(looked, appointment):
    if appointment.status == Status.RESERVED or looked >= len(PAUSES):
        return LONGEST_PAUSE
    return PAUSES[looked]


@appointment_page("GET")
def outcome(request, appointment):
    """What has become of an appointment that waits for an answer: only htmx asks, again and again."""
    if not request.htmx:
        return redirect("widget:appointment", appointment_token(appointment))
    looked = request.GET.get("looked", "")
    context = visit_context(appointment, looked=int(looked) if re.fullmatch("[0-9]{1,4}", looked) else 0)
    if context["is_waiting"] and appointment.status == request.GET.get("status"):
        return render(request, "widget/_look_again.html", context)
    response = render(request, "widget/_outcome.html", context | {"clinic_name": settings.CLINIC_NAME})
    response["HX-Retarget"], response["HX-Reswap"] = "#visit", "outerHTML"
    return response


@appointment_page("GET")
def appointment_ics(request, appointment):
    """The appointment for the patient's calendar."""
    return calendar_file(appointment)


@hold_page("GET", done=True)
def hold_ics(request, hold):
    """The appointment that a hold has become, for the patient's calendar."""
    found = of_hold(hold)
    return calendar_file(found) if found else redirect("widget:done", hold.token)


def calendar_file(appointment):
    found = with_sequence(Appointment.objects).get(pk=appointment.pk)
    text = write_calendar([entry_for_patient(found, clinic_name=settings.CLINIC_NAME)], method="PUBLISH")
    disposition = 'attachment; filename="appointment.ics"'
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers={"Content-Disposition": disposition})


# Cancelling it


@appointment_page("GET", "POST")
def cancel_page(request, appointment):
    """Ask why, and cancel it."""
    form = CancelForm(request.POST if request.method == "POST" else None)
    address = reverse("widget:appointment", args=[appointment_token(appointment)])
    if appointment.status not in Appointment.COMING:
        return redirect(address)
    if not appointment.can_change(database_now()):
        return past_cutoff(request, appointment, PastCutoff(appointment.cutoff_at))
    if form.is_valid():
        try:
            cancel(appointment, by="patient", heed_cutoff=True, **form.cleaned_data)
        except PastCutoff as error:
            return past_cutoff(request, appointment, error)
        except (WrongState, ChangedMeanwhile):
            pass  # its page says what it is by now
        return redirect(address)
    context = visit_context(appointment) | {"form": form, "address": address}
    return show(request, "widget/cancel.html", context, status=422 if form.is_bound else 200)


def past_cutoff(request, appointment, error):
    """Say until when it could have been changed here, and whom to call."""
    until = error.cutoff_at.astimezone(appointment.location.zone)
    return refuse(
        request, "It is too late to change this here",
        f"That could be done until {until:%A} {until.day} {until:%B}, {until:%H:%M}.",
        f"The clinic can still help you: give your reference, {appointment.reference}.",
        status=409, phone=appointment.location.phone,
        onward=("Back to the appointment", reverse("widget:appointment", args=[appointment_token(appointment)])),
    )


# Giving it another time: until the new one is confirmed, it keeps the old one


@appointment_page("GET")
def reschedule(request, appointment):
    """The free times of its service."""
    return refuse_to_move(request, appointment) or show_times(
        request, Search(appointment.service, request.GET, database_now()), desk_of(appointment)
    )


@appointment_page("POST")
def reschedule_hold(request, appointment):
    """Hold the time that was pressed."""
    return refuse_to_move(request, appointment) or hold_pressed(
        request, Search(appointment.service, request.POST, database_now()), desk_of(appointment)
    )


def refuse_to_move(request, appointment):
    """Return the page that says why it cannot be moved any more, or None."""
    if appointment.status not in Appointment.COMING:
        return redirect("widget:appointment", appointment_token(appointment))
    if not appointment.can_change(database_now()):
        return past_cutoff(request, appointment, PastCutoff(appointment.cutoff_at))
    return None


def desk_of(appointment):
    token = appointment_token(appointment)
    return Desk(
        here=reverse("widget:reschedule", args=[token]), hold_here=reverse("widget:reschedule_hold", args=[token]),
        moves=appointment,
    )
