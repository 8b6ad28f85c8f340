"""Settle the ticked stranded visits: what each patient would be sent, then doing it, then what came of it."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor
from booking.admin.sign_in.middleware import asked_by_page
from booking.admin.stranded_visits import check_may_settle, list_visits
from booking.domain.stranded_openings import MAX_OTHERS, People, Wish
from booking.domain.stranded_plans import (
    MAX_VISITS,
    imagine_hold,
    imagine_holds,
    list_openings,
    make_plan,
    start_plan,
)
from booking.integrations.message_previews import preview_cancellation, preview_move, preview_offer
from booking.models import Appointment, StrandedPlan, StrandedStep
from patients.fields import PlainTextFormField
from scheduling.lib.timezones import format_local
from scheduling.models import Clinician

PER_PAGE = 25
Action, Outcome = StrandedPlan.Action, StrandedStep.Outcome
TITLES = {
    Action.OFFER: "Offer other times",
    Action.MOVE: "Move to another clinician",
    Action.CANCEL: "Cancel",
}


class OfferForm(forms.Form):
    """Which times are looked for, and how patients are told."""

    same_time = forms.BooleanField(required=False, label="The same time with another clinician")
    others = forms.TypedChoiceField(
        coerce=int, choices=[(number, str(number)) for number in range(MAX_OTHERS + 1)], label="Other times"
    )
    keeps_clinician = forms.BooleanField(required=False, label="Other times with the same clinician only")
    by_email = forms.BooleanField(required=False, label="By e-mail")
    by_text = forms.BooleanField(required=False, label="By text message")

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if settings.SMS_BACKEND == "none":
            del self.fields["by_text"]

    def fill(self, plan):
        """Give ``plan`` what is chosen, and return the Wish."""
        given = self.cleaned_data
        plan.by_email, plan.by_text = given["by_email"], given.get("by_text", False)
        return Wish(same_time=given["same_time"], others=given["others"], keeps_clinician=given["keeps_clinician"])


class MoveForm(forms.Form):
    """With whom the visits are to be instead."""

    clinician_id = forms.ChoiceField(label="To", required=False)
    at_short_notice = forms.BooleanField(
        required=False,
        label="Also at shorter notice than the service is booked",
        help_text="Each is noted as an override: it is urgent.",
    )

    def __init__(self, *args, user, **options):
        super().__init__(*args, **options)
        rows = visible_to(user, Clinician.objects.filter(is_active=True)).order_by("name")
        self.fields["clinician_id"].choices = [("", "Whoever is free"), *((str(each.pk), each.name) for each in rows)]
        if not user.has_perm("booking.override_appointment"):
            del self.fields["at_short_notice"]

    def fill(self, plan):
        given = self.cleaned_data
        at_short_notice = given.get("at_short_notice", False)
        return Wish(clinician_id=given["clinician_id"] or None, at_short_notice=at_short_notice)


class CancelForm(forms.Form):
    """Why the visits are cancelled, and what the patients are told."""

    reason = forms.ChoiceField(choices=Appointment.CancellationReason.given, help_text="For the clinic's own records.")
    message = PlainTextFormField(
        lines=True,
        max_length=2000,
        required=False,
        widget=forms.Textarea({"rows": 4, "cols": 60}),
        help_text="It stands in each e-mail, as you write it here: it is not translated.",
    )

    def fill(self, plan):
        plan.reason, plan.message = self.cleaned_data["reason"], self.cleaned_data["message"]
        return Wish()


DEFAULTS = {
    Action.OFFER: {"same_time": True, "others": 3, "by_email": True},
    Action.MOVE: {"at_short_notice": True},
    Action.CANCEL: {"reason": Appointment.CancellationReason.CLINICIAN_UNAVAILABLE},
}


def make_form(request, action, data):
    if action == Action.MOVE:
        return MoveForm(data, user=request.user)
    return {Action.OFFER: OfferForm, Action.CANCEL: CancelForm}[action](data)


@admin.site.page("stranded-visits/plans/", name="stranded_plans")
@require_POST
def make_stranded_plan(request):
    """Plan what happens to the ticked visits, and lead to the page that shows it. Nothing happens yet."""
    check_may_settle(request)
    action = request.POST.get("action")
    visits = find_visits(request, request.POST.getlist("visit"))
    if action not in Action.values or not visits:
        messages.warning(request, "Tick the visits first.")
        return HttpResponseRedirect(reverse("admin:stranded_visits"))
    return plan_visits(request, action, visits, DEFAULTS[Action(action)])


def find_visits(request, ids):
    """Return the stranded visits with these ids that the member of staff sees."""
    wanted = set(ids[:MAX_VISITS])
    return [visit for visit in list_visits(request) if str(visit.pk) in wanted]


def plan_visits(request, action, visits, data):
    """Make a plan from the form's data, and redirect to its page; None if the data make no sense."""
    form = make_form(request, action, data)
    if not form.is_valid():
        return None
    plan = StrandedPlan(action=action, actor=get_actor(request))
    make_plan(plan, visits, form.fill(plan))
    return HttpResponseRedirect(reverse("admin:stranded_plan", args=[plan.pk]))


