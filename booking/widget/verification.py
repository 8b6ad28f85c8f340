"""The pages of an e-mail address's proof: the one that sends a link, and the one behind the link of a booking."""

from functools import partial

from django.core.exceptions import ValidationError
from django.shortcuts import redirect

from booking.access.email_addresses import get_email_id
from booking.access.patient_links import AppointmentNotFound, find_appointment, find_appointment_to_verify, proof_token
from booking.domain.expiry import settle
from booking.domain.transitions import ChangedMeanwhile
from booking.domain.verification import send_booking_link, verify_appointment
from booking.models import Appointment
from booking.widget import refusals, views
from booking.widget.appointment_changes import get_appointment_url
from booking.widget.forms import LinkForm, read_opening
from booking.widget.mailed_links import answer_link_request
from booking.widget.pages import make_page_decorator, page, refuse_link, show
from booking.widget.proof import get_time_context
from booking.widget.search import Search
from booking.widget.time_selection import show_times
from scheduling.lib.clock import database_now
from scheduling.lib.languages import get_language_to_keep, join_path


@page("GET", "POST")
def booking_link(request, slug):
    """Ask for an e-mail address and send it a link, with which times are held however many people are booking."""
    service = views.get_bookable_services().filter(slug=slug).first()
    if service is None:
        return views.refuse_unknown_service(request)
    query = request.POST if request.method == "POST" else request.GET
    picked, moves = _read_picked(query), _find_moved(query, service)
    inputs = [(name, query[name]) for name in ("opening", "appointment") if query.get(name)]
    context = get_time_context(service, picked, moves) | {"link": request.path, "link_inputs": inputs}
    return answer_link_request(
        request,
        LinkForm(request.POST if request.method == "POST" else None),
        context,
        policy="booking-link",
        page="widget/link.html",
        sent_page="widget/link_sent.html",
        send=partial(send_booking_link, path=join_path(get_language_to_keep(), context["times"])),
    )


def _read_picked(query):
    try:
        return read_opening(query.get("opening", ""))
    except ValidationError:
        return None


def _find_moved(query, service):
    """Return the appointment to be moved, if the query names one of the service, or None."""
    try:
        found = find_appointment(query.get("appointment", ""))
    except AppointmentNotFound:
        return None
    return found if found.service_id == service.pk else None


verification_page = make_page_decorator(
    lambda token: settle(find_appointment_to_verify(token)), AppointmentNotFound, refuse_link
)


@verification_page("GET", "POST")
def verify(request, appointment):
    """Show the button that verifies an appointment, then press it. A GET changes nothing: programs open links too."""
    if request.method == "POST":
        try:
            verify_appointment(appointment)
        except ChangedMeanwhile:
            return redirect(request.path)
    if appointment.status == Appointment.Status.CANCELLED and appointment.awaits_verification:
        return offer_again(request, appointment)
    if request.method == "POST" or not appointment.awaits_verification:
        return redirect(get_appointment_url(appointment))
    return show(request, "widget/verify.html", {"appointment": appointment})


def offer_again(request, appointment):
    """Say that a booking was not verified in time, with the nearest times: to hold one takes no proof any more."""
    service = views.get_bookable_services().filter(pk=appointment.service_id).first()
    if service is None or appointment.cancellation_reason != Appointment.CancellationReason.NOT_ACKNOWLEDGED:
        return redirect(get_appointment_url(appointment))
    proof = proof_token(get_email_id(appointment.attendee_email))
    day = appointment.local_start.date().isoformat()
    search = Search(service, {"day": day, "proof": proof}, database_now())
    nearest = search.find_nearest(appointment)
    context = {"refusal": refusals.NOT_VERIFIED, "nearest": nearest}
    return show_times(request, search, views.get_desk(service), status=410, **context)
