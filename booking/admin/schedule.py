"""The schedule's pages again, with a warning when a change touches what is booked.

The scheduling app knows nothing of appointments, so its pages cannot warn by themselves.
"""

from collections import defaultdict
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from booking.admin.feeds import get_feed_url
from booking.domain.notifications import push_upcoming
from booking.models import Appointment
from scheduling.admin import ClinicianAdmin, LocationAdmin, ServiceAdmin, TimeOffAdmin
from scheduling.availability.openings import Hours, as_instant, local_dates, working_time
from scheduling.models import Clinician, Location, Service, TimeOff

MAX_IDS = 50  # an address must not grow too long for the web server
SHOWN_IN_CALENDARS = {"name", "address_line_1", "address_line_2", "city", "postcode"}


def standing(**conditions):
    """Return the appointments that are still to come and not cancelled."""
    under_way = [*Appointment.UPCOMING, Appointment.Status.IN_PROGRESS]
    return Appointment.objects.filter(status__in=under_way, ends_at__gt=timezone.now(), **conditions)


def warn(request, appointments, sentence):
    """Say how many appointments a change touches, if any, and where they are listed. They stay valid."""
    ids = [str(pk) for pk in appointments.values_list("pk", flat=True)]
    if not ids:
        return
    shown = urlencode({"day": "any", "id__in": ",".join(ids[:MAX_IDS])})
    link = "Show them" if len(ids) <= MAX_IDS else f"Show the first {MAX_IDS}"
    messages.warning(
        request,
        format_html(
            '{} {} They stay valid. <a href="{}?{}">{}</a>',
            f"{len(ids)} appointment{'s' if len(ids) > 1 else ''} to come",
            sentence,
            reverse("admin:booking_appointment_changelist"),
            shown,
            link,
        ),
    )


def warn_if_inactive(request, obj, form, **conditions):
    if "is_active" in form.changed_data and not obj.is_active:
        warn(request, standing(**conditions), f"with {obj}, which is no longer offered.")


def warn_if_idle(request, clinician):
    """Say what is missing before a clinician can be booked, if anything."""
    parts = {"services": clinician.services, "working hours": clinician.working_hours}
    missing = [f"no {name}" for name, rows in parts.items() if not rows.exists()]
    if clinician.is_active and missing:
        messages.warning(request, f"Nobody can book {clinician} yet: {', '.join(missing)}.")


def bring_calendars_up_to_date(obj, form):
    """Have what calendars elsewhere show of a location, service or clinician follow a change."""
    if SHOWN_IN_CALENDARS & set(form.changed_data):
        push_upcoming(obj)


def warn_about_time_off(request, time_off):
    owner = {"clinician": time_off.clinician} if time_off.clinician_id else {"location": time_off.location}
    touched = standing(**owner, starts_at__lt=time_off.ends_at).filter(ends_at__gt=time_off.starts_at)
    warn(request, touched, f"during this time off of {time_off.clinician or time_off.location}.")


def outside_hours(clinician):
    """Return the clinician's appointments to come that are not within their working hours."""
    weekly = defaultdict(list)
    for rule in clinician.working_hours.order_by("weekday", "start_time"):
        weekly[rule.location_id, rule.is_remote].append(Hours(rule.weekday, rule.start_time, rule.end_time))
    outside = []
    for appointment in standing(clinician=clinician).select_related("location"):
        start, end = as_instant(appointment.starts_at), as_instant(appointment.ends_at)
        zone = appointment.location.zone
        hours = tuple(weekly[appointment.location_id, appointment.is_remote])
        spells = working_time(hours, zone, *local_dates(zone, start - 86_400, end)).spells
        if not any(spell_start <= start and end <= spell_end for spell_start, spell_end in spells):
            outside.append(appointment.pk)
    return standing(pk__in=outside)


admin.site.unregister([Location, Service, Clinician, TimeOff])


@admin.register(Location)
class WatchedLocationAdmin(LocationAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, location=obj)
            bring_calendars_up_to_date(obj, form)
        if change and "timezone" in form.changed_data:
            warn(request, standing(location=obj), "keep their instant and now show another local time.")


@admin.register(Service)
class WatchedServiceAdmin(ServiceAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, service=obj)
            bring_calendars_up_to_date(obj, form)


@admin.register(Clinician)
class WatchedClinicianAdmin(ClinicianAdmin):
    def render_change_form(self, request, context, obj=None, **kwargs):
        context["feed_page"] = obj and get_feed_url(obj, request)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change:
            warn_if_inactive(request, obj, form, clinician=obj)
            bring_calendars_up_to_date(obj, form)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        for formset in formsets:
            if formset.model is TimeOff:
                for time_off in [*formset.new_objects, *(changed for changed, _ in formset.changed_objects)]:
                    warn_about_time_off(request, time_off)
            elif formset.has_changed():
                warn(request, outside_hours(form.instance), f"outside the working hours of {form.instance}.")
        warn_if_idle(request, form.instance)


@admin.register(TimeOff)
class WatchedTimeOffAdmin(TimeOffAdmin):
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        warn_about_time_off(request, obj)
