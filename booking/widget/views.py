"""The first steps: choose a service, then a time, which is held at once."""

from django.urls import reverse
from django.utils.translation import gettext as _

from booking.domain.waitlist import is_open
from booking.ops.replicas import from_replica
from booking.widget.new_patients import ask_if_new
from booking.widget.pages import page, refuse, show
from booking.widget.search import Search
from booking.widget.service_list import ServiceList, get_listed_services
from booking.widget.time_selection import Desk, hold_pressed_time, show_times
from scheduling.lib.clock import database_now
from scheduling.models import Service


@page("GET")
@from_replica
def services(request):
    """List the services that can be booked."""
    return show(request, "widget/services.html", {"list": ServiceList(request.GET)})


@page("GET")
@from_replica
def times(request, slug):
    """Show the free times of a service."""
    service = get_bookable_services().filter(slug=slug).first()
    if service is None:
        return refuse_unknown_service(request)
    search = Search(service, request.GET, database_now())
    return ask_if_new(request, search, get_listed_services()) or show_times(request, search, get_desk(service))


@page("POST")
def hold(request, slug):
    """Hold the time whose button was pressed, replacing the one held before."""
    service = get_bookable_services().filter(slug=slug).first()
    if service is None:
        return refuse_unknown_service(request)
    search = Search(service, request.POST, database_now())
    asked = ask_if_new(request, search, get_listed_services())
    return asked or hold_pressed_time(request, search, get_desk(service))


def get_desk(service):
    here, hold_here = (reverse(name, args=[service.slug]) for name in ("widget:times", "widget:hold"))
    wait_here = reverse("widget:wait", args=[service.slug]) if is_open(service) else ""
    return Desk(here, hold_here, wait_here=wait_here)


def get_bookable_services():
    """Return the services that patients book themselves, the private ones too."""
    return Service.objects.filter(is_active=True, is_online_bookable=True)


def refuse_unknown_service(request):
    return refuse(
        request, _("You cannot book that here"), _("It may no longer be offered, or only by phone."), status=404
    )
