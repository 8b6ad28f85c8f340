"""The page of free times, wherever a patient comes from: the services, an order's link, an appointment to be moved."""

from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse

from booking.access.client_identity import get_network_id, get_visitor_id
from booking.access.patient_links import appointment_token
from booking.domain.holds import Holder, TooManyHolds, place_hold
from booking.domain.slot_selection import NotOffered, OpeningRequest, book_first_available
from booking.domain.transitions import WrongState
from booking.models import Appointment, Order
from booking.widget import refusals
from booking.widget.forms import Picked, read_opening
from booking.widget.page_urls import get_hold_url
from booking.widget.pages import KNOWN_STEPS, show
from booking.widget.search import search_page
from scheduling.models import Clinician, Location
from scheduling.slots import SlotTaken


class Desk(NamedTuple):
    """Where the page of times is and where its buttons lead, and for which order or appointment a time is chosen."""

    here: str
    hold_here: str
    order: Order | None = None
    moves: Appointment | None = None

    @property
    def context(self):
        steps = {"steps": KNOWN_STEPS, "step": 1} if self.order or self.moves else {"step": 2}
        back = reverse("widget:appointment", args=[appointment_token(self.moves)]) if self.moves else None
        return {**self._asdict(), **steps, "back": back}


def show_times(request, search, desk, *, status=200, **context):
    """Show the page of times."""
    if search.is_garbled and status == 200:
        status = 400
    return show(request, "widget/times.html", search_page(search) | desk.context | context, status=status)


def hold_pressed(request, search, desk):
    """Hold the time that was pressed, instead of the one held before, and go on to its page."""
    own = search.hold
    try:
        picked = read_opening(request.POST.get("opening", ""))
        if own and is_same(own, search.service, picked, desk):
            return go_on_with(own, search, desk)
        held = hold_picked(request, search.service, picked, order=desk.order, replaces=own)
    except ValidationError:
        return refuse_time(request, search, desk, refusals.BAD_TIME, status=400)
    except SlotTaken:
        return refuse_time(request, search, desk, refusals.TAKEN, status=409, near=picked.starts_at)
    except NotOffered as error:
        return refuse_time(request, search, desk, refusals.not_offered(error), status=422, near=picked.starts_at)
    except TooManyHolds as error:
        response = refuse_time(request, search, desk, refusals.too_many_holds(error), status=429)
        response["Retry-After"] = error.retry_after
        return response
    except WrongState:  # it was confirmed in another window
        held = own
    return go_on_with(held, search, desk)


def is_same(hold, service, picked, desk):
    """Return whether a hold is what was pressed now, for the same purpose."""
    purpose = desk.order and desk.order.pk
    return (hold.service_id, hold.order_id) == (service.pk, purpose) and Picked.of(hold) == picked


def go_on_with(hold, search, desk):
    hold.moves = desk.moves
    wished = search.wish.cleaned_data.get("clinician")
    query = "?" + urlencode({"clinician": wished}) if wished == str(hold.clinician_id) else ""  # see wish_of
    return redirect(get_hold_url(hold) + query)


def hold_picked(request, service, picked, *, order=None, replaces=None):
    """Hold a Picked time for whoever asks; where any clinician will do, with whoever comes first by the rule."""
    clinician = Clinician.objects.filter(pk=picked.clinician_id).first()
    location = Location.objects.filter(pk=picked.location_id).first()
    if location is None or (picked.clinician_id and clinician is None):
        raise NotOffered({"not-offered-here"})
    place = partial(
        place_hold,
        order=order,
        actor="patient",
        replaces=replaces,
        holder=Holder(get_visitor_id(request), network=get_network_id(request)),
    )
    opening = OpeningRequest(service, picked.starts_at, clinician, location, picked.is_remote)
    return book_first_available(place, opening)


def refuse_time(request, search, desk, refusal, *, status, near=None):
    """Show the page of times again with the reason, and the times nearest to the one that was pressed."""
    nearest = search.nearest(near) if near else []
    return show_times(request, search, desk, status=status, refusal=refusal, nearest=nearest)
