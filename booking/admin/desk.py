"""Booking for somebody who calls or stands at the desk, and giving an appointment another time."""

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

from booking.admin.booking_forms import NewPatientForm, WhoForm
from booking.admin.idempotent_create import get_new_id
from booking.admin.moves import get_actor, may, theirs
from booking.admin.time_picker import WHY_NOT, Times, TimesForm
from booking.domain.approvals import ApprovalTimeouts, ProviderRefused, ProviderUnavailable
from booking.domain.direct_booking import book_directly, hold_and_ask
from booking.domain.holds import HoldExpired, HoldNotFound, MustAsk, confirm_hold
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Appointment
from patients.admin.look_alikes import warn_about_look_alikes
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


class AtDesk:
    """The part of the appointments' admin where times are chosen: on one page, which is sent again to see others."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.another_time_view)
        return [path("<uuid:pk>/another-time/", view, name="booking_appointment_another_time"), *super().get_urls()]

    def add_view(self, request, form_url="", extra_context=None):
        """Book an appointment for a patient who is known, or new."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        posted = request.POST.copy() if request.method == "POST" else None
        patient = known(request.POST.get("patient") or request.GET.get("patient"))
        if posted is not None:
            posted["patient"] = patient
        form = times_form(request)
        times = Times(form) if form.is_valid() else None
        who, is_known = WhoForm(posted, initial={"patient": patient}), bool(patient)
        new = NewPatientForm(posted, prefix="new")
        new_id = get_new_id(request) or uuid4()
        if "book" in request.POST:
            if answer := self._booked_already(new_id):
                return answer
            opening = chosen(request, times)
            if not is_known and not new.has_changed():
                messages.error(request, "Choose a patient, or write down somebody new.")
            if all([opening, who.is_valid(), is_known or new.is_valid()]):
                patient = who.cleaned_data["patient"] if is_known else new.instance
                notes = who.cleaned_data["notes"]
                verb = partial(book, patient=patient, notes=notes, service=times.service, id=new_id)
                if appointment := attempt(request, verb, opening):
                    self.log_addition(request, appointment, "Booked.")
                    if not is_known:
                        warn_about_look_alikes(request, appointment.patient)
                    return self._go_to(request, appointment, "booked")
                if answer := self._booked_already(new_id):  # it was pressed twice
                    return answer
                times, new_id = Times(form), uuid4()  # as they are now, and for another try
        is_new = "book" in request.POST and not is_known and new.has_changed()
        return self._show(
            request,
            form,
            times,
            title="Book an appointment",
            who=who,
            new=new,
            is_new=is_new,
            label="Book",
            new_id=new_id,
        )

    def another_time_view(self, request, pk):
        """Give an appointment another time."""
        rows = theirs(request, Appointment.objects.select_related("service", "clinician", "location", "slot"))
        appointment = get_object_or_404(rows, pk=pk)
        if not may(request, "decide"):
            raise PermissionDenied
        if appointment.status not in Appointment.UPCOMING:
            status = appointment.get_status_display().lower()
            messages.error(request, f"{appointment.reference} cannot be given another time: it is {status}.")
            return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[pk]))
        form = times_form(request, rescheduling=appointment)
        times = Times(form, rescheduling=appointment) if form.is_valid() else None
        if "book" in request.POST and (opening := chosen(request, times)):
            appointment.service = times.service
            if attempt(request, partial(give, appointment=appointment), opening):
                return self._go_to(request, appointment, "given that time")
            times = Times(form, rescheduling=appointment)
        return self._show(
            request,
            form,
            times,
            title="Another time",
            label="Give it this time",
            rescheduling=appointment,
            now_at=format_local(appointment.starts_at, appointment.location.zone, unless=None),
        )

    def _show(self, request, form, times, **context):
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "times": times,
            "media": self.media + form.media + (context["who"].media if "who" in context else forms.Media()),
            "tried": "book" in request.POST,
            "opening": request.POST.get("opening"),
        }
        return TemplateResponse(request, "admin/booking/appointment/desk.html", context)

    def _booked_already(self, pk):
        if Appointment.objects.filter(pk=pk).exists():
            return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[pk]))
        return None

    def _go_to(self, request, appointment, what):
        messages.success(request, f"{appointment.reference} is {what}.")
        if appointment.status in Appointment.TENTATIVE:
            messages.warning(request, f"It is {appointment.status}: it has still to be confirmed.")
        if not appointment.attendee_email:
            messages.warning(request, "No e-mail address is known, so nothing was sent: tell them the time.")
        return HttpResponseRedirect(reverse("admin:booking_appointment_change", args=[appointment.pk]))


def known(patient_id):
    """Return the id of a patient, or "" if there is none with that id: the widget of the form trusts what it gets."""
    try:
        return str(Patient.objects.values_list("pk", flat=True).get(pk=patient_id or None, archived_at=None))
    except (Patient.DoesNotExist, ValidationError):
        return ""


def times_form(request, *, rescheduling=None):
    """Return the form of the times to look at, as it was sent, or as it starts."""
    if request.method == "POST":
        asked = request.POST.copy()
        asked["day"] = asked.get("to") or asked.get("day")  # the day whose button was pressed
    else:
        asked = request.GET.dict()
    if rescheduling:
        start = rescheduling.local_start.date()
        same = {
            "day": str(max(start, timezone.localdate())),
            "visit": f"{rescheduling.is_remote:d}",
            "clinician": rescheduling.clinician_id if rescheduling.clinician.is_active else "",
            "location": rescheduling.location_id if rescheduling.location.is_active else "",
        }
        asked = {**(same if request.method != "POST" else asked.dict()), "service": rescheduling.service_id}
    form = TimesForm(asked if asked.get("service") else None, initial=asked)
    if rescheduling:
        form.fields["service"].queryset = Service.objects.filter(pk=rescheduling.service_id)
        form.fields["service"].widget = forms.HiddenInput()
    return form


def chosen(request, times):
    """Return the opening that was chosen, as arguments of a verb, or say what is missing and return None."""
    if times is None:  # what is wrong stands beside its field
        return None
    value = request.POST.get("opening")
    opening = value and times.opening(value)
    if not opening:
        messages.error(request, "That time has just been taken: choose another one." if value else "Choose a time.")
    return opening


def attempt(request, verb, opening):
    """Return what ``verb(request, opening)`` makes, or say why nothing came of it and return None."""
    try:
        return verb(request, opening)
    except NotOffered as refusal:
        why = ", ".join(WHY_NOT[Reason(reason)] for reason in refusal.reasons)
        messages.error(request, f"That time is not offered: {why}.")
    except REFUSALS as refusal:
        messages.error(request, f"{refusal.message} Nothing was changed.")


def book(request, opening, *, patient, notes, service, id):
    """Book the opening and return the Appointment, which has the ``id``.

    Raises what book_directly, hold_and_ask and confirm_hold do, but MustAsk.
    """
    details = {"patient": patient, "actor": get_actor(request), "holder": get_actor(request), "id": id}
    opening = {"service": service, **opening}
    try:
        return book_directly(notes=notes, **details, **opening)
    except MustAsk:
        hold, acknowledged = hold_and_ask(opening=opening, timeouts=ApprovalTimeouts(is_async=True), **details)
    return confirm_hold(hold, patient=patient, actor=get_actor(request), acknowledged=acknowledged, notes=notes)


def give(request, opening, *, appointment):
    """Give the appointment the opening and return it; raises what reschedule does."""
    reschedule(appointment, actor=get_actor(request), **opening)
    return appointment
