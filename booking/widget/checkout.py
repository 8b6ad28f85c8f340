"""From a held time to an appointment: the details, checking them, confirming."""

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
from booking.widget.appointment_changes import move_context, past_cutoff
from booking.widget.details_form import DetailsForm, retyped, typed
from booking.widget.page_urls import get_done_url, get_hold_url, get_times_url
from booking.widget.pages import KNOWN_STEPS, given_back, hold_context, hold_page, is_known, show
from patients.models import Consent
from patients.records import PatientArchived
from scheduling.lib.clock import database_now

# Who has not answered while the patient waits for the page is asked further, and the page says so.
TIMEOUTS = ApprovalTimeouts(is_async=True)


@hold_page("GET", "POST")
def details(request, hold):
    """The form for the patient's details. What is posted comes back in it."""
    return show_hold(request, hold, retyped(request.POST) if request.method == "POST" else DetailsForm())


def show_hold(request, hold, form=None, *, status=200, **context):
    """Show the page of a hold: the form for the details, or where they are known what is to be confirmed."""
    context = hold_context(request, hold) | context
    if status == 200 and not context["seconds_left"]:
        status = 410
    if hold.moves:
        context |= move_context(hold)
    if context["is_known"]:
        context |= {"steps": KNOWN_STEPS, "staff_provider": get_staff_provider(hold)}
        return show(request, "widget/known.html", context, status=status)
    form = retyped(request.POST) if form is None else form
    return show(request, "widget/details.html", context | {"form": form}, status=status)


@hold_page("GET", "POST")
def check(request, hold):
    """The answers to be read once more before they count."""
    if request.method == "GET" or is_known(hold):  # nothing has been typed that could be checked
        return redirect(get_hold_url(hold))
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show_hold(request, hold, form, status=422)
    if not hold.is_live(database_now()):
        return show_hold(request, hold, form, status=410, refusal=refusals.EXPIRED)
    return show_check(request, hold, form)


def show_check(request, hold, form, *, status=200, **context):
    context = (
        hold_context(request, hold)
        | context
        | {
            "answers": form.instance,
            "notes": form.cleaned_data["notes"],
            "typed": typed(request.POST),
            "staff_provider": get_staff_provider(hold),
        }
    )
    return show(request, "widget/check.html", context, status=status)


def get_staff_provider(hold):
    """Return the Provider whose staff look at what is asked for, or None where nobody has to."""
    provider = get_provider(hold.service_id, hold.location_id)
    return provider if get_approver(provider).is_staff else None


@hold_page("POST")
def confirm(request, hold):
    """Make the hold an appointment, or an appointment's new time. Pressed twice, it is the same one."""
    form = None if is_known(hold) else DetailsForm(request.POST)
    if form and not form.is_valid():
        return show_hold(request, hold, form, status=422)
    try:
        make_appointment(hold, form)
    except HoldExpired:
        return refuse_here(request, hold, form, refusals.EXPIRED, status=410)
    except HoldNotFound:
        return given_back(request, hold)
    except OrderBooked:
        return redirect(get_times_url(hold))  # which is where its appointment is shown
    except PastCutoff:
        return past_cutoff(request, hold.moves)
    except ProviderRefused:
        return refuse_here(request, refreshed(hold), form, refusals.REFUSED)
    except ProviderUnavailable:
        return refuse_here(request, refreshed(hold), form, refusals.UNAVAILABLE)
    except NotOffered as error:
        return refuse_here(request, refreshed(hold), form, refusals.not_offered(error), status=422)
    except PatientArchived:
        return refuse_here(request, refreshed(hold), form, refusals.ARCHIVED)
    except (WrongState, ChangedMeanwhile):
        return redirect(get_done_url(hold))  # another window was quicker: that page says what it is by now
    return redirect("widget:done", hold.token)


def make_appointment(hold, form):
    """Do with a hold what it was placed for."""
    if hold.moves:
        reschedule_to_hold(hold.moves, hold, actor="patient", enforce_cutoff=True)
    elif hold.order_id:
        check_not_booked(hold.order)  # before anybody is asked
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


def refuse_here(request, hold, form, refusal, *, status=409, nearest=()):
    """Say why not on the page where it was pressed: with a valid ``form`` that of the check."""
    context = {"status": status, "refusal": refusal, "nearest": nearest}
    return show_check(request, hold, form, **context) if form else show_hold(request, hold, **context)


def refreshed(hold):
    """Return the hold as it is now: asking for an appointment may have given it more time."""
    found = find_hold(hold.token)
    found.moves = hold.moves
    return found
