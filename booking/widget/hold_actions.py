"""What a patient does with a hold: see its countdown, extend it, hold it again, release it. Input is never lost."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from booking.domain.holds import TooManyExtensions, TooManyHolds, extend_hold, release_hold
from booking.domain.scarcity import NeedsProof
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import HoldExpired, HoldNotFound, WrongState
from booking.models import Hold
from booking.widget import refusals
from booking.widget.checkout import read_details, refuse_in_place
from booking.widget.forms import Picked, read_opening
from booking.widget.held_time import HeldTime
from booking.widget.pages import (
    find_held_time,
    get_hold_context,
    get_note_context,
    hold_page,
    page,
    refuse_not_found,
    refuse_released,
)
from booking.widget.proof import ask_for_proof, get_link_query, needs_link
from booking.widget.search import Search
from booking.widget.time_selection import hold_picked_time
from scheduling.lib.clock import database_now
from scheduling.slots import SlotTaken


@page("GET")
def countdown(request, token, appointment=None):
    """Return the countdown alone, for a browser that was asleep."""
    held = find_held_time(token, appointment)
    if not request.htmx:
        return redirect(held.url) if held else refuse_not_found(request)
    if held is None or held.hold.status in (Hold.Status.CONFIRMED, Hold.Status.RELEASED):
        # Nothing is left to count: reload the page.
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "widget/_countdown.html", get_hold_context(request, held))


@page("GET")
def note(request, token, appointment=None):
    """Return the line that tells on other pages what is held; nothing once it is not."""
    held = find_held_time(token, appointment)
    return render(request, "widget/_hold_note.html", get_note_context(held, database_now()))


@hold_page("POST")
def extend(request, held):
    """Extend the hold to its full lifetime. With htmx only the countdown changes, else it is the same step again."""
    try:
        is_extended = extend_hold(held.hold, actor="patient")
    except HoldExpired:
        return swap_page(refuse_in_place(request, held, get_checked_form(request, held), refusals.EXPIRED, status=410))
    except TooManyExtensions:
        return swap_page(refuse_in_place(request, held, get_checked_form(request, held), refusals.NO_MORE_TIME))
    except HoldNotFound:
        return swap_page(refuse_released(request, held))
    except WrongState:
        return HttpResponseClientRedirect(held.done_url) if request.htmx else redirect(held.done_url)
    extended = "1" if is_extended else "later"
    if request.htmx:
        return render(request, "widget/_countdown.html", get_hold_context(request, held) | {"extended": extended})
    return return_to_step(request, held, f"?extended={extended}")


def swap_page(response):
    """Have htmx swap the whole page, where the button has asked for the countdown only."""
    response["HX-Retarget"], response["HX-Reswap"] = "#page", "innerHTML show:window:top"
    return response


@hold_page("POST")
def again(request, held):
    """Hold an expired hold's time again, or the ``opening`` that was pressed instead; keep everything typed."""
    hold, now = held.hold, database_now()
    if hold.seconds_left(now) and "opening" not in request.POST:
        return return_to_step(request, held)
    picked = Picked.from_hold(hold)
    try:
        if "opening" in request.POST:
            picked = read_opening(request.POST["opening"])
        replaces = hold if hold.is_live(now) else None
        new = hold_picked_time(
            request,
            hold.service,
            picked,
            order=hold.order,
            moves=held.moves,
            replaces=replaces,
            verified_email=hold.verified_email,
        )
    except ValidationError:
        return refuse_again(request, held, refusals.BAD_TIME, picked, status=400)
    except SlotTaken:
        return refuse_again(request, held, refusals.TAKEN, picked, status=409)
    except NotOffered as error:
        return refuse_again(request, held, refusals.not_offered(error), picked, status=422)
    except TooManyHolds as error:
        response = refuse_again(request, held, refusals.too_many_holds(error), picked, status=429)
        response["Retry-After"] = error.retry_after
        return response
    except NeedsProof as error:
        if needs_link(request, error):  # what is typed here stays here: the link comes in another window
            proof = reverse("widget:proof", args=[hold.service.slug], query=get_link_query(picked, held.moves))
            response = refuse_again(request, held, refusals.NEEDS_LINK, picked, status=429, proof=proof)
            response["Retry-After"] = error.retry_after
            return response
        return ask_for_proof(request, error, picked, action=f"{held.url}again", moves=held.moves)
    except WrongState:
        return redirect(held.done_url)
    return return_to_step(request, HeldTime(new, new.token, held.moves))


def refuse_again(request, held, refusal, picked, *, status, proof=None):
    """Refuse to hold a time again: with the nearest others, or with the address of the page that sends a link."""
    search = Search(held.hold.service, held.get_search(request), database_now(), like=held.hold)
    ways = {"proof": proof} if proof else {"nearest": search.find_nearest(picked)}
    return refuse_in_place(request, held, get_checked_form(request, held), refusal, status=status, **ways)


def get_checked_form(request, held):
    """Return the valid form posted from the check step, or None."""
    form = read_details(request, held.hold)
    came_from_there = request.POST.get("from") == "check" and not held.is_known
    return form if came_from_there and form.is_valid() else None


def return_to_step(request, held, query=""):
    """Redirect to the step the form came from: a 307 makes the browser post it again."""
    where = "check" if request.POST.get("from") == "check" else ""
    return redirect(f"{held.url}{where}{query}", preserve_request=True)


@hold_page("POST")
def release(request, held):
    """Release the hold and show the free times of that day."""
    try:
        release_hold(held.hold, actor="patient")
    except WrongState:
        return redirect(held.done_url)
    return redirect(held.get_times_url(day=held.hold.local_start.date(), **held.get_search(request)))
