"""Choosing: a service, then a time, which is held at once."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import redirect

from booking.choosing import NotOffered
from booking.client import holder_of
from booking.holds import TooManyHolds, place_hold
from booking.states import WrongState
from scheduling.models import Clinician, Location, Service
from scheduling.slots import SlotTaken, database_now

from . import refusals
from .forms import Picked, read_opening
from .pages import page, refuse, show
from .search import Search, search_page


@page("GET")
def services(request):
    """What can be booked."""
    hold = request.GET.get("hold")
    query = "?" + urlencode({"hold": hold}) if hold else ""  # so that another service replaces the time held
    return show(request, "widget/services.html", {"services": bookable_services(), "query": query})


@page("GET")
def times(request, slug):
    """The free times of a service."""
    service = bookable_services().filter(slug=slug).first()
    if service is None:
        return no_such_service(request)
    search = Search(service, request.GET, database_now())
    return show(request, "widget/times.html", search_page(search), status=400 if search.is_garbled else 200)


@page("POST")
def hold(request, slug):
    """Hold the time that was pressed, instead of the one held before."""
    service = bookable_services().filter(slug=slug).first()
    if service is None:
        return no_such_service(request)
    search = Search(service, request.POST, database_now())
    try:
        picked = read_opening(request.POST.get("opening", ""))
        if search.hold and search.hold.service_id == service.pk and picked == Picked.of(search.hold):
            return redirect("widget:details", search.hold.token)
        held = hold_picked(request, service, picked, instead_of=search.hold)
    except ValidationError:
        return refuse_time(request, search, refusals.BAD_TIME, status=400)
    except SlotTaken:
        return refuse_time(request, search, refusals.TAKEN, status=409, near=picked.starts_at)
    except NotOffered as error:
        return refuse_time(request, search, refusals.not_offered(error), status=422, near=picked.starts_at)
    except TooManyHolds as error:
        response = refuse_time(request, search, refusals.too_many_holds(error), status=429)
        response["Retry-After"] = error.retry_after
        return response
    except WrongState:  # it was confirmed in another window
        held = search.hold
    return redirect("widget:details", held.token)


def hold_picked(request, service, picked, *, instead_of=None):
    """Hold a Picked time for whoever asks."""
    clinician = Clinician.objects.filter(pk=picked.clinician_id).first()
    location = Location.objects.filter(pk=picked.location_id).first()
    if clinician is None or location is None:
        raise NotOffered({"not-offered-here"})
    return place_hold(
        service=service,
        clinician=clinician,
        location=location,
        starts_at=picked.starts_at,
        is_remote=picked.is_remote,
        holder=holder_of(request),
        by="patient",
        instead_of=instead_of,
    )


def refuse_time(request, search, refusal, *, status, near=None):
    """Show the page of times again with the reason, and the times nearest to the one that was pressed."""
    context = search_page(search) | {"refusal": refusal, "nearest": search.nearest(near) if near else []}
    return show(request, "widget/times.html", context, status=status)


def bookable_services():
    """The services that patients book themselves."""
    return Service.objects.filter(is_active=True, is_online_bookable=True)


def no_such_service(request):
    return refuse(request, "That cannot be booked here", "It may no longer be offered, or only by phone.", status=404)
