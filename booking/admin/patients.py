"""Patients with their appointments, and announced to those who listen: the patients app knows of neither."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.booking_columns import BookingColumns
from booking.admin.moves import get_actor, theirs
from booking.admin.page_buttons import PageButtons
from booking.admin.schedule import standing, warn
from booking.domain import patients
from booking.models import Appointment
from patients.admin import PatientAdmin, PossibleDuplicateAdmin
from patients.models import Patient, PossibleDuplicate
from scheduling.local_zones import get_home_zone


class AppointmentInline(BookingColumns, admin.TabularInline):
    model = Appointment
    fields = readonly_fields = ["booked", "when", "service_name", "clinician_name", "place", "status"]
    ordering = ["-starts_at"]
    extra = 0
    can_delete = False

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("service", "clinician", "location")
        return theirs(request, rows).annotate(home=get_home_zone())

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description="reference")
    def booked(self, appointment):
        url = reverse("admin:booking_appointment_change", args=[appointment.pk])
        return format_html('<a href="{}">{}</a>', url, appointment.reference)


admin.site.unregister([Patient, PossibleDuplicate])


@admin.register(Patient)
class PatientWithAppointmentsAdmin(PageButtons, PatientAdmin):
    inlines = [*PatientAdmin.inlines, AppointmentInline]
    buttons = ["archive", "restore"]
    change_form_template = "admin/patients/patient/change_form.html"

    def register(self, request, patient):
        patients.register(patient, actor=get_actor(request))

    def change(self, request, patient, details):
        patients.change(patient.pk, details, actor=get_actor(request))

    def archive_one(self, request, patient):
        is_changed = patients.archive(patient, actor=get_actor(request))
        if is_changed:
            warn(request, standing(patient=patient), f"of {patient}, who is in the archive now.")
        return is_changed

    def restore_one(self, request, patient):
        return patients.restore(patient, actor=get_actor(request))

    def archive_button(self, request, patient):
        self.archive(request, [patient])

    def restore_button(self, request, patient):
        self.restore(request, [patient])


@admin.register(PossibleDuplicate)
class AnnouncedDuplicateAdmin(PossibleDuplicateAdmin):
    def merge(self, request, *, keep, duplicate):
        patients.merge(keep=keep, duplicate=duplicate, actor=get_actor(request))
