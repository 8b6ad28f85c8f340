"""The schedule's admin, extended with a warning when a change touches appointments.

The scheduling app knows nothing of appointments, so its own admin cannot warn.
"""

from collections import defaultdict

from django.contrib import admin, messages
from django.urls import reverse

from booking.admin.appointment_warnings import get_upcoming_appointments, warn_about_appointments
from booking.admin.feeds import get_feed_url
from booking.domain.notifications import push_upcoming
from booking.domain.reminders import replan_reminders
from scheduling.admin import ClinicianAdmin, LocationAdmin, ServiceAdmin, TimeOffAdmin
from scheduling.availability.openings import as_instant, compute_working_time, get_local_dates
from scheduling.availability.queries import as_hours
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


def warn_about_time_off(request, time_off):
    owner = {"clinician": time_off.clinician} if time_off.clinician_id else {"location": time_off.location}
    affected = get_upcoming_appointments(**owner, starts_at__lt=time_off.ends_at).filter(ends_at__gt=time_off.starts_at)
    warn_about_appointments(request, affected, f"during this time off of {time_off.clinician or time_off.location}.")


def get_appointments_outside_hours(clinician):
    """Return the clinician's upcoming appointments that lie outside their working hours."""
    hours_of = defaultdict(list)
    for row in [*clinician.working_hours.all(), *clinician.extra_hours.all()]:
        hours_of[row.location_id, row.is_remote].append(as_hours(row))
    outside = []
    for appointment in get_upcoming_appointments(clinician=clinician).select_related("location"):
        start, end = as_instant(appointment.starts_at), as_instant(appointment.ends_at)
        zone = appointment.location.zone
        hours = tuple(hours_of[appointment.location_id, appointment.is_remote])
        spells = compute_working_time(hours, zone, *get_local_dates(zone, start - 86_400, end)).spells
        if not any(spell_start <= start and end <= spell_end for spell_start, spell_end in spells):
            outside.append(appointment.pk)
    return get_upcoming_appointments(pk__in=outside)


admin.site.unregister([Location, Service, Clinician, TimeOff])


@admin.register(Location)
class LocationWithWarningsAdmin(LocationAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, location=obj)
            push_changes(obj, form)
        if change and "timezone" in form.changed_data:
            warn_about_appointments(
                request, get_upcoming_appointments(location=obj), "keep their instant and now show another local time."
            )


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
class ClinicianWithWarningsAdmin(ClinicianAdmin):
    def render_change_form(self, request, context, obj=None, **kwargs):
        context["feed_page"] = obj and get_feed_url(obj, request)
        may_view = request.user.has_perm("scheduling.view_workinghours")
        context["week_page"] = obj and may_view and reverse("admin:scheduling_clinician_week", args=[obj.pk])
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, clinician=obj)
            push_changes(obj, form)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        for formset in formsets:
            if formset.model is TimeOff:
                for time_off in [*formset.new_objects, *(changed for changed, _ in formset.changed_objects)]:
                    warn_about_time_off(request, time_off)
        if any(formset.has_changed() for formset in formsets if formset.model is not TimeOff):
            outside = get_appointments_outside_hours(form.instance)
            warn_about_appointments(request, outside, f"outside the working hours of {form.instance}.")
        warn_if_not_bookable(request, form.instance)


@admin.register(TimeOff)
class TimeOffWithWarningsAdmin(TimeOffAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        warn_about_time_off(request, obj)
