"""Clinicians, with their working hours and time off."""

from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from scheduling.admin.calendar_warnings import (
    CalendarWarningsMixin,
    get_calendar_state,
    render_add_calendar_link,
    warn_about_unreachable,
)
from scheduling.admin.forms import TimeOffForm
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.lib.integration_admin import OtherSystemsMixin, list_kept_fieldsets
from scheduling.models import Clinician, TimeOff, WorkingHours


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("clinician", "location")


class TimeOffInline(admin.TabularInline):
    """Time off that has not ended; the list of time off shows all of it."""

    model = TimeOff
    form = TimeOffForm
    fields = ["starts_at", "ends_at", "reason"]
    extra = 0
    verbose_name_plural = "time off from now on, in the time of where they work"

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician", "location")
        return rows.filter(ends_at__gte=timezone.now()).order_by("starts_at")


@admin.register(Clinician)
class ClinicianAdmin(OtherSystemsMixin, CalendarWarningsMixin, ProtectedAdmin):
    list_display = ["name", "title", "service_names", "own_calendars", "user", "is_active"]
    list_filter = ["is_active", "services", ("working_hours__location", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["name", "title", "user__username"]
    filter_horizontal = ["services"]
    readonly_fields = ["own_calendars"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("services", "calendars")

    def get_fieldsets(self, request, obj=None):
        about = (None, {"fields": ["name", "title", "bio", "services", "user"]})
        offered = ("Offered", {"fields": ["is_active"], "description": INSTEAD_OF_DELETING})
        if obj is None:
            return [about, offered]
        calendars = {"fields": ["own_calendars"], "description": render_add_calendar_link(request, obj)}
        return [about, ("Own calendars", calendars), offered, *list_kept_fieldsets(obj)]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method == "GET":
            with suppress(ValueError):  # not an id
                warn_about_unreachable(request, clinician=UUID(object_id))
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="calendars")
    def own_calendars(self, clinician):
        """Return a line for each of the clinician's calendars, with its state."""
        now = timezone.now()
        calendars = [(calendar, get_calendar_state(calendar, at=now)) for calendar in clinician.calendars.all()]
        lines = [
            (reverse("admin:scheduling_calendar_change", args=[calendar.pk]), calendar.name, state)
            for calendar, state in calendars
        ]
        return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>: {}', lines) or None

    def get_inlines(self, request, obj):
        # Time off is written in the zone where the clinician works, which is unknown for a new one.
        return [WorkingHoursInline, TimeOffInline] if obj else [WorkingHoursInline]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "user":
            kwargs["queryset"] = get_user_model().objects.filter(is_staff=True, is_superuser=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="offers")
    def service_names(self, clinician):
        return ", ".join(service.name for service in clinician.services.all()) or None
