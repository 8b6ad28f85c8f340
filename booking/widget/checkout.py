"""The steps from a held time to an appointment: details, check, confirm."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import redirect, render

from booking.domain.appointments import OrderBooked, OrderCancelled, PastCutoff
from booking.domain.approvals import ApprovalTimeouts, ProviderRefused, ProviderUnavailable
from booking.domain.confirmation import confirm_with_approval
from booking.domain.contact_codes import end_proof
from booking.domain.holds import find_hold
from booking.domain.new_patients import NewPatientsOnly, check_new
from booking.domain.orders import check_not_booked
from booking.domain.questions import format_answer, get_text, list_questions
from booking.domain.rescheduling import reschedule_to_hold
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import ChangedMeanwhile, HoldExpired, HoldNotFound, WrongState
from booking.integrations.approvers import get_approver, get_provider
from booking.models import Appointment
from booking.models.branding import get_branding
from booking.widget import refusals
from booking.widget.appointment_changes import get_move_context, refuse_past_cutoff
from booking.widget.details_form import DetailsForm, get_typed_values, refill_form
from booking.widget.email_suggestions import suggest_email
from booking.widget.pages import (
    KNOWN_STEPS,
    find_held_time,
    get_hold_context,
    hold_page,
    page,
    refuse_not_found,
    refuse_released,
    show,
)
from booking.widget.question_fields import get_asked_questions
from booking.widget.returning import get_proof, get_returning_links
from booking.widget.waitlist import get_given_details
from patients.records import PatientArchived
from scheduling.lib.clock import database_now
from scheduling.lib.languages import get_language_to_keep
from scheduling.lib.timezones import list_timezones

REFUSALS = (
    HoldExpired,
    HoldNotFound,
    NewPatientsOnly,
    OrderBooked,
    OrderCancelled,
    ProviderRefused,
    ProviderUnavailable,
    NotOffered,
    PatientArchived,
    WrongState,
    ChangedMeanwhile,
)
# An approver that does not answer while the page loads is asked again later; the page says so.
TIMEOUTS = ApprovalTimeouts(is_async=True)


@hold_page("GET", "POST")
def details(request, held):
    """Show the form for the patient's details, filled in with whatever was posted."""
    form = make_form(request, held)
    if request.method == "GET":
        form.initial |= get_given_details(held.hold)
    return show_hold(request, held, form)


def show_hold(request, held, form=None, *, status=200, **context):
    """Show a hold's page: the form for the details, or a summary to confirm when the patient is known."""
    context = get_hold_context(request, held) | context
    if status == 200 and not context["seconds_left"]:
        status = 410
    if held.moves:
        context |= get_move_context(held.hold, held.moves)
    if context["is_known"]:
        context |= {"steps": KNOWN_STEPS, **get_approver_context(held.hold)}
        return show(request, "widget/known.html", context, status=status)
    form = make_form(request, held) if form is None else form
    context["email_suggestion"] = suggest_email(form["email"].value() or "", held.hold.location.country)
    context |= get_approver_context(held.hold) | get_returning_links(request, held)
    return show(request, "widget/details.html", context | {"form": form}, status=status)


@page("POST")
def email(request, token, appointment=None):
    """Return what was probably meant by the typed e-mail address, for the page of the details."""
    held = find_held_time(token, appointment)
    if not request.htmx:
        return redirect(held.url) if held else refuse_not_found(request)
    if held is None:
        return HttpResponse()  # the page says so when something is done with it
    suggestion = suggest_email(request.POST.get("email", ""), held.hold.location.country)
    return render(request, "widget/_email_suggestion.html", {"email_suggestion": suggestion, "action": held.url})


def make_form(request, held):
    """Return the form filled in with what was posted, or else with what a proven contact is known by."""
    return refill_form(request.POST, list_questions(held.hold.service_id), get_proof(request))


@hold_page("GET", "POST")
def check(request, held):
    """Show the answers once more before they are submitted."""
    if request.method == "GET" or held.is_known:  # no form was submitted
        return redirect(held.url)
    form = read_details(request, held.hold)
    if not form.is_valid():
        return show_hold(request, held, form, status=422)
    if not held.hold.is_live(database_now()):
        return show_hold(request, held, form, status=410, refusal=refusals.EXPIRED)
    return show_check(request, held, form)


def read_details(request, hold):
    """Return the form that was submitted for a hold's details, unchecked."""
    questions = get_asked_questions(request.POST, hold.service_id)
    return DetailsForm(request.POST, location=hold.location, questions=questions, proof=get_proof(request))


