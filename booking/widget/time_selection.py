"""The page of free times, shared by services, orders' links and appointments to be moved."""

from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse

from booking.access.client_identity import get_networks
from booking.access.patient_links import appointment_token
from booking.domain.holds import APPOINTMENT_HOLDER, UNLIMITED, Holder, HoldLimits, TooManyHolds, place_hold
from booking.domain.scarcity import NeedsProof, Visitor
from booking.domain.slot_selection import NotOffered, OpeningRequest, book_first_available
from booking.domain.transitions import WrongState
from booking.models import Appointment, Order
from booking.widget import refusals
from booking.widget.forms import Picked, read_opening
from booking.widget.held_time import HeldTime
from booking.widget.pages import KNOWN_STEPS, get_note_context, show
from booking.widget.proof import ask_for_proof, get_shown
from booking.widget.search import get_times_context
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken


class Desk(NamedTuple):
    """Where a page of times is, where its buttons post to, and the order or appointment it is for.

    ``wait_here`` is where the service's waiting list is, if it is open.
    """

    here: str
    hold_here: str
    order: Order | None = None
    moves: Appointment | None = None
    wait_here: str = ""

    @property
    def context(self):
        steps = {"steps": KNOWN_STEPS, "step": 1} if self.order or self.moves else {"step": 2}
        back = reverse("widget:appointment", args=[appointment_token(self.moves)]) if self.moves else None
        return {**self._asdict(), **steps, "back": back}


def show_times(request, search, desk, *, status=200, **context):
    """Show the page of times."""
    if search.is_garbled and status == 200:
        status = 400
    held = HeldTime(search.hold, search.hold.token, desk.moves) if search.hold else None
    context = get_times_context(search) | desk.context | get_note_context(held, search.now) | context
    return show(request, "widget/times.html", context, status=status)


def hold_pressed_time(request, search, desk):
    """Hold the time whose button was pressed, replacing the one held before, and redirect to its page."""
    own = search.hold
    try:
        picked = read_opening(request.POST.get("opening", ""))
        if own and is_same(own, search.service, picked, desk):
            return open_hold_page(own, search, desk)
        held = hold_picked_time(
            request,
            search.service,
            picked,
            order=desk.order,
            moves=desk.moves,
            replaces=own,
            verified_email=search.verified_email,
        )
    except ValidationError:
        return refuse_time(request, search, desk, refusals.BAD_TIME, status=400)
    except SlotTaken:
        return refuse_time(request, search, desk, refusals.TAKEN, status=409, near=picked)
    except NotOffered as error:
        return refuse_time(request, search, desk, refusals.not_offered(error), status=422, near=picked)
    except TooManyHolds as error:
        response = refuse_time(request, search, desk, refusals.too_many_holds(error), status=429)
        response["Retry-After"] = error.retry_after
        return response
    except NeedsProof as error:
        return ask_for_proof(request, error, picked, action=desk.hold_here, moves=desk.moves)
    except WrongState:  # the hold was confirmed in another window
        held = own
    return open_hold_page(held, search, desk)


def is_same(hold, service, picked, desk):
    """Return whether a hold already has the picked time, for the same order."""
    purpose = desk.order and desk.order.pk
    return (hold.service_id, hold.order_id) == (service.pk, purpose) and Picked.from_hold(hold) == picked


def open_hold_page(hold, search, desk):
    wished = search.wish.cleaned_data.get("clinician")
    kept = {"clinician": wished} if wished == str(hold.clinician_id) else {}  # see get_search
    if search.me:
        kept["me"] = search.me.token
    query = "?" + urlencode(kept) if kept else ""
    return redirect(HeldTime(hold, hold.token, desk.moves).url + query)


def get_holder(request, *, order=None, moves=None, verified_email=""):
    """Return whose a hold is and how many they may have: a visitor's, or whose order or appointment was mailed a link.

    The link of what was booked without proof is on the page after that, too: its holder is still a visitor.
    """
    if order:
        return Holder(f"order:{order.pk}"), HoldLimits()
    if moves and moves.verification in (Appointment.Verification.NOT_NEEDED, Appointment.Verification.VERIFIED):
        return Holder(f"{APPOINTMENT_HOLDER}{moves.pk}"), HoldLimits()
    visitor = Visitor(
        get_networks(request), page=request.get_host(), verified_email=verified_email, **get_shown(request)
    )
    return Holder("visitor", visitor), UNLIMITED


def hold_picked_time(request, service, picked, *, order=None, moves=None, replaces=None, verified_email=""):
    """Hold a Picked time for the patient; without a clinician, with the first one by the location's rule."""
    clinician = Clinician.objects.filter(pk=picked.clinician_id).first()
    location = Location.objects.filter(pk=picked.location_id).first()
    if location is None or (picked.clinician_id and clinician is None):
        raise NotOffered({"not-offered-here"})
    holder, limits = get_holder(request, order=order, moves=moves, verified_email=verified_email)
    place = partial(place_hold, order=order, actor="patient", replaces=replaces, holder=holder, limits=limits)
    opening = OpeningRequest(service, picked.starts_at, clinician, location, picked.is_remote)
    return book_first_available(place, opening)


def refuse_time(request, search, desk, refusal, *, status, near=None):
    """Show the page of times again, with the refusal and the times nearest to the Picked time ``near``."""
    nearest = search.find_nearest(near) if near else []
    return show_times(request, search, desk, status=status, refusal=refusal, nearest=nearest)
