"""The desk: book for a patient who calls or stands there, and give an appointment another time."""

from functools import partial
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.admin.booking_forms import AttendeeForm, NewPatientForm, OpeningSearchForm
from booking.admin.idempotent_create import get_new_id
from booking.admin.identity import describe_identity
from booking.admin.patient_conflicts import render_conflict
from booking.admin.permissions import get_actor, has_appointment_permission
from booking.admin.time_picker import REASON_LABELS, TimePicker, get_present_value
from booking.domain.approvals import ApprovalTimeouts, ProviderRefused, ProviderUnavailable
from booking.domain.booking_rules import Rule
from booking.domain.direct_booking import book_with_approval
from booking.domain.holds import Holder
from booking.domain.overrides import RulesBroken, book_against_rules, move_against_rules
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import ChangedMeanwhile, HoldExpired, HoldNotFound, WrongState
from booking.models import Appointment
from patients.admin.duplicate_warnings import warn_about_duplicates
from patients.models import Patient
from patients.records import PatientArchived
from scheduling.availability.search import Reason
from scheduling.lib.timezones import format_local
from scheduling.models import Service
from scheduling.slots import SlotTaken

REFUSALS = (
    SlotTaken,
    HoldExpired,
    HoldNotFound,
    ProviderRefused,
    ProviderUnavailable,
    PatientArchived,
    WrongState,
    ChangedMeanwhile,
)


class DeskMixin:
    """AppointmentAdmin's pages that choose a time; each form is submitted again to show other times."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.reschedule_view)
        return [path("<uuid:pk>/another-time/", view, name="booking_appointment_another_time"), *super().get_urls()]

    def add_view(self, request, form_url="", extra_context=None):
        """Book an appointment for an existing or a new patient."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = request.POST.copy() if request.method == "POST" else None
        patient = clean_patient_id(request, request.POST.get("patient") or request.GET.get("patient"))
        if data is not None:
            data["patient"] = patient
        form = build_search_form(request)
        picker = TimePicker(form) if form.is_valid() else None
        refusal = None
        attendee_form, is_known = AttendeeForm(data, initial={"patient": patient}, user=request.user), bool(patient)
        new_patient_form = NewPatientForm(data, prefix="new")
        new_id = get_new_id(request) or uuid4()
        if "book" in request.POST:
            if response := self._redirect_to_existing(new_id):
                return response
            opening = get_chosen_opening(request, picker)
            new_patient_form.location = opening and opening.location
            if not is_known and not new_patient_form.has_changed():
                messages.error(request, "Choose a patient, or write down somebody new.")
            if all([opening, attendee_form.is_valid(), is_known or new_patient_form.is_valid()]):
                patient = attendee_form.cleaned_data["patient"] if is_known else new_patient_form.instance
                notes = attendee_form.cleaned_data["notes"]
                verb = partial(book, patient=patient, notes=notes, id=new_id)
                appointment, refusal = run_verb(request, verb, opening)
                if appointment:
                    self.log_addition(request, appointment, "Booked.")
                    if not is_known:
                        warn_about_duplicates(request, appointment.patient)
                    return self._finish(request, appointment, "booked")
                if response := self._redirect_to_existing(new_id):  # a concurrent duplicate request booked it
                    return response
                picker, new_id = TimePicker(form), uuid4()  # present openings, and an id for the next attempt
        is_new = "book" in request.POST and not is_known and new_patient_form.has_changed()
        return self._render_desk(
            request,
            form,
            picker,
            title="Book an appointment",
            attendee_form=attendee_form,
            new_patient_form=new_patient_form,
            is_new=is_new,
            label="Book",
            new_id=new_id,
            is_patient_busy=isinstance(refusal, PatientBusy),
        )

    def reschedule_view(self, request, pk):
        """Give an appointment another time."""
        rows = Appointment.objects.select_related("service", "clinician", "location", "slot", "patient")
        appointment = get_object_or_404(visible_to(request.user, rows), pk=pk)
        if not has_appointment_permission(request, "decide"):
            raise PermissionDenied
        if appointment.status not in Appointment.UPCOMING:
            status = appointment.get_status_display().lower()
            messages.error(request, f"{appointment.reference} cannot be given another time: it is {status}.")
            return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[pk]))
        form = build_search_form(request, rescheduling=appointment)
        picker = TimePicker(form, rescheduling=appointment) if form.is_valid() else None
        refusal = None
        if "book" in request.POST and (opening := get_chosen_opening(request, picker)):
            moved, refusal = run_verb(request, partial(give_another_time, appointment=appointment), opening)
            if moved:
                return self._finish(request, appointment, "given that time")
            picker = TimePicker(form, rescheduling=appointment)
        return self._render_desk(
            request,
            form,
            picker,
            title="Another time",
            label="Give it this time",
            is_patient_busy=isinstance(refusal, PatientBusy),
            rescheduling=appointment,
            present=get_present_value(appointment),
            now_at=format_local(appointment.starts_at, appointment.location.zone, unless=None),
            identity=describe_identity(appointment),
        )

    def _render_desk(self, request, form, picker, **context):
        attendee_form = context.get("attendee_form")
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "picker": picker,
            "media": self.media + form.media + (attendee_form.media if attendee_form else forms.Media()),
            "is_submitted": "book" in request.POST,
            "opening": request.POST.get("opening"),
        }
        return TemplateResponse(request, "admin/booking/appointment/desk.html", context)

    def _redirect_to_existing(self, pk):
        if Appointment.objects.filter(pk=pk).exists():
            return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[pk]))
        return None

    def _finish(self, request, appointment, result):
        tell_result(request, appointment, result)
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[appointment.pk]))


