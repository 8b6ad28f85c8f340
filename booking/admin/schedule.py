"""The schedule's admin, extended for the visits that a change touches: it asks before it strands any.

The scheduling app knows nothing of visits, so its own admin cannot ask.
"""

from django.contrib import admin, messages
from django.urls import reverse

from booking.admin.appointment_warnings import get_upcoming_appointments, warn_about_appointments
from booking.admin.feeds import get_feed_url
from booking.admin.strands_visits import StrandsVisitsMixin
from booking.domain.notifications import push_upcoming
from booking.domain.reminders import replan_reminders
from booking.domain.stranded_visits import Concerned
from scheduling.admin import ClinicianAdmin, LocationAdmin, ServiceAdmin, TimeOffAdmin
from scheduling.lib.ids import parse_id
from scheduling.models import Clinician, Location, Service, TimeOff
from scheduling.models.hours import list_workplaces

REMINDER_FIELDS = {"email_reminders", "text_reminders"}
CALENDAR_FIELDS = {"name", "address_line_1", "address_line_2", "city", "postcode"}


def warn_if_inactive(request, obj, form, **conditions):
    if "is_active" in form.changed_data and not obj.is_active:
        warn_about_appointments(
            request, get_upcoming_appointments(**conditions), f"with {obj}, which is no longer offered."
        )


def warn_if_not_bookable(request, clinician):
    """Warn about an active clinician without services or working hours."""
    parts = {
        "services": clinician.services.exists(),
        "working hours": list_workplaces("clinician", clinician=clinician).exists(),
    }
    missing = [f"no {name}" for name, has_some in parts.items() if not has_some]
    if clinician.is_active and missing:
        messages.warning(request, f"Nobody can book {clinician} yet: {', '.join(missing)}.")


def push_changes(obj, form):
    """Update clinicians' own calendars after a change of a location, service or clinician."""
    if CALENDAR_FIELDS & set(form.changed_data):
        push_upcoming(obj)


admin.site.unregister([Location, Service, Clinician, TimeOff])


@admin.register(Location)
class LocationWithVisitsAdmin(StrandsVisitsMixin, LocationAdmin):
    def get_concerned(self, request, obj):
        return Concerned(locations=[obj.pk] if obj else [])

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            push_changes(obj, form)


@admin.register(Service)
class ServiceWithWarningsAdmin(ServiceAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, service=obj)
            push_changes(obj, form)
        if change and REMINDER_FIELDS & set(form.changed_data):
            replan_reminders(obj)


@admin.register(Clinician)
class ClinicianWithVisitsAdmin(StrandsVisitsMixin, ClinicianAdmin):
    def get_concerned(self, request, obj):
        return Concerned(clinicians=[obj.pk] if obj else [])

    def render_change_form(self, request, context, obj=None, **kwargs):
        context["feed_page"] = obj and get_feed_url(obj, request)
        may_view = request.user.has_perm("scheduling.view_workinghours")
        context["week_page"] = obj and may_view and reverse("admin:scheduling_clinician_week", args=[obj.pk])
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            push_changes(obj, form)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        warn_if_not_bookable(request, form.instance)


@admin.register(TimeOff)
class TimeOffWithVisitsAdmin(StrandsVisitsMixin, TimeOffAdmin):
    def get_concerned(self, request, obj):
        # Of whom it was and of whom it is to be.
        clinicians = {obj.clinician_id if obj else None, parse_id(request.POST.get("clinician"))} - {None}
        locations = {obj.location_id if obj else None, parse_id(request.POST.get("location"))} - {None}
        return Concerned(clinicians=clinicians, locations=locations)
