"""Book from the diary: a press into a gap says when and with whom, typing says who comes."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from booking.access.visibility import get_my_location, visible_to
from booking.admin.appointment_card import answer_with_card
from booking.admin.booking_forms import NewPatientForm, NotesForm, OpeningSearchForm
from booking.admin.desk import book, run_verb, tell_result
from booking.admin.dialogs import render_dialog, require
from booking.admin.diary_page import find_by_id
from booking.admin.idempotent_create import get_new_id
from booking.admin.time_choice import TimeChoice, read_start
from booking.domain.patient_conflicts import PatientBusy
from booking.models import Appointment
from patients.admin.duplicate_warnings import warn_about_duplicates
from patients.admin.patient_field import is_id
from patients.matching import find_near_matches
from patients.models import Patient
from patients.search import search_patients
from scheduling.models import Location, Service

RECENT = timedelta(days=14)  # what is booked shows which service comes next
WEEK = timedelta(days=7)
MAX_FOUND = 8  # patients shown as one types


@admin.site.page("diary/patients/", name="diary_patients")
def find_patients(request):
    """Return the patients whom the text that is being typed describes, to choose one."""
    require(request, "add")
    if not request.user.has_perm("patients.view_patient"):
        raise PermissionDenied
    found = search_known_patients(request, request.GET.get("q", ""))
    return TemplateResponse(request, "admin/desk/_patients.html", {"found": found, "chosen": get_only(found)})


@admin.site.page("diary/book/", name="diary_book")
def book_visit(request):
    """Book a visit for a known or a new patient; a form that is sent twice books once."""
    require(request, "add")
    earlier = get_earlier(request)
    data = read_choice(request, earlier)
    choice = TimeChoice(
        request, OpeningSearchForm(data if data.get("service") else None, initial=data, user=request.user)
    )
    patient = get_patient(request, request.POST.get("patient") or request.GET.get("patient"))
    patient = patient or (earlier and get_patient(request, earlier.patient_id))
    submitted = request.POST if request.method == "POST" else None
    notes_form, new_form = NotesForm(submitted), NewPatientForm(submitted, prefix="new")
    new_id, twins, refusal = get_new_id(request) or uuid4(), [], None
    is_new = not patient and new_form.has_changed()
    if "book" in request.POST:
        if Appointment.objects.filter(pk=new_id).exists():
            return answer_with_card(request, new_id)
        opening, override = choice.get_opening(request)
        new_form.location = opening and opening.location
        if not patient and not is_new:
            messages.error(request, "Choose a patient, or write down somebody new.")
        elif all([opening, notes_form.is_valid(), patient or new_form.is_valid()]):
            twins = list_twins(request, new_form.instance) if is_new and request.POST["book"] != "new" else []
            if not twins:
                who, notes = patient or new_form.instance, notes_form.cleaned_data["notes"]
                verb = partial(book, patient=who, notes=notes, id=new_id, override=override)
                appointment, refusal = run_verb(request, verb, opening)
                if appointment:
                    note_booking(request, appointment, is_new=is_new)
                if appointment or Appointment.objects.filter(pk=new_id).exists():  # by a duplicate of the request
                    return answer_with_card(request, new_id)
                choice, new_id = TimeChoice(request, choice.form), uuid4()
    found = search_known_patients(request, request.POST.get("q", ""))
    return render_dialog(
        request,
        "admin/desk/book.html",
        title="Book a visit",
        choice=choice,
        found=[patient, *(one for one in found if one != patient)] if patient else found,
        chosen=patient or get_only(found),
        query=request.POST.get("q", ""),
        may_search=request.user.has_perm("patients.view_patient"),
        notes_form=notes_form,
        new_form=new_form,
        is_new=is_new,
        twins=twins,
        new_id=new_id,
        is_patient_busy=isinstance(refusal, PatientBusy),
        is_submitted="book" in request.POST,
    )


def note_booking(request, appointment, *, is_new):
    """Log a booking, and tell of it."""
    admin.site.get_model_admin(Appointment).log_addition(request, appointment, "Booked.")
    if is_new:
        warn_about_duplicates(request, appointment.patient)
    tell_result(request, appointment, "booked")


# What is chosen at first


def get_earlier(request):
    """Return the visit that another one is to follow, or None."""
    pk = request.GET.get("after", "")
    return get_object_or_404(visible_to(request.user, Appointment.objects.all()), pk=pk) if is_id(pk) else None


def read_choice(request, earlier):
    """Return the data of the OpeningSearchForm: as submitted, or as the gap or the earlier visit suggest."""
    if request.method == "POST":
        data = request.POST.dict()
        return data | {"day": data.get("to") or data.get("day", "")}
    data = request.GET.dict()
    if earlier:
        data |= suggest_next(earlier)
    clinician, location = data.get("clinician", ""), data.get("location", "")
    if "start" in data:
        place = find_location(request, location) or get_my_location(request.user)
        data |= read_start(data["start"], place) | {"location": str(place.pk) if place else ""}
    return data | {"service": data.get("service") or guess_service(clinician, location)}


def find_location(request, pk):
    """Return a location that the member of staff works at, or None."""
    return find_by_id(visible_to(request.user, Location.objects.all()), pk)


def suggest_next(earlier):
    """Return the form's data for a visit like an earlier one, on the same weekday of a week to come."""
    start = earlier.local_start
    today = timezone.now().astimezone(start.tzinfo).date()
    day = start.date() + WEEK
    while day < today:
        day += WEEK
    return {
        "service": str(earlier.service_id) if earlier.service.is_active else "",
        "clinician": str(earlier.clinician_id) if earlier.clinician.is_active else "",
        "location": str(earlier.location_id) if earlier.location.is_active else "",
        "day": str(day),
        "why": f"{start:%H:%M}",
    }


def guess_service(clinician_id, location_id):
    """Return the id of the service that is most booked there of late, or "" where none is offered."""
    offered, recent = Service.objects.filter(is_active=True), Appointment.objects.order_by()
    recent = recent.filter(starts_at__gte=timezone.now() - RECENT, starts_at__lt=timezone.now() + RECENT)
    if is_id(clinician_id):
        offered = offered.filter(clinicians=clinician_id)
        recent = recent.filter(clinician=clinician_id)
    if is_id(location_id):
        recent = recent.filter(location=location_id)
    numbers = dict(recent.values_list("service").annotate(Count("pk")))
    ids = list(offered.values_list("pk", flat=True))
    return str(max(ids, key=lambda pk: numbers.get(pk, 0))) if ids else ""


# Who comes


def get_patient(request, pk):
    """Return a patient who may be booked for, or None."""
    return find_by_id(get_bookable_patients(request), pk)


def get_bookable_patients(request):
    """Return the patients who are not in the archive, as far as the member of staff may see them."""
    return visible_to(request.user, Patient.objects.filter(archived_at=None))


def search_known_patients(request, text):
    """Return the patients whom a text describes, best match first, for staff who may see them."""
    if not text.strip() or not request.user.has_perm("patients.view_patient"):
        return []
    return search_patients(text, limit=MAX_FOUND, among=get_bookable_patients(request))


def get_only(found):
    """Return the patient who alone was found, or None."""
    return found[0] if len(found) == 1 else None


def list_twins(request, candidate):
    """Return (patient, reason) for those who may be the same person as somebody new."""
    if not request.user.has_perm("patients.view_patient"):
        return []
    return find_near_matches(candidate, among=get_bookable_patients(request))
