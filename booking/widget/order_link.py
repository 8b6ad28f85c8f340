"""The page behind an order's link: free times of its service, or its appointment once booked."""

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from booking.access.patient_links import appointments_to_show
from booking.domain.orders import OrderNotFound, find_order
from booking.models import get_branding
from booking.widget.appointment import show_appointment
from booking.widget.pages import make_page_decorator, refuse
from booking.widget.search import Search
from booking.widget.time_selection import Desk, hold_pressed_time, show_times
from scheduling.lib.clock import database_now


def refuse_dead_link(request, error):
    return refuse(
        request,
        _("This link no longer works"),
        _("It may have expired, or we have sent you a newer one. Please look for our latest e-mail."),
        _("If that does not help, call %(clinic)s and ask for a new link.") % {"clinic": get_branding().name},
        status=404,
    )


order_page = make_page_decorator(find_order, OrderNotFound, refuse_dead_link)


@order_page("GET")
def times(request, order):
    """Show the free times, or the order's appointment."""
    booked = order.get_booked_appointment()
    if booked:
        return show_appointment(request, appointments_to_show().get(pk=booked.pk))
    return show_times(request, Search(order.service, request.GET, database_now()), get_desk(order))


@order_page("POST")
def hold(request, order):
    """Hold the time whose button was pressed."""
    if order.get_booked_appointment():
        return redirect("widget:order", order.token)
    return hold_pressed_time(request, Search(order.service, request.POST, database_now()), get_desk(order))


def get_desk(order):
    return Desk(
        here=reverse("widget:order", args=[order.token]),
        hold_here=reverse("widget:order_hold", args=[order.token]),
        order=order,
    )
