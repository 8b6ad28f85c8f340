"""The admin of patients, extended with their appointments and with events, which the patients app knows nothing of."""

from functools import partial

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.booking_columns import BookingColumns
from booking.admin.identity import render_identity
from booking.admin.nameless_log import NamelessLogMixin
from booking.admin.object_tools import ObjectToolsMixin
from booking.admin.patient_data import PatientDataMixin
from booking.admin.patient_records import PatientRecordsMixin, render_warning
from booking.admin.permissions import get_actor
from booking.domain import patients
from booking.domain.stranded_visits import Concerned, save_and_mark
from booking.models import Appointment
from patients.admin import PatientAdmin, PossibleDuplicateAdmin
from patients.models import Patient, PossibleDuplicate
from scheduling.models.local_zones import get_home_zone


class AppointmentInline(BookingColumns, admin.TabularInline):
    model = Appointment
    fields = readonly_fields = ["linked_reference", "when", "service_name", "clinician_name", "place", "state"]
    ordering = ["-starts_at"]
    extra = 0
    can_delete = False

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("service", "clinician", "location", "patient")
        return rows.annotate(home=get_home_zone())

    @admin.display(description="status")
    def state(self, appointment):
        return format_html("{}{}", appointment.get_status_display(), render_identity(appointment))

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description="reference")
    def linked_reference(self, appointment):
        url = reverse("admin:booking_appointment_change", args=[appointment.pk])
        return format_html('<a href="{}">{}</a>', url, appointment.reference)


admin.site.unregister([Patient, PossibleDuplicate])


@admin.register(Patient)
class PatientWithAppointmentsAdmin(
    PatientRecordsMixin, PatientDataMixin, NamelessLogMixin, ObjectToolsMixin, PatientAdmin
):
    inlines = [*PatientAdmin.inlines, AppointmentInline]
    actions = ["archive", *PatientAdmin.actions, "merge"]
    object_tools = ["archive", "restore", "unmerge"]
    tools_with_form = ["archive", "unmerge"]
    change_form_template = "admin/patients/patient/change_form.html"

    def register_patient(self, request, patient):
        patients.register(patient, actor=get_actor(request))

    def restore_patient(self, request, patient):
        actor, concerned = get_actor(request), Concerned(patients=[patient.pk])
        is_changed, _none = save_and_mark(partial(patients.restore, patient, actor=actor), concerned, actor=actor)
        return is_changed

    def restore_tool(self, request, patient):
        self.restore(request, [patient])


@admin.register(PossibleDuplicate)
class DuplicateWithEventsAdmin(PossibleDuplicateAdmin):
    def render_warning(self, request, *, keep, duplicate):
        return render_warning(request, keep=keep, duplicate=duplicate)

    def merge_records(self, request, *, keep, duplicate):
        patients.merge(keep=keep, duplicate=duplicate, actor=get_actor(request))
