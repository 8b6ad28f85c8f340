"""The visits whose time the clinic cannot keep: their list, and the page “A clinician is ill”."""

from datetime import datetime, time, timedelta
from functools import partial

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_POST

from booking.access.visibility import visible_to
from booking.admin.permissions import get_actor
from booking.domain.schedule import add_to_schedule
from booking.domain.stranded_visits import AlreadySettled, Concerned, find_open, keep, save_and_mark
from booking.models import Hold, StrandedVisit
from patients.fields import PlainTextFormField
from scheduling.lib.timezones import format_local
from scheduling.models import Clinician, TimeOff
from scheduling.models.local_zones import find_time_off_zone

PER_PAGE = 100
DAY = timedelta(days=1)
MAX_AWAY = timedelta(days=366)


def check_may_settle(request):
    """Raise PermissionDenied unless the member of staff may settle stranded visits."""
    if not request.user.has_perm("booking.settle_strandedvisit"):
        raise PermissionDenied


def list_visits(request):
    """Return the stranded visits that the member of staff sees, the earliest first."""
    related = [f"appointment__{name}" for name in ("service", "clinician", "location", "patient", "provider", "order")]
    rows = visible_to(request.user, find_open()).select_related(*related)
    return rows.order_by("appointment__starts_at", "pk")


@admin.site.page("stranded-visits/", name="stranded_visits")
@require_GET
def stranded_visits(request):
    """List the visits that have to be settled."""
    check_may_settle(request)
    visits = list_visits(request)
    clinicians = Clinician.objects.filter(pk__in=visits.order_by().values("appointment__clinician"))
    asked = next((each for each in clinicians if str(each.pk) == request.GET.get("clinician")), None)
    if asked:
        visits = visits.filter(appointment__clinician=asked)
    page = Paginator(visits.prefetch_related("offers__hold"), PER_PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    number = page.paginator.count
    context = {
        "title": f"{number} stranded visit{'' if number == 1 else 's'}" if number else "No stranded visits",
        "page": page,
        "visits": [(visit, *describe_offers(visit, now)) for visit in page],
        "patients": [visit.appointment for visit in page],  # for the record of who was shown
        "clinicians": clinicians,
        "asked": asked,
        **admin.site.each_context(request),
    }
    return TemplateResponse(request, "admin/booking/strandedvisit/list.html", context)


def describe_offers(visit, now):
    """Return a word for what became of the offers of a visit, and a sentence; two empty ones if there was none."""
    holds = [offer.hold for offer in visit.offers.all()]
    live = [hold for hold in holds if hold.is_live(now)]
    if live:
        until = max(hold.expires_at for hold in live)
        zone = visit.appointment.location.zone
        times = f"{len(live)} time{'' if len(live) == 1 else 's'}"
        return "offered", f"{times} offered, held until {format_local(until, zone, pattern='%a %-d %b, %H:%M')}"
    if not holds:
        return "", ""
    if holds[-1].status == Hold.Status.RELEASED:
        return "declined", "None of the offered times suited"
    return "unanswered", "The offer was not answered"


class IllForm(forms.Form):
    """Who is ill, and on which days, both included."""

    clinician = forms.ModelChoiceField(Clinician.objects.none(), empty_label="Choose …")
    first_day = forms.DateField(label="From", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    last_day = forms.DateField(label="To, included", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    reason = PlainTextFormField(max_length=100, required=False, label="Note", help_text="For staff only.")

    def __init__(self, *args, user, **options):
        super().__init__(*args, **options)
        clinicians = visible_to(user, Clinician.objects.filter(is_active=True))
        self.fields["clinician"].queryset = clinicians.order_by("name")

    def clean(self):
        first, last = self.cleaned_data.get("first_day"), self.cleaned_data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day is before the first.")
        elif first and last and last - first > MAX_AWAY:
            self.add_error("last_day", "Enter a year at most.")

    def make_time_off(self):
        """Return the time off, on whole days where the clinician works."""
        clinician = self.cleaned_data["clinician"]
        zone = find_time_off_zone(clinician=clinician, location=None)
        days = (self.cleaned_data["first_day"], self.cleaned_data["last_day"] + DAY)
        starts_at, ends_at = (datetime.combine(day, time(), zone) for day in days)
        reason = self.cleaned_data["reason"]
        return TimeOff(clinician=clinician, starts_at=starts_at, ends_at=ends_at, reason=reason)


@admin.site.page("stranded-visits/ill/", name="clinician_ill")
def clinician_ill(request):
    """Write the time off of a clinician who is ill, and show the visits that it strands."""
    check_may_settle(request)
    today = timezone.localdate()
    initial = {"first_day": today, "last_day": today, "clinician": request.GET.get("clinician")}
    form = IllForm(request.POST if request.method == "POST" else None, initial=initial, user=request.user)
    if not form.is_valid():
        context = {"title": "A clinician is ill", "form": form, **admin.site.each_context(request)}
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/booking/strandedvisit/ill.html", context, status=status)
    time_off = form.make_time_off()
    concerned = Concerned(clinicians=[time_off.clinician_id])
    _none, stranded = save_and_mark(partial(add_to_schedule, time_off), concerned, actor=get_actor(request))
    number = len(stranded)
    visits = f"{number} visit{' is' if number == 1 else 's are'} to be settled" if number else "No visit is concerned"
    messages.success(
        request,
        format_html(
            'The time off of {} is written: nothing is offered then. {}. <a href="{}">See the time off</a>',
            time_off.clinician,
            visits,
            reverse("admin:scheduling_timeoff_changelist", query={"clinician__id__exact": time_off.clinician_id}),
        ),
    )
    query = {"clinician": time_off.clinician_id} if number else {}
    return HttpResponseRedirect(reverse("admin:stranded_visits", query=query))


class KeepForm(forms.Form):
    reason = PlainTextFormField(max_length=500)


@admin.site.page("stranded-visits/<uuid:pk>/keep/", name="stranded_visit_keep")
@require_POST
def keep_visit(request, pk):
    """Settle a visit that stays as it is, with the reason."""
    check_may_settle(request)
    visit = get_object_or_404(visible_to(request.user, StrandedVisit.objects.select_related("appointment")), pk=pk)
    form = KeepForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why it stays as it is.")
        return HttpResponseRedirect(reverse("admin:stranded_visits"))
    try:
        keep(visit, reason=form.cleaned_data["reason"], actor=get_actor(request))
        messages.success(request, f"{visit.appointment.reference} stays as it is.")
    except AlreadySettled as error:
        messages.warning(request, f"{visit.appointment.reference}: {error.message}")
    return HttpResponseRedirect(reverse("admin:stranded_visits"))