def tell_result(request, appointment, result, *, is_told=True):
    """Add messages about an appointment that was booked or moved, and what is left to do.

    ``is_told`` says whether its patient was to be told.
    """
    messages.success(request, f"{appointment.reference} is {result}.")
    if appointment.status in Appointment.TENTATIVE:
        messages.warning(request, f"It is {appointment.status}: it has still to be confirmed.")
    if not is_told:
        messages.warning(request, "The patient was sent nothing: tell them the time.")
    elif not appointment.attendee_email:
        messages.warning(request, "No e-mail address is known, so nothing was sent: tell them the time.")


def clean_patient_id(request, patient_id):
    """Return the id of a patient whom staff may see and who is not archived, or "", which alone the widget survives."""
    try:
        patients = visible_to(request.user, Patient.objects.filter(archived_at=None))
        return str(patients.values_list("pk", flat=True).get(pk=patient_id or None))
    except (Patient.DoesNotExist, ValidationError):
        return ""


def build_search_form(request, *, rescheduling=None, wanted=None):
    """Return the OpeningSearchForm with what was submitted, or with its initial values, among them what is wanted."""
    if request.method == "POST":
        data = request.POST.copy()
        data["day"] = data.get("to") or data.get("day")  # the pressed day button wins
    else:
        data = request.GET.dict()
    if rescheduling:
        start = rescheduling.local_start.date()
        present = {
            "day": str(max(start, timezone.now().astimezone(rescheduling.location.zone).date())),
            "visit": f"{rescheduling.is_remote:d}",
            "clinician": rescheduling.clinician_id if rescheduling.clinician.is_active else "",
            "location": rescheduling.location_id if rescheduling.location.is_active else "",
        }
        shown = data.dict() if request.method == "POST" else present | (wanted or {})
        data = {**shown, "service": rescheduling.service_id}
    form = OpeningSearchForm(data if data.get("service") else None, initial=data, user=request.user)
    if rescheduling:
        form.fields["service"].queryset = Service.objects.filter(pk=rescheduling.service_id)
        form.fields["service"].widget = forms.HiddenInput()
    return form


def get_chosen_opening(request, picker):
    """Return the chosen opening as an OpeningRequest, or None after a message about what is missing."""
    if picker is None:  # the form shows its own errors
        return None
    value = request.POST.get("opening")
    opening = value and picker.get_opening(value)
    if not opening:
        messages.error(request, "That time has just been taken: choose another one." if value else "Choose a time.")
    return opening


def run_verb(request, verb, opening):
    """Return the result of ``verb(request, opening)`` and its refusal, one of them None; a message tells of it."""
    try:
        return verb(request, opening), None
    except NotOffered as error:
        refusal, reasons = error, ", ".join(REASON_LABELS[Reason(reason)] for reason in error.reasons)
        messages.error(request, f"That time is not offered: {reasons}.")
    except RulesBroken as error:
        refusal, rules = error, ", ".join(str(Rule(rule).label) for rule in error.rules)
        messages.error(request, f"{error.message} They are: {rules}. Nothing was changed.")
    except PatientBusy as error:
        refusal = error
        messages.error(request, render_conflict(request, error))
    except REFUSALS as error:
        refusal = error
        messages.error(request, f"{error.message} Nothing was changed.")
    return None, refusal


def must_be_free(request):
    """Return whether a patient who is elsewhere then is still to be refused: "book anyway" has not been pressed."""
    return request.POST["book"] != "anyway"


def book(request, opening, *, patient, notes, id, override=None):
    """Book the opening and return the Appointment with that id; raises what book_with_approval raises.

    With an ``override`` it is no opening, and what book_against_rules raises is raised, too.
    """
    actor = get_actor(request)
    details = {"patient": patient, "actor": actor, "holder": Holder(actor), "notes": notes, "id": id}
    details["must_be_free"] = must_be_free(request)
    if override:
        return book_against_rules(opening, override, **details)
    return book_with_approval(opening, timeouts=ApprovalTimeouts(is_async=True), **details)


def give_another_time(request, opening, *, appointment, email=True, override=None):
    """Reschedule the appointment to the opening and return it; raises what reschedule raises.

    With an ``override`` it is no opening, and what move_against_rules raises is raised, too.
    """
    appointment.service = opening.service  # the picker's instance, to which the service's notice does not apply
    details = {"actor": get_actor(request), "must_be_free": must_be_free(request), "email": email}
    if override:
        return move_against_rules(appointment, opening, override, **details)
    return reschedule(appointment, opening, **details)
