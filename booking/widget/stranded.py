"""The page by which the patient of a visit that cannot take place chooses another time, by the link in the mail."""

from contextlib import suppress

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from booking.access.patient_links import AppointmentNotFound, appointment_token, find_stranded, get_stranded_path
from booking.domain.expiry import settle
from booking.domain.slot_selection import NotOffered
from booking.domain.stranded_offers import accept_offer, decline_offers, list_open_offers
from booking.domain.stranded_visits import AlreadySettled
from booking.domain.transitions import ChangedMeanwhile, HoldExpired, HoldNotFound, WrongState
from booking.models import Appointment, Hold, StrandedVisit
from booking.widget.held_time import get_similar_search
from booking.widget.pages import make_page_decorator, refuse_link, show
from scheduling.lib.clock import database_now

Cause = StrandedVisit.Cause
# What the patient is told nothing of: their visit takes place, or it is they who are concerned.
UNTOLD = [Cause.ZONE, Cause.PATIENT]

stranded_page = make_page_decorator(find_stranded, AppointmentNotFound, refuse_link)


@stranded_page("GET", "POST")
def choose(request, visit):
    """Show the times that are held for a visit's patient; take the one whose button was pressed, or give all back.

    A GET changes nothing: programs open links too.
    """
    here = redirect(get_stranded_path(visit))
    if request.method == "POST" and "none" in request.POST:
        decline_offers(visit)
        return here
    if request.method == "POST":
        hold = find_offered(visit, request.POST.get("hold", ""))
        if hold is None:
            return here
        # Otherwise the page says how it stands: what is offered still, or that it is settled.
        with suppress(AlreadySettled, ChangedMeanwhile, HoldExpired, HoldNotFound, NotOffered, WrongState):
            accept_offer(visit, hold)
            return redirect("widget:appointment", appointment_token(visit.appointment))
        return redirect(get_stranded_path(visit) + "?gone=1")
    appointment = settle(visit.appointment)
    offers = list_open_offers(visit) if visit.settled_at is None else []
    search = {"where": get_similar_search(appointment)["where"]}  # with anybody: theirs may be away
    context = {
        "appointment": appointment,
        "offers": offers,
        "is_settled": visit.settled_at is not None or appointment.status not in Appointment.UPCOMING,
        "is_gone": "gone" in request.GET,
        "page": reverse("widget:appointment", args=[appointment_token(appointment)]),
        "can_change": appointment.can_change(database_now()),
        "reschedule": reverse("widget:reschedule", args=[appointment_token(appointment)], query=search),
        "title": get_title(visit, appointment, offers),
    }
    return show(request, "widget/stranded.html", context)


def get_title(visit, appointment, offers):
    """Return the heading that says how a stranded visit stands."""
    if appointment.status == Appointment.Status.CANCELLED:
        return _("This appointment is cancelled")
    if visit.settled_at is not None or appointment.status not in Appointment.UPCOMING:
        return _("This is settled")
    return _("Please choose another time") if offers else _("We are looking for another time")


def find_offered(visit, id):
    """Return the offered hold with that id, in whatever state, or None."""
    holds = Hold.objects.filter(stranded_offer__visit=visit).select_related("service", "clinician", "location")
    return next((hold for hold in holds if str(hold.pk) == id), None)


def get_stranded_context(appointment):
    """Return the template context of the note on the page of a visit that may not take place as booked."""
    visit = StrandedVisit.objects.filter(appointment=appointment, settled_at=None).exclude(cause__in=UNTOLD).first()
    if visit is None or appointment.status not in Appointment.UPCOMING:
        return {}
    visit.appointment = appointment
    return {"stranded": visit, "offers_page": get_stranded_path(visit) if list_open_offers(visit) else ""}
