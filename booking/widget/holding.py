"""From a held time to an appointment: the details, checking them, confirming; more time, or giving back."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render

from booking import asking
from booking.appointments import OrderBooked, PastCutoff
from booking.asking import Patience, ProviderRefused, ProviderUnavailable
from booking.choosing import NotOffered
from booking.holds import (
    HoldExpired,
    HoldNotFound,
    TooManyExtensions,
    TooManyHolds,
    extend_hold,
    find_hold,
    release_hold,
)
from booking.links import AppointmentNotFound, find_appointment
from booking.orders import check_not_booked
from booking.rescheduling import reschedule_to_hold
from booking.states import ChangedMeanwhile, WrongState
from patients.models import Consent
from scheduling.slots import SlotTaken, database_now

from . import refusals
from .choosing import hold_picked
from .details import DetailsForm, retyped, typed
from .forms import Picked, read_opening
from .pages import (
    KNOWN_STEPS,
    base_of,
    booked_of,
    given_back,
    hold_context,
    hold_page,
    not_found,
    page,
    show,
    times_of,
)
from .search import Search
from .visit import past_cutoff

# Who has not answered while the patient waits for the page is asked further, and the page says so.
PATIENCE = Patience(is_async=True)


@hold_page("GET", "POST")
def details(request, hold):
    """The form for the patient's details. What is posted comes back in it."""
    return show_hold(request, hold, retyped(request.POST) if request.method == "POST" else DetailsForm())


def show_hold(request, hold, form=None, *, status=200, refusal=None, nearest=()):
    """Show the page of a hold: the form for the details, or where they are known what is to be confirmed."""
    context = hold_context(hold)
    if status == 200 and not context["seconds_left"]:
        status = 410
    context |= {"refusal": refusal, "nearest": nearest, "was_extended": "extended" in request.GET}
    if context["is_known"]:
        return show(request, "widget/known.html", context | {"steps": KNOWN_STEPS}, status=status)
    form = retyped(request.POST) if form is None else form
    return show(request, "widget/details.html", context | {"form": form}, status=status)


@page("GET")
def countdown(request, token, appointment=None):
    """The countdown alone: how long the hold lives now, for a browser that was asleep."""
    try:
        hold = find_hold(token)
        hold.moves = find_appointment(appointment) if appointment else None
    except (HoldNotFound, AppointmentNotFound):
        hold = None
    if not request.htmx:
        return redirect(base_of(hold)) if hold else not_found(request)
    if hold is None or hold.status in (hold.Status.CONFIRMED, hold.Status.RELEASED):
        # There is nothing to count: the page itself has to be another one.
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "widget/_countdown.html", hold_context(hold))


@hold_page("GET", "POST")
def check(request, hold):
    """The answers to be read once more before they count."""
    if request.method == "GET" or hold.order_id or hold.moves:  # nothing has been typed that could be checked
        return redirect(base_of(hold))
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show_hold(request, hold, form, status=422)
    if not hold.is_live(database_now()):
        return show_hold(request, hold, form, status=410)
    return show_check(request, hold, form)


def show_check(request, hold, form, *, status=200, refusal=None):
    context = hold_context(hold) | {
        "answers": form.instance,
        "notes": form.cleaned_data["notes"],
        "typed": typed(request.POST),
        "was_extended": "extended" in request.GET,
        "refusal": refusal,
    }
    return show(request, "widget/check.html", context, status=status)


@hold_page("POST")
def confirm(request, hold):
    """Make the hold an appointment, or an appointment's new time. Pressed twice, it is the same one."""
    form = None if hold.order_id or hold.moves else DetailsForm(request.POST)
    if form and not form.is_valid():
        return show_hold(request, hold, form, status=422)
    try:
        make_appointment(hold, form)
    except HoldExpired:
        return show_hold(request, hold, form, status=410)
    except HoldNotFound:
        return given_back(request, hold)
    except OrderBooked:
        return redirect(times_of(hold))  # which is where its appointment is shown
    except PastCutoff as error:
        return past_cutoff(request, hold.moves, error)
    except ProviderRefused:
        return refuse_here(request, hold, form, refusals.REFUSED)
    except ProviderUnavailable:
        return refuse_here(request, hold, form, refusals.UNAVAILABLE)
    except NotOffered as error:
        return refuse_here(request, hold, form, refusals.not_offered(error), status=422)
    except (WrongState, ChangedMeanwhile):
        pass  # another window was quicker: that page says what it is by now
    return redirect(booked_of(hold))


def make_appointment(hold, form):
    """Do with a hold what it was placed for."""
    if hold.moves:
        reschedule_to_hold(hold.moves, hold, by="patient", heed_cutoff=True)
    elif hold.order_id:
        check_not_booked(hold.order)  # before anybody is asked
        asking.confirm(hold, patient=hold.order.patient, by="patient", patience=PATIENCE)
    else:
        asking.confirm(
            hold, patient=form.instance, notes=form.cleaned_data["notes"], by="patient",
            agreed_to=[Consent.Purpose.PRIVACY_NOTICE], patience=PATIENCE,
        )


def refuse_here(request, hold, form, refusal, *, status=409):
    """Say on the page where it was pressed why it cannot be confirmed: the time is still held."""
    hold = refreshed(hold)
    if form:
        return show_check(request, hold, form, status=status, refusal=refusal)
    return show_hold(request, hold, status=status, refusal=refusal)


def refreshed(hold):
    """Return the hold as it is now: asking for an appointment may have given it more time."""
    found = find_hold(hold.token)
    found.moves = hold.moves
    return found


@hold_page("POST")
def extend(request, hold):
    """Give the hold its full time again and go on where one was, with everything typed."""
    try:
        extend_hold(hold, by="patient")
    except HoldExpired:
        return show_hold(request, hold, status=410)
    except TooManyExtensions:
        return show_hold(request, hold, status=409, refusal=refusals.NO_MORE_TIME)
    except HoldNotFound:
        return given_back(request, hold)
    except WrongState:
        return redirect(booked_of(hold))
    return carry_on("check" if request.POST.get("from") == "check" else "", hold, "?extended=1")


@hold_page("POST")
def again(request, hold):
    """Hold the time of an expired hold once more, or the ``opening`` pressed instead, with everything typed."""
    now = database_now()
    if hold.seconds_left(now) and "opening" not in request.POST:
        return carry_on("", hold)
    picked = Picked.of(hold)
    try:
        if "opening" in request.POST:
            picked = read_opening(request.POST["opening"])
        instead_of = hold if hold.is_live(now) else None
        held = hold_picked(request, hold.service, picked, order=hold.order, instead_of=instead_of)
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
        return redirect(booked_of(hold))
    held.moves = hold.moves
    return carry_on("", held)


def refuse_again(request, hold, refusal, picked, *, status):
    nearest = Search(hold.service, QueryDict(), database_now()).nearest(picked.starts_at)
    return show_hold(request, hold, status=status, refusal=refusal, nearest=nearest)


def carry_on(where, hold, query=""):
    """Go to a page of the hold with the same form: a 307 makes the browser post it there again."""
    return redirect(f"{base_of(hold)}{where}{query}", preserve_request=True)


@hold_page("POST")
def release(request, hold):
    """Give the time back and look at the free times of that day."""
    try:
        release_hold(hold, by="patient")
    except WrongState:
        return redirect(booked_of(hold))
    return redirect(times_of(hold, day=hold.local_start.date()))
