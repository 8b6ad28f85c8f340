"""The patient's pages of an appointment: its details and how it stands. Nothing on them is about the patient."""

import re
from functools import partial

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from booking.access.client_identity import get_networks
from booking.access.patient_links import (
    LinkEnded,
    appointment_token,
    appointments_to_show,
    get_times_path,
    has_link_ended,
)
from booking.access.rate_limits import counter
from booking.domain.email_corrections import CannotCorrect, correct_email, may_correct
from booking.domain.expiry import settle
from booking.domain.questions import get_question_state
from booking.domain.transitions import ChangedMeanwhile
from booking.domain.verification import as_without_proof
from booking.integrations.calendars.event import annotate_sequence, make_patient_entry, write_calendar
from booking.integrations.calendars.links import list_calendar_links
from booking.models import Appointment, get_branding
from booking.widget.forms import AddressForm, get_kept
from booking.widget.held_time import get_similar_search
from booking.widget.pages import appointment_page, hold_page, refuse, refuse_link, show
from booking.widget.stranded import get_stranded_context
from booking.widget.waitlist import get_earlier_context
from scheduling.lib.clock import database_now

Status, Reason, Verification = Appointment.Status, Appointment.CancellationReason, Appointment.Verification
# Seconds between two polls of an undecided appointment: often at first, while the patient is watching.
PAUSES = [2, 2, 2, 3, 3, 5, 5, 8, 13, 20]
MAX_PAUSE = 30
MAX_CORRECTIONS_PER_MINUTE = 5  # of one network


@appointment_page("GET")
def appointment(request, appointment):
    """Show an appointment."""
    return show_appointment(request, appointment)


@hold_page("GET", done=True)
def done(request, held):
    """Show the appointment that a hold became."""
    found = find_appointment_of_hold(held.hold)
    if found is None:  # an appointment took this hold's time and has moved on since
        return refuse(request, _("Nothing is booked at that time now"), _("It was changed or cancelled."), status=410)
    if has_link_ended(found):
        return refuse_link(request, LinkEnded())
    return show_done(request, held, found)


def show_done(request, held, found, form=None, *, status=200, **context):
    """Show the appointment that a hold became, with the address that its visitor has typed, if they may correct it."""
    context |= get_appointment_context(found, news="booked" if found.pk == held.hold.pk else "moved")
    if is_of_visitor(held, found):
        form = form or AddressForm({"email": found.attendee_email})
        context |= {"written_to": found.attendee_email, "correct": reverse("widget:correct", args=[held.token])}
        context |= {"form": form}
    return show(request, "widget/done.html", context | {"is_answered": "answered" in request.GET}, status=status)


def is_of_visitor(held, found):
    """Return whether the holder of a hold's token has typed the appointment's address, and may still correct it."""
    return found.pk == held.hold.pk and not held.hold.order_id and may_correct(found, now=database_now())


@hold_page("POST", done=True)
def correct(request, held):
    """Give the appointment the address that its visitor meant."""
    found = find_appointment_of_hold(held.hold)
    if found is None or not is_of_visitor(held, found):
        return redirect(held.done_url)
    form = AddressForm(request.POST)
    if not form.is_valid():
        return show_done(request, held, found, form, status=422)
    usage = counter().count_networks("address-corrections", get_networks(request), MAX_CORRECTIONS_PER_MINUTE)
    if usage and usage.is_exceeded:
        response = show_done(request, held, found, form, status=429, refused=_("Please try again in a minute."))
        response["Retry-After"] = usage.resets_in
        return response
    try:
        correct_email(found, form.cleaned_data["email"])
    except CannotCorrect as error:
        found = find_appointment_of_hold(held.hold)
        return show_done(request, held, found, form, status=409, refused=error.message)
    except ChangedMeanwhile:
        pass  # the page says how it stands
    return redirect(held.done_url)


def find_appointment_of_hold(hold):
    """Return the appointment that a confirmed hold became, or the earlier one that took its time, or None.

    It is as_without_proof.
    """
    is_moved = Q(slot=hold.slot_id) if hold.slot_id else Q(pk=None)
    appointment = appointments_to_show().filter(Q(pk=hold.pk) | is_moved).first()
    return appointment and as_without_proof(settle(appointment))


def show_appointment(request, appointment, *, news=None):
    context = get_appointment_context(appointment, news=news)
    return show(request, "widget/done.html", context | {"is_answered": "answered" in request.GET})


