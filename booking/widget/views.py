"""Choosing: a service, then a time, which is held at once."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from booking.widget.pages import page, refuse, show
from booking.widget.search import Search
from booking.widget.time_selection import Desk, hold_pressed, show_times
from scheduling.lib.clock import database_now
from scheduling.models import Service


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
    return show_times(request, Search(service, request.GET, database_now()), desk_of(service))


@page("POST")
def hold(request, slug):
    """Hold the time that was pressed, instead of the one held before."""
    service = bookable_services().filter(slug=slug).first()
    if service is None:
        return no_such_service(request)
    return hold_pressed(request, Search(service, request.POST, database_now()), desk_of(service))


def desk_of(service):
    here, hold_here = (reverse(name, args=[service.slug]) for name in ("widget:times", "widget:hold"))
    return Desk(here, hold_here)


def bookable_services():
    """The services that patients book themselves."""
    return Service.objects.filter(is_active=True, is_online_bookable=True)


def no_such_service(request):
    return refuse(
        request, _("That cannot be booked here"), _("It may no longer be offered, or only by phone."), status=404
    )
