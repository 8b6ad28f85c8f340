"""Appointments: the day's list, and one appointment with its log. They change through the verbs only."""

import re

from django.contrib import admin, messages
from django.db import models
from django.db.models import Q
from django.http import HttpResponseRedirect

from booking.admin.appointment_columns import AppointmentColumns
from booking.admin.approver_refusals import when_refused
from booking.admin.booking_filters import DayFilter, HowFilter
from booking.admin.desk import AtDesk
from booking.admin.event_log import list_events
from booking.admin.moves import get_actor, list_moves, may, theirs
from booking.admin.moving import Moving
from booking.domain.appointments import annotate
from booking.domain.transitions import ChangedMeanwhile
from booking.models import Appointment
from patients.admin.forms import SharedForm
from patients.models import Patient
from patients.search import get_search_steps
from scheduling.admin import WarnsOfCalendars
from scheduling.lib.timezones import format_local
from scheduling.local_zones import get_home_zone


class AppointmentForm(SharedForm):
    class Meta:
        help_texts = {"notes": "What the patient wrote, and what staff add to it."}


@admin.register(Appointment)
class AppointmentAdmin(AtDesk, Moving, WarnsOfCalendars, AppointmentColumns, admin.ModelAdmin):
    list_display = ["time", "attendee", "state", "what"]
    list_filter = [DayFilter, "clinician", "location", "service", "status", HowFilter]
    search_fields = ["reference"]  # only so that there is a search box: see get_search_results
    search_help_text = "Reference, name, e-mail, phone or its last four digits, NHS number, date of birth; on any day."
    ordering = ["starts_at", "clinician__name"]
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    fieldsets = [
        (None, {"fields": ["reference", "state", "when", "service_name", "clinician_name", "place", "cost"]}),
        ("Who comes", {"fields": ["attendee_name", "attendee_email", "attendee_phone", "patient_record", "notes"]}),
        ("Asked for", {"fields": ["approver_name", "asked_until", "provider_reference", "ordered"]}),
        ("Cancelled", {"fields": ["cancellation_reason", "cancellation_note"]}),
        ("Kept by staff", {"fields": ["meeting_url"]}),
    ]
    form = AppointmentForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    # Who may

    def get_queryset(self, request):
        related = ("service", "clinician", "location", "patient", "provider", "order")
        rows = super().get_queryset(request).select_related(*related)
        return theirs(request, rows).annotate(home=get_home_zone())

    def has_delete_permission(self, request, obj=None):
        return False

    # The list

    def get_list_filter(self, request):
        return [name for name in self.list_filter if may(request, "view_all") or name != "clinician"]

    def get_search_results(self, request, queryset, search_term):
        text = search_term.strip()
        if not text:
            return queryset, False
        attendee = Q()
        for word in text.split():
            attendee &= (
                Q(attendee_name__icontains=word) | Q(attendee_email__icontains=word) | Q(attendee_phone__contains=word)
            )
        reference = re.sub("[^A-Z0-9]", "", text.upper())
        booked = Q(reference__icontains=text) | Q(reference=f"{reference[:5]}-{reference[5:]}")
        known = Q(patient__in=get_search_steps(text, among=Patient.objects.all()))
        return queryset.filter(booked | attendee | known), False

    def changelist_view(self, request, extra_context=None):
        response = super().changelist_view(request, {"title": "Appointments", **(extra_context or {})})
        context = getattr(response, "context_data", {})  # an action answers with a redirect or another page
        if changelist := context.get("cl"):
            [days] = [spec for spec in changelist.filter_specs if isinstance(spec, DayFilter)]
            context["days"] = days.bar(changelist)
        return response

    # One appointment

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        links = {"patient_record": "patients.view_patient", "ordered": "booking.view_order"}
        hidden = {name for name, permission in links.items() if not request.user.has_perm(permission)}
        left_out = self.left_out(obj) if obj else set()
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in fieldsets
            if title not in left_out
        ]

    @staticmethod
    def left_out(appointment):
        """Return the parts of the page that say nothing about this appointment."""
        return {
            *(["Cancelled"] if appointment.status != Appointment.Status.CANCELLED else []),
            *(["Asked for"] if not appointment.provider_id and not appointment.order_id else []),
        }

    def render_change_form(self, request, context, obj=None, **kwargs):
        context |= {
            "show_save_and_add_another": False,
            "may_reschedule": may(request, "decide") and obj.status in Appointment.UPCOMING,
        }
        context |= {"moves": list_moves(obj, request), "log": list_events(obj, zone=obj.location.zone)}
        if refused_at := when_refused(obj):
            context["refused_on"] = format_local(refused_at, obj.location.zone, unless=obj.home)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def changeform_view(self, request, *args, **kwargs):
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ChangedMeanwhile:
            messages.error(request, "It has been given another time just now. Nothing was saved.")
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request, obj, form, change):
        if form.changed_data:
            annotate(obj, actor=get_actor(request), **{name: form.cleaned_data[name] for name in form.changed_data})