def get_appointment_context(appointment, *, news, looked=0):
    """Return the template context of an appointment's page.

    ``news`` is "booked" or "moved" right after that happened; ``looked`` counts the polls of an undecided appointment.
    """
    now = database_now()
    stands = appointment.status in Appointment.UPCOMING
    token = appointment_token(appointment)
    return {
        "appointment": appointment,
        "title": get_title(appointment, news),
        "token": token,
        "news": news,
        "is_waiting": appointment.status in Appointment.TENTATIVE,
        "awaits_link": awaits_link(appointment),
        # In both cases, so that nobody learns who has visits to come.
        "is_unproven": stands and appointment.verification in (Verification.WAIVED, Verification.REQUIRED_QUIETLY),
        "state": get_state(appointment),
        "can_change": appointment.can_change(now),
        "is_too_late": stands and not appointment.can_change(now),
        "reschedule": reverse("widget:reschedule", args=[token], query=get_similar_search(appointment)),
        "others": reverse("widget:services", query=get_kept(get_similar_search(appointment))),
        "times": get_times_path(appointment),
        "calendars": list_calendar_links(appointment) if appointment.status == Status.CONFIRMED else [],
        "questions": SimpleLazyObject(partial(get_question_state, appointment)),
        **get_earlier_context(appointment),
        **get_stranded_context(appointment),
        "looked": looked + 1,
        "pause": get_pause(looked, appointment),
    }


def awaits_link(appointment):
    """Return whether it openly waits for the link in its e-mail, or has waited in vain."""
    return appointment.verification == Verification.REQUIRED and appointment.status in (
        Status.PENDING,
        Status.CANCELLED,
    )


def get_state(appointment):
    """Return how an appointment stands, for the polls of its page."""
    return f"{appointment.status}.link" if awaits_link(appointment) else appointment.status


def get_title(appointment, news):
    """Return the heading that says how an appointment stands; ``news`` as for get_appointment_context."""
    if appointment.status == Status.CANCELLED:
        if appointment.cancellation_reason == Reason.DECLINED:
            return _("The clinic could not confirm this")
        if appointment.cancellation_reason == Reason.NOT_ACKNOWLEDGED and awaits_link(appointment):
            return _("It was not confirmed in time")
        if appointment.cancellation_reason == Reason.NOT_ACKNOWLEDGED:
            return _("Nobody confirmed this in time")
        return _("This appointment is cancelled")
    if appointment.status == Status.PENDING:
        approver = appointment.approver_name
        if awaits_link(appointment):
            return _("Almost done: please confirm by e-mail")
        if approver:
            return _("Your request is with %(approver)s") % {"approver": approver}
        return _("Your request is with the clinic")
    if appointment.status == Status.RESERVED:
        return _("Your time is reserved")
    if appointment.status == Status.CONFIRMED:
        if news == "moved":
            return _("Your appointment has moved")
        return _("You are booked") if news == "booked" else _("Your appointment is confirmed")
    return _("This appointment is over")


def get_pause(looked, appointment):
    if appointment.status == Status.RESERVED or looked >= len(PAUSES):
        return MAX_PAUSE
    return PAUSES[looked]


@appointment_page("GET")
def outcome(request, appointment):
    """Answer htmx, which polls an undecided appointment: the page anew when the status has changed."""
    if not request.htmx:
        return redirect("widget:appointment", appointment_token(appointment))
    looked = request.GET.get("looked", "")
    looked = int(looked) if re.fullmatch("[0-9]{1,4}", looked) else 0
    context = get_appointment_context(appointment, news="booked", looked=looked)
    if context["is_waiting"] and context["state"] == request.GET.get("status"):
        return render(request, "widget/_look_again.html", context)
    response = render(request, "widget/_outcome.html", context | {"clinic_name": get_branding().name})
    response["HX-Retarget"], response["HX-Reswap"] = "#visit", "outerHTML"
    return response


@appointment_page("GET")
def appointment_ics(request, appointment):
    """Download the appointment for the patient's calendar."""
    return calendar_file(request, appointment)


@hold_page("GET", done=True)
def hold_ics(request, held):
    """Download the appointment that a hold became, for the patient's calendar."""
    found = find_appointment_of_hold(held.hold)
    is_shown = found and not has_link_ended(found)
    return calendar_file(request, found) if is_shown else redirect("widget:done", held.token)


def calendar_file(request, appointment):
    found = as_without_proof(annotate_sequence(Appointment.objects).get(pk=appointment.pk))
    entry = make_patient_entry(found, site=settings.SITE_URL or request.build_absolute_uri("/"))
    text = write_calendar([entry], method="PUBLISH")
    disposition = 'attachment; filename="appointment.ics"'
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers={"Content-Disposition": disposition})
