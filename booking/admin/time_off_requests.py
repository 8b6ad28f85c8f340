"""Clinicians ask for time off; whoever may change time off approves it, or declines."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor, get_own_clinician
from booking.admin.strands_visits import ACCEPTED, ask_about_stranded
from booking.domain.stranded_visits import Concerned, WouldStrand, save_or_ask
from booking.domain.time_off_requests import (
    RequestAnswered,
    approve_time_off,
    decline_time_off,
    mark_answers_seen,
    needs_approval,
    request_time_off,
    withdraw_time_off,
)
from booking.models import Appointment
from patients.fields import PlainTextFormField
from scheduling.admin.forms import TimeOffForm
from scheduling.lib.ids import parse_id
from scheduling.models import TimeOff, TimeOffRequest
from scheduling.models.local_zones import find_time_off_zone

ASK = "scheduling.add_timeoffrequest"
DECIDE = "scheduling.add_timeoff"
Status = TimeOffRequest.Status
T = TypeVar("T")
MAX_ROWS = 50


class DayAndTimeInput(forms.SplitDateTimeWidget):
    """The browser's own inputs for a day and a time."""

    def __init__(self) -> None:
        super().__init__(
            date_format="%Y-%m-%d",
            time_format="%H:%M",
            date_attrs={"type": "date", "aria-label": "day"},
            time_attrs={"type": "time", "aria-label": "time"},
        )


