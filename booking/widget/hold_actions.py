"""What a patient does with a hold: see its countdown, extend it, hold it again, release it. Input is never lost."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from booking.access.patient_links import AppointmentNotFound, find_appointment
from booking.domain.holds import TooManyExtensions, TooManyHolds, extend_hold, find_hold, release_hold
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import HoldExpired, HoldNotFound, WrongState
from booking.widget import refusals
from booking.widget.checkout import refuse_in_place
from booking.widget.details_form import DetailsForm
from booking.widget.forms import Picked, read_opening
from booking.widget.page_urls import get_done_url, get_hold_url, get_search, get_times_url
from booking.widget.pages import get_hold_context, hold_page, is_known, page, refuse_not_found, refuse_released
from booking.widget.search import Search
from booking.widget.time_selection import hold_picked_time
from scheduling.lib.clock import database_now
from scheduling.slots import SlotTaken


@page("GET")
def countdown(request, token, appointment=None):
    """Return the countdown alone, for a browser that was asleep."""
    try:
        hold = find_hold(token)
        hold.moves = find_appointment(appointment) if appointment else None
    except (HoldNotFound, AppointmentNotFound):
        hold = None
    if not request.htmx:
        return redirect(get_hold_url(hold)) if hold else refuse_not_found(request)
    if hold is None or hold.status in (hold.Status.CONFIRMED, hold.Status.RELEASED):
        # Nothing is left to count: reload the page.
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "widget/_countdown.html", get_hold_context(request, hold))


@hold_page("POST")
def extend(request, hold):
    """Extend the hold to its full lifetime and return to the same step with everything typed."""
    try:
        extend_hold(hold, actor="patient")
    except HoldExpired:
        return refuse_in_place(request, hold, get_checked_form(request, hold), refusals.EXPIRED, status=410)
    except TooManyExtensions:
        return refuse_in_place(request, hold, get_checked_form(request, hold), refusals.NO_MORE_TIME)
    except HoldNotFound:
        return refuse_released(request, hold)
    except WrongState:
        return redirect(get_done_url(hold))
    return return_to_step(request, hold, "?extended=1")


@hold_page("POST")
def again(request, hold):
    """Hold an expired hold's time again, or the ``opening`` that was pressed instead; keep everything typed."""
    now = database_now()
    if hold.seconds_left(now) and "opening" not in request.POST:
        return return_to_step(request, hold)
    picked = Picked.of(hold)
    try:
        if "opening" in request.POST:
            picked = read_opening(request.POST["opening"])
        replaces = hold if hold.is_live(now) else None
        held = hold_picked_time(request, hold.service, picked, order=hold.order, replaces=replaces)
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
        return redirect(get_done_url(hold))
    held.moves = hold.moves
    return return_to_step(request, held)


def refuse_again(request, hold, refusal, picked, *, status):
    nearest = Search(hold.service, get_search(request, hold), database_now(), like=hold).find_nearest(picked.starts_at)
    return refuse_in_place(request, hold, get_checked_form(request, hold), refusal, status=status, nearest=nearest)


def get_checked_form(request, hold):
    """Return the valid form posted from the check step, or None."""
    form = DetailsForm(request.POST)
    came_from_there = request.POST.get("from") == "check" and not is_known(hold)
    return form if came_from_there and form.is_valid() else None


def return_to_step(request, hold, query=""):
    """Redirect to the step the form came from: a 307 makes the browser post it again."""
    where = "check" if request.POST.get("from") == "check" else ""
    return redirect(f"{get_hold_url(hold)}{where}{query}", preserve_request=True)


@hold_page("POST")
def release(request, hold):
    """Release the hold and show the free times of that day."""
    try:
        release_hold(hold, actor="patient")
    except WrongState:
        return redirect(get_done_url(hold))
    return redirect(get_times_url(hold, day=hold.local_start.date(), **get_search(request, hold)))