def get_plan(request, pk, **conditions):
    check_may_settle(request)
    return get_object_or_404(visible_to(request.user, StrandedPlan.objects.all()), pk=pk, **conditions)


def list_steps(plan):
    related = [f"visit__appointment__{name}" for name in ("service", "clinician", "location", "provider", "order")]
    return plan.steps.select_related(*related).order_by("visit__appointment__starts_at", "pk")


@admin.site.page("stranded-visits/plans/<uuid:pk>/", name="stranded_plan")
@require_GET
def show_plan(request, pk):
    """Show what a plan would do and send; once it is started, how far it is, and what came of each visit."""
    plan = get_plan(request, pk)
    page = Paginator(list_steps(plan), PER_PAGE).get_page(request.GET.get("page"))
    people = People.load()
    context = {
        "title": TITLES[Action(plan.action)],
        "plan": plan,
        "form": None if plan.started_at else make_form(request, plan.action, get_options(plan)),
        "page": page,
        "steps": [describe_step(plan, step, people) for step in page],
        "patients": [step.visit.appointment for step in page],  # for the record of who was shown
        "counts": count_steps(plan),
        **admin.site.each_context(request),
    }
    return TemplateResponse(request, "admin/booking/strandedvisit/plan.html", context)


@admin.site.page("stranded-visits/plans/<uuid:pk>/progress/", name="stranded_plan_progress")
@asked_by_page
@require_GET
def show_progress(request, pk):
    """Answer htmx with how far a plan is; when it is done, have the page loaded anew."""
    plan = get_plan(request, pk)
    counts = count_steps(plan)
    context = {"plan": plan, "counts": counts}
    response = TemplateResponse(request, "admin/booking/strandedvisit/_progress.html", context)
    if not counts["left"]:
        response["HX-Refresh"] = "true"
    return response


def get_options(plan):
    """Return the data of the form that a plan was made with."""
    own = {name: getattr(plan, name) for name in ("by_email", "by_text", "reason", "message")}
    return {name: value for name, value in {**plan.wish, **own}.items() if value is not None}


def count_steps(plan):
    outcomes = list(plan.steps.values_list("outcome", flat=True))
    return {
        "all": len(outcomes),
        "left": outcomes.count(Outcome.PLANNED),
        "done": outcomes.count(Outcome.DONE),
        "not_done": outcomes.count(Outcome.NOT_DONE),
        "settled": len(outcomes) - outcomes.count(Outcome.PLANNED),
    }


def describe_step(plan, step, people):
    """Return a step with what is planned as a sentence, and the messages that its patient would be sent."""
    appointment = step.visit.appointment
    if plan.started_at or step.outcome != Outcome.PLANNED:
        return {"step": step, "visit": appointment, "what": [], "previews": []}
    openings, holds = list_openings(step, people), []
    if plan.action == Action.OFFER:
        holds = imagine_holds(openings, now=timezone.now())
        previews = preview_offer(plan, step.visit, holds)
    elif plan.action == Action.MOVE:
        holds = [imagine_hold(each) for each in openings]
        previews = preview_move(appointment, holds[0])
    else:
        previews = preview_cancellation(plan, appointment)
    zone = appointment.location.zone
    what = [f"{format_local(each.starts_at, zone, pattern='%a %-d %b, %H:%M')} with {each.clinician}" for each in holds]
    return {"step": step, "visit": appointment, "what": what, "previews": previews}


@admin.site.page("stranded-visits/plans/<uuid:pk>/change/", name="stranded_plan_change")
@require_POST
def change_plan(request, pk):
    """Plan the same visits anew, with other choices."""
    plan = get_plan(request, pk, actor=get_actor(request))
    here = HttpResponseRedirect(reverse("admin:stranded_plan", args=[plan.pk]))
    if plan.started_at:
        return here
    visits = find_visits(request, [str(id) for id in plan.steps.values_list("visit", flat=True)])
    response = plan_visits(request, plan.action, visits, request.POST)
    if response is None:
        messages.error(request, "Those choices make no sense together.")
    return response or here


@admin.site.page("stranded-visits/plans/<uuid:pk>/start/", name="stranded_plan_start")
@require_POST
def start(request, pk):
    """Have a plan done, by whoever has made it: they may do what it does."""
    plan = get_plan(request, pk, actor=get_actor(request))
    start_plan(plan)
    return HttpResponseRedirect(reverse("admin:stranded_plan", args=[plan.pk]))
