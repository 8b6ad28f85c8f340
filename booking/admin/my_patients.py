"""A clinician's own patients: who they are, what they need, their visits, and another visit. To read, but for that."""

from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.appointment_card import compute_age, list_needs
from booking.admin.booking_forms import OpeningSearchForm
from booking.admin.desk import book, get_chosen_opening, run_verb
from booking.admin.idempotent_create import get_new_id
from booking.admin.permissions import get_own_clinician
from booking.admin.time_picker import TimePicker
from booking.domain.patient_conflicts import PatientBusy
from booking.models import Appointment
from patients.models import Needs, Patient
from patients.search import list_matching_keys
from scheduling.lib.timezones import format_local
from scheduling.models import Clinician, Service
from scheduling.models.local_zones import find_time_off_zone

MAX_SHOWN = 50
NOTE, FOLLOW_UP = "booking.note_appointment", "booking.follow_up_appointment"


class PatientRow(NamedTuple):
    """A patient of the list: when they were seen last, when they come next, and whether they need something."""

    patient: Patient
    visits: int
    last: str
    next: str
    has_needs: bool


def list_own_visits(request: HttpRequest, clinician: Clinician) -> QuerySet[Appointment]:
    """Return the visits with the clinician that were not cancelled."""
    rows = Appointment.objects.filter(clinician=clinician).exclude(status=Appointment.Status.CANCELLED)
    return visible_to(request.user, rows)


@admin.site.page("my-patients/", name="my_patients")
def show_patients(request: HttpRequest) -> HttpResponse:
    """Show who has visits with the clinician: those who come next, then those who came last."""
    clinician = get_own_clinician(request, NOTE)
    visits, text = list_own_visits(request, clinician), request.GET.get("q", "").strip()
    if text:
        theirs = visible_to(request.user, Patient.objects.filter(pk__in=visits.values("patient")))
        visits = visits.filter(patient__in=list_matching_keys(text, among=theirs))
    now = timezone.now()
    by_patient = (
        visits.order_by()
        .values("patient")
        .annotate(
            number=Count("pk"),
            last=Max("starts_at", filter=Q(starts_at__lte=now)),
            next=Min("starts_at", filter=Q(starts_at__gt=now)),
        )
    )
    found = list(by_patient.order_by(F("next").asc(nulls_last=True), F("last").desc(nulls_last=True))[: MAX_SHOWN + 1])
    ids = [each["patient"] for each in found]
    patients = Patient.objects.in_bulk(ids)
    needing = (
        set(Needs.objects.filter(patient__in=ids).values_list("patient", flat=True))
        if request.user.has_perm("patients.view_needs")
        else set()
    )
    zone = find_time_off_zone(clinician=clinician, location=None)
    rows = [
        PatientRow(
            patients[each["patient"]],
            each["number"],
            format_day(each["last"], zone),
            format_day(each["next"], zone),
            each["patient"] in needing,
        )
        for each in found[:MAX_SHOWN]
    ]
    context = {
        **admin.site.each_context(request),
        "title": "My patients",
        "rows": rows,
        "patients": [row.patient for row in rows],  # for the record of who was shown
        "text": text,
        "has_more": len(found) > MAX_SHOWN,
    }
    return TemplateResponse(request, "admin/my/patients.html", context)