def show_check(request, held, form, *, status=200, **context):
    context = (
        get_hold_context(request, held)
        | context
        | {
            "answers": form.instance,
            "is_on_file": bool(form.person),
            "email_suggestion": suggest_email(form.instance.email, held.hold.location.country),
            "notes": form.cleaned_data["notes"],
            "reminders": form.cleaned_data["reminders"] and held.hold.service.asks_for_reminders,
            "answered": [(get_text(question), format_answer(question, value)) for question, value in form.answers],
            "typed": get_typed_values(request.POST),
            **get_approver_context(held.hold),
        }
    )
    return show(request, "widget/check.html", context, status=status)


def get_approver_context(hold):
    """Return the template context of who must approve the booking.

    ``staff_provider`` is the Provider whose staff must, ``outside`` the name of another system that is sent who comes.
    """
    provider = get_provider(hold.service_id, hold.location_id)
    approver = get_approver(provider)
    return {
        "staff_provider": provider if approver.is_staff else None,
        "outside": provider.public_name if provider and approver.is_remote else "",
    }


@hold_page("POST")
def confirm(request, held):
    """Turn the hold into an appointment. Idempotent."""
    form = None if held.is_known else read_details(request, held.hold)
    if form and not form.is_valid():
        return show_hold(request, held, form, status=422)
    try:
        make_appointment(
            held.hold,
            form,
            wants_reminders=bool(request.POST.get("reminders")),
            patient_timezone=read_timezone(held.hold, request.POST.get("timezone", "")),
        )
    except REFUSALS as error:
        return refuse_to_confirm(request, held, form, error)
    if proof := get_proof(request):
        end_proof(proof)
    return redirect("widget:done", held.token)


@hold_page("POST")
def confirm_move(request, held):
    """Give the hold's time to the appointment that it was placed for. Idempotent."""
    # As its page says it: what waits quietly for its link could be moved longer, which would tell.
    if held.moves.status == Appointment.Status.CONFIRMED and not held.moves.can_change(database_now()):
        return refuse_past_cutoff(request, held.moves)
    try:
        reschedule_to_hold(held.moves, held.hold, actor="patient", enforce_cutoff=True)
    except PastCutoff:
        return refuse_past_cutoff(request, held.moves)
    except REFUSALS as error:
        return refuse_to_confirm(request, held, None, error)
    return redirect("widget:done", held.token)


def read_timezone(hold, name):
    """Return the zone of the patient's clock, as their browser names it; "" where it changes nothing."""
    return name if hold.is_remote and name != hold.location.timezone and name in list_timezones() else ""


def make_appointment(hold, form, *, wants_reminders, patient_timezone):
    """Confirm the hold for its order's patient, or for the patient in ``form``."""
    details = {
        "wants_reminders": wants_reminders,
        "language": get_language_to_keep(),
        "patient_timezone": patient_timezone,
        "actor": "patient",
    }
    if hold.order_id:
        check_not_booked(hold.order)  # before an approver is asked
        confirm_with_approval(hold, patient=hold.order.patient, timeouts=TIMEOUTS, **details)
    else:
        if form.person:
            check_new(hold.service, [form.person])
        confirm_with_approval(
            hold,
            patient=form.instance,
            notes=form.cleaned_data["notes"],
            answers=form.answers if form.questions else None,
            notice_version=get_branding().notice_version,
            timeouts=TIMEOUTS,
            **details,
        )


def refuse_to_confirm(request, held, form, error):
    """Return the response to one of REFUSALS."""
    match error:
        case HoldExpired():
            return refuse_in_place(request, held, form, refusals.EXPIRED, status=410)
        case HoldNotFound():
            return refuse_released(request, held)
        case OrderBooked() | OrderCancelled():
            return redirect(held.get_times_url())  # it shows the order's appointment; without a link, all services
        case WrongState() | ChangedMeanwhile():
            return redirect(held.done_url)  # another window was quicker; that page shows the result
    # Read anew: asking the approver may have extended the hold.
    held = replace(held, hold=find_hold(held.token))
    match error:
        case ProviderRefused():
            return refuse_in_place(request, held, form, refusals.REFUSED)
        case ProviderUnavailable():
            return refuse_in_place(request, held, form, refusals.UNAVAILABLE)
        case NotOffered():
            return refuse_in_place(request, held, form, refusals.not_offered(error), status=422)
        case NewPatientsOnly():
            return refuse_in_place(request, held, form, refusals.NEW_PATIENTS_ONLY, status=422)
    return refuse_in_place(request, held, form, refusals.ARCHIVED)


def refuse_in_place(request, held, form, refusal, *, status=409, **ways):
    """Show a refusal on the step it came from: the check when ``form`` is given, else the hold's page.

    ``ways`` to go on: the ``nearest`` times, or the address of the page of ``proof``.
    """
    context = {"status": status, "refusal": refusal, **ways}
    return show_check(request, held, form, **context) if form else show_hold(request, held, **context)