class OwnTimeOffForm(TimeOffForm):
    """Time off of the clinician that ``instance`` names."""

    class Meta(TimeOffForm.Meta):
        fields = ["starts_at", "ends_at", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("starts_at", "ends_at"):
            self.fields[name].widget = DayAndTimeInput()

    def clean(self):
        self.cleaned_data["clinician"] = self.instance.clinician  # whose zone its times are in
        super().clean()
        start, end = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", "The end must be after the start.")
        elif end and end <= timezone.now():
            self.add_error("ends_at", "That is over already.")


class AnswerForm(forms.Form):
    """What the clinician is told with the answer."""

    note = PlainTextFormField(max_length=200, required=False)


@admin.site.page("my-time-off/", name="my_time_off")
def show_own_time_off(request: HttpRequest) -> HttpResponse:
    """Show a clinician their time off and what became of their requests; take a new one."""
    clinician = get_own_clinician(request, ASK)
    form = OwnTimeOffForm(request.POST or None, instance=TimeOff(clinician=clinician))
    if "withdraw" in request.POST:
        own = clinician.time_off_requests.all()  # pyright: ignore[reportAttributeAccessIssue]
        return _withdraw(request, get_object_or_404(own, pk=parse_id(request.POST["withdraw"])))
    if request.method == "POST" and form.is_valid():
        asked = form.instance
        details = {"starts_at": asked.starts_at, "ends_at": asked.ends_at, "reason": asked.reason}
        try:
            wish = run(request, partial(request_time_off, clinician, **details), clinician.pk)
        except WouldStrand as refusal:
            return ask_about_stranded(request, refusal)
        if wish.status == Status.WAITING:
            messages.success(request, "You have asked for that time off. You are told when it is answered.")
        else:
            messages.success(request, "You are off then: no time is offered any more.")
        return HttpResponseRedirect(request.path)
    zone = find_time_off_zone(clinician=clinician, location=None)
    wishes = clinician.time_off_requests.select_related("time_off", "decided_by")  # pyright: ignore
    other = TimeOff.objects.filter(clinician=clinician, request=None, ends_at__gt=timezone.now())
    context = {
        **admin.site.each_context(request),
        "title": "My time off",
        "form": form,
        "is_asked": needs_approval(clinician),
        "wishes": [(wish, format_span(wish, zone), may_withdraw(wish)) for wish in wishes[:MAX_ROWS]],
        "other": [(each, format_span(each, zone)) for each in other.order_by("starts_at")[:MAX_ROWS]],
        "zone": zone,
    }
    response = TemplateResponse(request, "admin/my/time_off.html", context).render()
    mark_answers_seen(clinician)
    return response


def may_withdraw(wish: TimeOffRequest) -> bool:
    """Return whether the clinician may take it back: while it waits, or if it counted at once and is not over."""
    counts_at_once = wish.status == Status.APPROVED and wish.decided_by is None and wish.time_off is not None
    return wish.status == Status.WAITING or (counts_at_once and wish.ends_at > timezone.now())


@admin.site.page("time-off-requests/", name="time_off_requests")
def show_requests(request: HttpRequest) -> HttpResponse:
    """Show what clinicians ask for, with the visits that are booked then, and answer it."""
    if not request.user.has_perm(DECIDE):
        raise PermissionDenied
    rows = visible_to(request.user, TimeOffRequest.objects.select_related("clinician", "decided_by"))
    form = AnswerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _answer(request, rows, form.cleaned_data["note"])
    waiting = rows.filter(status=Status.WAITING, ends_at__gt=timezone.now()).annotate(visits=count_visits())
    answered = rows.filter(status__in=[Status.APPROVED, Status.DECLINED]).order_by("-decided_at")
    context = {
        **admin.site.each_context(request),
        "title": "Time off asked for",
        "form": form,
        "waiting": [(wish, _format_own_span(wish)) for wish in waiting.order_by("starts_at")[:MAX_ROWS]],
        "answered": [(wish, _format_own_span(wish)) for wish in answered[:20]],
    }
    return TemplateResponse(request, "admin/scheduling/timeoffrequest/answer.html", context)


def count_visits() -> Coalesce:
    """Return an expression: how many visits are booked with the clinician in the time that is asked for."""
    visits = Appointment.objects.order_by().filter(
        status__in=Appointment.STANDING,
        clinician=OuterRef("clinician"),
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("starts_at"),
    )
    return Coalesce(Subquery(visits.values("clinician").annotate(number=Count("pk")).values("number")), 0)


def count_waiting(request: HttpRequest) -> int:
    """Return how many requests wait for an answer by this member of staff."""
    waiting = TimeOffRequest.objects.filter(status=Status.WAITING, ends_at__gt=timezone.now())
    return visible_to(request.user, waiting).count() if request.user.has_perm(DECIDE) else 0


def count_unseen_answers(request: HttpRequest) -> int:
    """Return how many answers the clinician who looks has not seen."""
    if not request.user.has_perm(ASK):
        return 0
    own = TimeOffRequest.objects.filter(clinician__user=request.user.pk)
    return own.filter(status__in=[Status.APPROVED, Status.DECLINED], answer_seen_at=None).count()


def format_span(time_off: TimeOff | TimeOffRequest, zone: ZoneInfo) -> str:
    """Return from when to when it is, in words: whole days without their times."""
    start, end = time_off.starts_at.astimezone(zone), time_off.ends_at.astimezone(zone)
    last = end - timedelta(seconds=1)
    if not any((start.hour, start.minute, end.hour, end.minute)):
        days = f"{start:%a %-d %b %Y}"
        return days if start.date() == last.date() else f"{days} to {last:%a %-d %b %Y}"
    pattern = "%H:%M" if start.date() == end.date() else "%a %-d %b %Y, %H:%M"
    return f"{start:%a %-d %b %Y, %H:%M} to {end.strftime(pattern)}"


def _format_own_span(wish):
    return format_span(wish, find_time_off_zone(clinician=wish.clinician, location=None))


def run(request: HttpRequest, verb: Callable[[], T], clinician_id: UUID) -> T:
    """Run a verb and return its result; raises WouldStrand until the visits that it strands are accepted."""
    accepted = request.POST.get(ACCEPTED, "")
    return save_or_ask(verb, Concerned(clinicians=[clinician_id]), actor=get_actor(request), accepted=accepted)


def _withdraw(request, wish):
    try:
        run(request, partial(withdraw_time_off, wish), wish.clinician_id)
        messages.success(request, "Taken back.")
    except RequestAnswered as error:
        messages.error(request, str(error.message))
    return HttpResponseRedirect(request.path)


def _answer(request, rows, note):
    name, _, pk = request.POST.get("answer", "").partition(":")
    verb = {"approve": approve_time_off, "decline": decline_time_off}.get(name)
    wish = get_object_or_404(rows, pk=parse_id(pk)) if verb else None
    if verb and wish:
        try:
            run(request, partial(verb, wish, user=request.user, note=note), wish.clinician_id)
            messages.success(request, f"{wish.clinician} is told: {wish.get_status_display()}.")
        except WouldStrand as refusal:
            return ask_about_stranded(request, refusal)
        except RequestAnswered as error:
            messages.error(request, str(error.message))
    return HttpResponseRedirect(request.path)
