"""A held time is kept or not: how long it lives, more time, holding it again, giving it back. What was typed stays."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from booking.choosing import NotOffered
from booking.holds import HoldExpired, HoldNotFound, TooManyExtensions, extend_hold, find_hold, release_hold
from booking.links import AppointmentNotFound, find_appointment
from booking.placing import TooManyHolds
from booking.states import WrongState
from scheduling.slots import SlotTaken, database_now

from . import refusals
from .addresses import base_of, booked_of, times_of, wish_of
from .choosing import hold_picked
from .details import DetailsForm
from .forms import Picked, read_opening
from .holding import refuse_here
from .pages import given_back, hold_context, hold_page, is_known, not_found, page
from .search import Search


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
    return render(request, "widget/_countdown.html", hold_context(request, hold))


@hold_page("POST")
def extend(request, hold):
    """Give the hold its full time again and go on where one was, with everything typed."""
    try:
        extend_hold(hold, by="patient")
    except HoldExpired:
        return refuse_here(request, hold, checked(request, hold), refusals.EXPIRED, status=410)
    except TooManyExtensions:
        return refuse_here(request, hold, checked(request, hold), refusals.NO_MORE_TIME)
    except HoldNotFound:
        return given_back(request, hold)
    except WrongState:
        return redirect(booked_of(hold))
    return carry_on(request, hold, "?extended=1")


@hold_page("POST")
def again(request, hold):
    """Hold the time of an expired hold once more, or the ``opening`` pressed instead, with everything typed."""
    now = database_now()
    if hold.seconds_left(now) and "opening" not in request.POST:
        return carry_on(request, hold)
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
    return carry_on(request, held)


def refuse_again(request, hold, refusal, picked, *, status):
    nearest = Search(hold.service, wish_of(request, hold), database_now(), like=hold).nearest(picked.starts_at)
    return refuse_here(request, hold, checked(request, hold), refusal, status=status, nearest=nearest)


def checked(request, hold):
    """Return the form that was posted from the page of the check, or None if it came from another one."""
    form = DetailsForm(request.POST)
    came_from_there = request.POST.get("from") == "check" and not is_known(hold)
    return form if came_from_there and form.is_valid() else None


def carry_on(request, hold, query=""):
    """Go where one was with the same form: a 307 makes the browser post it there again."""
    where = "check" if request.POST.get("from") == "check" else ""
    return redirect(f"{base_of(hold)}{where}{query}", preserve_request=True)


@hold_page("POST")
def release(request, hold):
    """Give the time back and look at the free times of that day."""
    try:
        release_hold(hold, by="patient")
    except WrongState:
        return redirect(booked_of(hold))
    return redirect(times_of(hold, day=hold.local_start.date(), **wish_of(request, hold)))
