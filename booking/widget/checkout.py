"""The steps from a held time to an appointment: details, check, confirm."""

from django.shortcuts import redirect

from booking.domain.appointments import OrderBooked, PastCutoff
from booking.domain.approvals import ApprovalTimeouts, ProviderRefused, ProviderUnavailable
from booking.domain.holds import confirm_with_approval, find_hold
from booking.domain.orders import check_not_booked
from booking.domain.rescheduling import reschedule_to_hold
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import ChangedMeanwhile, HoldExpired, HoldNotFound, WrongState
from booking.integrations.approvers import get_approver, get_provider
from booking.widget import refusals
from booking.widget.appointment_changes import get_move_context, refuse_past_cutoff
from booking.widget.details_form import DetailsForm, get_typed_values, refill_form
from booking.widget.page_urls import get_done_url, get_hold_url, get_times_url
from booking.widget.pages import KNOWN_STEPS, get_hold_context, hold_page, is_known, refuse_released, show
from patients.models import Consent
from patients.records import PatientArchived
from scheduling.lib.clock import database_now

# An approver that does not answer while the page loads is asked again later; the page says so.
TIMEOUTS = ApprovalTimeouts(is_async=True)


@hold_page("GET", "POST")
def details(request, hold):
    """Show the form for the patient's details, filled in with whatever was posted."""
    return show_hold(request, hold, refill_form(request.POST) if request.method == "POST" else DetailsForm())


def show_hold(request, hold, form=None, *, status=200, **context):
    """Show a hold's page: the form for the details, or a summary to confirm when the patient is known."""
    context = get_hold_context(request, hold) | context
    if status == 200 and not context["seconds_left"]:
        status = 410
    if hold.moves:
        context |= get_move_context(hold)
    if context["is_known"]:
        context |= {"steps": KNOWN_STEPS, "staff_provider": get_staff_provider(hold)}
        return show(request, "widget/known.html", context, status=status)
    form = refill_form(request.POST) if form is None else form
    return show(request, "widget/details.html", context | {"form": form}, status=status)


@hold_page("GET", "POST")
def check(request, hold):
    """Show the answers once more before they are submitted."""
    if request.method == "GET" or is_known(hold):  # no form was submitted
        return redirect(get_hold_url(hold))
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show_hold(request, hold, form, status=422)
    if not hold.is_live(database_now()):
        return show_hold(request, hold, form, status=410, refusal=refusals.EXPIRED)
    return show_check(request, hold, form)


def show_check(request, hold, form, *, status=200, **context):
    context = (
        get_hold_context(request, hold)
        | context
        | {
            "answers": form.instance,
            "notes": form.cleaned_data["notes"],
            "typed": get_typed_values(request.POST),
            "staff_provider": get_staff_provider(hold),
        }
    )
    return show(request, "widget/check.html", context, status=status)


def get_staff_provider(hold):
    """Return the Provider whose staff must approve the booking, or None."""
    provider = get_provider(hold.service_id, hold.location_id)
    return provider if get_approver(provider).is_staff else None


@hold_page("POST")
def confirm(request, hold):
    """Turn the hold into an appointment, or into the new time of one. Idempotent."""
    form = None if is_known(hold) else DetailsForm(request.POST)
    if form and not form.is_valid():
        return show_hold(request, hold, form, status=422)
    try:
        make_appointment(hold, form)
    except HoldExpired:
        return refuse_in_place(request, hold, form, refusals.EXPIRED, status=410)
    except HoldNotFound:
        return refuse_released(request, hold)
    except OrderBooked:
        return redirect(get_times_url(hold))  # it shows the order's appointment
    except PastCutoff:
        return refuse_past_cutoff(request, hold.moves)
    except ProviderRefused:
        return refuse_in_place(request, reload_hold(hold), form, refusals.REFUSED)
    except ProviderUnavailable:
        return refuse_in_place(request, reload_hold(hold), form, refusals.UNAVAILABLE)
    except NotOffered as error:
        return refuse_in_place(request, reload_hold(hold), form, refusals.not_offered(error), status=422)
    except PatientArchived:
        return refuse_in_place(request, reload_hold(hold), form, refusals.ARCHIVED)
    except (WrongState, ChangedMeanwhile):
        return redirect(get_done_url(hold))  # another window was quicker; that page shows the result
    return redirect("widget:done", hold.token)


def make_appointment(hold, form):
    """Confirm the hold for its purpose: a move, an order, or the patient in ``form``."""
    if hold.moves:
        reschedule_to_hold(hold.moves, hold, actor="patient", enforce_cutoff=True)
    elif hold.order_id:
        check_not_booked(hold.order)  # before an approver is asked
        confirm_with_approval(hold, patient=hold.order.patient, actor="patient", timeouts=TIMEOUTS)
    else:
        confirm_with_approval(
            hold,
            patient=form.instance,
            notes=form.cleaned_data["notes"],
            actor="patient",
            agreed_to=[Consent.Purpose.PRIVACY_NOTICE],
            timeouts=TIMEOUTS,
        )


def refuse_in_place(request, hold, form, refusal, *, status=409, nearest=()):
    """Show a refusal on the step it came from: the check when ``form`` is given, else the hold's page."""
    context = {"status": status, "refusal": refusal, "nearest": nearest}
    return show_check(request, hold, form, **context) if form else show_hold(request, hold, **context)


def reload_hold(hold):
    """Return the hold read anew: asking the approver may have extended it."""
    found = find_hold(hold.token)
    found.moves = hold.moves
    return found