@admin.site.page("my-patients/<uuid:pk>/", name="my_patient")
def show_patient(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the card of a patient, and their visits with the clinician."""
    clinician = get_own_clinician(request, NOTE)
    patient, visits = get_own_patient(request, clinician, pk)
    now = timezone.now()
    rows = [
        (visit, format_local(visit.starts_at, visit.location.zone, unless=visit.location.zone))
        for visit in visits.select_related("service", "location").order_by("-starts_at")[:200]
    ]
    context = {
        **admin.site.each_context(request),
        "title": str(patient),
        "patient": patient,
        "age": compute_age(patient.date_of_birth, now.date()),
        "needs": list_needs(request, patient.pk),
        "coming": [row for row in reversed(rows) if row[0].ends_at > now],
        "past": [row for row in rows if row[0].ends_at <= now],
        "no_shows": sum(visit.status == Appointment.Status.NO_SHOW for visit, _ in rows),
        "may_follow_up": request.user.has_perm(FOLLOW_UP) and patient.archived_at is None,
    }
    return TemplateResponse(request, "admin/my/patient.html", context)


@admin.site.page("my-patients/<uuid:pk>/follow-up/", name="my_follow_up")
def follow_up(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Book another visit of a patient with the clinician who looks, at a time that is offered."""
    clinician = get_own_clinician(request, FOLLOW_UP)
    patient, visits = get_own_patient(request, clinician, pk)
    form = build_own_search_form(request, clinician, visits)
    picker = TimePicker(form) if form.is_valid() else None
    new_id, refusal = get_new_id(request) or uuid4(), None
    if "book" in request.POST:
        if Appointment.objects.filter(pk=new_id).exists():
            return HttpResponseRedirect(reverse("admin:my_patient", args=[pk]))
        if opening := get_chosen_opening(request, picker):
            verb = partial(book, patient=patient, notes="", id=new_id)
            appointment, refusal = run_verb(request, verb, opening)
            if appointment:
                when = format_local(appointment.starts_at, appointment.location.zone, unless=None)
                messages.success(request, f"{appointment.reference} is booked: {when}.")
                return HttpResponseRedirect(reverse("admin:my_patient", args=[pk]))
            picker, new_id = TimePicker(form), uuid4()
    context = {
        **admin.site.each_context(request),
        "opts": Appointment._meta,
        "title": f"Another visit of {patient}",
        "patient": patient,
        "form": form,
        "picker": picker,
        "media": forms.Media(),
        "label": "Book",
        "new_id": new_id,
        "opening": request.POST.get("opening"),
        "is_patient_busy": isinstance(refusal, PatientBusy),
        "back": reverse("admin:my_patient", args=[pk]),
    }
    return TemplateResponse(request, "admin/booking/appointment/desk.html", context)


def build_own_search_form(
    request: HttpRequest, clinician: Clinician, visits: QuerySet[Appointment]
) -> OpeningSearchForm:
    """Return the form of which times to show: the clinician's own, and first for the service of the last visit."""
    services = Service.objects.filter(is_active=True, clinicians=clinician)
    data = (request.POST if request.method == "POST" else request.GET).dict() | {"clinician": str(clinician.pk)}
    data["day"] = data.get("to") or data.get("day", "")  # the pressed day button wins
    if not data.get("service"):
        last = visits.filter(service__in=services).order_by("-starts_at").first()
        data["service"] = str(last.service_id) if last else ""
    form = OpeningSearchForm(data if data["service"] else None, initial=data, user=request.user)
    form.fields["service"].queryset = services  # pyright: ignore[reportAttributeAccessIssue]
    own: forms.ModelChoiceField = form.fields["clinician"]  # pyright: ignore[reportAssignmentType]
    own.queryset, own.widget, own.required = Clinician.objects.filter(pk=clinician.pk), forms.HiddenInput(), True
    return form


def get_own_patient(request: HttpRequest, clinician: Clinician, pk: UUID) -> tuple[Patient, QuerySet[Appointment]]:
    """Return a patient of the clinician, and their visits with them; raises Http404 for anybody else."""
    visits = list_own_visits(request, clinician).filter(patient=pk)
    theirs = visible_to(request.user, Patient.objects.filter(pk__in=visits.values("patient")))
    return get_object_or_404(theirs, pk=pk), visits


def format_day(moment, zone) -> str:
    """Return a day in words, or "" for none."""
    return f"{moment.astimezone(zone):%a %-d %b %Y}" if moment else ""
