"""From a held time to an appointment: the details, checking them, confirming; more time, or giving back."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from booking.choosing import NotOffered
from booking.holds import (
    HoldExpired,
    HoldNotFound,
    TooManyExtensions,
    TooManyHolds,
    confirm_hold,
    extend_hold,
    find_hold,
    release_hold,
)
from booking.models import Appointment
from booking.states import WrongState
from patients.models import Consent
from scheduling.slots import SlotTaken, database_now

from . import refusals
from .calendar_file import calendar_file
from .details import DetailsForm, retyped, typed
from .forms import Picked, read_opening
from .pages import given_back, hold_context, hold_page, page, show
from .search import Search
from .views import hold_picked


@hold_page("GET", "POST")
def details(request, hold):
    """The form for the patient's details. What is posted comes back in it."""
    form = retyped(request.POST) if request.method == "POST" else DetailsForm()
    return show_details(request, hold, form)


def show_details(request, hold, form, *, status=200, refusal=None, nearest=()):
    context = hold_context(hold)
    if status == 200 and not context["seconds_left"]:
        status = 410
    context |= {"form": form, "refusal": refusal, "nearest": nearest, "was_extended": "extended" in request.GET}
    return show(request, "widget/details.html", context, status=status)


@page("GET")
def countdown(request, token):
    """The countdown alone: how long the hold lives now, for a browser that was asleep."""
    if not request.htmx:
        return redirect("widget:details", token)
    try:
        hold = find_hold(token)
    except HoldNotFound:
        hold = None
    if hold is None or hold.status in (hold.Status.CONFIRMED, hold.Status.RELEASED):
        # There is nothing to count: the page itself has to be another one.
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "widget/_countdown.html", hold_context(hold))


@hold_page("GET", "POST")
def check(request, hold):
    """The answers to be read once more before they count."""
    if request.method == "GET":  # a reload has nothing to check
        return redirect("widget:details", hold.token)
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show_details(request, hold, form, status=422)
    if not hold.is_live(database_now()):
        return show_details(request, hold, form, status=410)
    context = hold_context(hold) | {
        "answers": form.instance,
        "notes": form.cleaned_data["notes"],
        "typed": typed(request.POST),
        "was_extended": "extended" in request.GET,
    }
    return show(request, "widget/check.html", context)


@hold_page("POST")
def confirm(request, hold):
    """Make the hold an appointment. Pressed twice, it is the same one."""
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show_details(request, hold, form, status=422)
    try:
        confirm_hold(
            hold,
            patient=form.instance,
            notes=form.cleaned_data["notes"],
            by="patient",
            agreed_to=[Consent.Purpose.PRIVACY_NOTICE],
        )
    except HoldExpired:
        return show_details(request, hold, form, status=410)
    except HoldNotFound:
        return given_back(request, hold)
    return redirect("widget:done", hold.token)


@hold_page("POST")
def extend(request, hold):
    """Give the hold its full time again and go on where one was, with everything typed."""
    try:
        extend_hold(hold, by="patient")
    except HoldExpired:
        return show_details(request, hold, retyped(request.POST), status=410)
    except TooManyExtensions:
        return show_details(request, hold, retyped(request.POST), status=409, refusal=refusals.NO_MORE_TIME)
    except HoldNotFound:
        return given_back(request, hold)
    except WrongState:
        return redirect("widget:done", hold.token)
    came_from = "widget:check" if request.POST.get("from") == "check" else "widget:details"
    return carry_on(came_from, hold, query={"extended": 1})


@hold_page("POST")
def again(request, hold):
    """Hold the time of an expired hold once more, or the ``opening`` pressed instead, with everything typed."""
    now = database_now()
    if hold.seconds_left(now) and "opening" not in request.POST:
        return carry_on("widget:details", hold)
    picked = Picked.of(hold)
    try:
        if "opening" in request.POST:
            picked = read_opening(request.POST["opening"])
        held = hold_picked(request, hold.service, picked, instead_of=hold if hold.is_live(now) else None)
    except ValidationError:
        return refuse_again(request, hold, refusals.BAD_TIME, picked, status=400)
    except SlotTaken:
        return refuse_again(request, hold, refusals.TAKEN, picked, status=409)
    except NotOffered as error:
        return refuse_again(request, hold, refusals.not_offered(error), picked, status=422)
    except TooManyHolds as error:
        response = refuse_again(request, hold, refusals.too_many_holds(error), picked, status=429)
        response["Retry-After"] = error.retry_after
        return response
    except WrongState:
        return redirect("widget:done", hold.token)
    return carry_on("widget:details", held)


def refuse_again(request, hold, refusal, picked, *, status):
    nearest = Search(hold.service, QueryDict(), database_now()).nearest(picked.starts_at)
    return show_details(request, hold, retyped(request.POST), status=status, refusal=refusal, nearest=nearest)


def carry_on(name, hold, query=None):
    """Go to a page of the hold with the same form: a 307 makes the browser post it there again."""
    return redirect(reverse(name, args=[hold.token], query=query), preserve_request=True)


@hold_page("POST")
def release(request, hold):
    """Give the time back and look at the free times of that day."""
    try:
        release_hold(hold, by="patient")
    except WrongState:
        return redirect("widget:done", hold.token)
    times = reverse("widget:times", args=[hold.service.slug], query={"day": hold.local_start.date()})
    return redirect(times)


@hold_page("GET", done=True)
def done(request, hold):
    """The appointment. Nothing about the patient is on it, whoever has the address."""
    context = {"appointment": appointment_of(hold), "token": hold.token}
    return show(request, "widget/done.html", context)


@hold_page("GET", done=True)
def appointment_ics(request, hold):
    """The appointment for the patient's calendar."""
    text = calendar_file(appointment_of(hold), clinic_name=settings.CLINIC_NAME)
    disposition = 'attachment; filename="appointment.ics"'
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers={"Content-Disposition": disposition})


def appointment_of(hold):
    return Appointment.objects.select_related("service", "clinician", "location").get(pk=hold.pk)
