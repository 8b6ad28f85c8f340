"""Patients with their appointments, and announced to those who listen: the patients app knows of neither."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from patients.admin import PatientAdmin, PossibleDuplicateAdmin
from patients.models import Patient, PossibleDuplicate
from scheduling.zones import home_zone, written

from .. import people
from ..models import Appointment
from .moves import by, theirs


class AppointmentInline(admin.TabularInline):
    model = Appointment
    fields = readonly_fields = ["booked", "when", "service_name", "clinician_name", "place", "status"]
    ordering = ["-starts_at"]
    extra = 0
    can_delete = False

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("service", "clinician", "location")
        return theirs(request, rows).annotate(home=home_zone())

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description="reference")
    def booked(self, appointment):
        url = reverse("admin:booking_appointment_change", args=[appointment.pk])
        return format_html('<a href="{}">{}</a>', url, appointment.reference)

    def when(self, appointment):
        return written(appointment.starts_at, appointment.location.zone, unless=appointment.home)

    @admin.display(description="service")
    def service_name(self, appointment):
        return str(appointment.service)

    @admin.display(description="clinician")
    def clinician_name(self, appointment):
        return str(appointment.clinician)

    def place(self, appointment):
        return f"by video ({appointment.location})" if appointment.is_remote else str(appointment.location)


admin.site.unregister([Patient, PossibleDuplicate])


@admin.register(Patient)
class PatientWithAppointmentsAdmin(PatientAdmin):
    inlines = [*PatientAdmin.inlines, AppointmentInline]

    def register(self, request, patient):
        people.register(patient, by=by(request))


@admin.register(PossibleDuplicate)
class AnnouncedDuplicateAdmin(PossibleDuplicateAdmin):
    def merge(self, request, *, keep, duplicate):
        people.merge(keep=keep, duplicate=duplicate, by=by(request))
