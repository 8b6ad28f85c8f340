"""Django admin for the schedule: places, people, services, time off, and the ledger of taken time."""

from contextlib import suppress
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from . import durations
from .calendar_admin import WarnsOfCalendars, add_calendar, state_of, warn_of_unreachable
from .forms import DurationField, TimeOffForm
from .models import Clinician, Location, Service, Slot, TimeOff, WorkingHours
from .zones import home_zone, written, zone_of_time_off

INSTEAD_OF_DELETING = (
    "What an appointment, a hold or a taken time points at is never deleted. "
    "To stop offering it, untick active: what is booked stays booked."
)


class ReadOnly:
    """A page to look at: what it shows is made, changed and removed by verbs alone."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class KeptAdmin(admin.ModelAdmin):
    """For what history points at: that is made inactive instead of deleted, and never in bulk."""

    show_full_result_count = False

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and not (obj and self._is_kept(obj))

    def _is_kept(self, obj):
        return any(
            relation.related_model._base_manager.filter(**{relation.field.name: obj}).exists()
            for relation in obj._meta.related_objects  # whoever points at it, without knowing them
            if relation.on_delete is models.PROTECT
        )

    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


@admin.register(Location)
class LocationAdmin(KeptAdmin):
    list_display = ["name", "city", "timezone", "hold_lasts", "is_active"]
    list_filter = ["is_active", "timezone", "country"]
    search_fields = ["name", "address_line_1", "address_line_2", "city", "postcode", "phone", "email"]
    fieldsets = [
        (None, {"fields": ["name", "timezone", "hold_seconds"]}),
        (
            "Address",
            {
                "fields": [
                    "address_line_1",
                    "address_line_2",
                    "city",
                    "postcode",
                    "country",
                    ("latitude", "longitude"),
                ]
            },
        ),
        ("For patients", {"fields": ["phone", "email", "directions"]}),
        ("Offered", {"fields": ["is_active"], "description": INSTEAD_OF_DELETING}),
    ]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "timezone":
            names = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
            return forms.ChoiceField(
                label="Time zone",
                choices=[(name, name) for name in names],
                initial=db_field.default,
                help_text="Working hours are wall time here. A change moves the hours, not what is booked.",
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="a hold lasts", ordering="hold_seconds")
    def hold_lasts(self, location):
        return "{}:{:02} min".format(*divmod(location.hold_seconds, 60))


@admin.register(Service)
class ServiceAdmin(KeptAdmin):
    list_display = ["name", "lasts", "mode", "cost", "is_online_bookable", "is_active", "position"]
    list_filter = ["is_active", "is_online_bookable", "mode", "clinicians"]
    search_fields = ["name", "slug", "description"]
    prepopulated_fields = {"slug": ["name"]}
    formfield_overrides = {models.DurationField: {"form_class": DurationField}}
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "mode", ("price", "currency"), ("position", "color")]}),
        ("How long it takes", {"fields": ["duration", "buffer_before", "buffer_after"]}),
        ("When it can be booked", {"fields": ["step", "notice", "horizon", "cancellation_notice"]}),
        ("For patients", {"fields": ["new_patients_only_text", "what_to_bring"]}),
        ("Offered", {"fields": ["is_active", "is_online_bookable"], "description": INSTEAD_OF_DELETING}),
    ]

    @admin.display(ordering="duration")
    def lasts(self, service):
        return durations.written(service.duration)

    @admin.display(description="price", ordering="price")
    def cost(self, service):
        return f"{service.price} {service.currency}"


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("clinician", "location")


class TimeOffInline(admin.TabularInline):
    """Time off that is not over yet; all of it is in the list of time off."""

    model = TimeOff
    form = TimeOffForm
    fields = ["starts_at", "ends_at", "reason"]
    extra = 0
    verbose_name_plural = "time off from now on, in the time of where they work"

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician", "location")
        return rows.filter(ends_at__gte=timezone.now()).order_by("starts_at")


@admin.register(Clinician)
class ClinicianAdmin(WarnsOfCalendars, KeptAdmin):
    list_display = ["name", "title", "offers", "own_calendars", "user", "is_active"]
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
        calendars = {"fields": ["own_calendars"], "description": add_calendar(request, obj)}
        return [about, ("Own calendars", calendars), offered]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method == "GET":
            with suppress(ValueError):  # an address that is nobody's
                warn_of_unreachable(request, clinician=UUID(object_id))
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="calendars")
    def own_calendars(self, clinician):
        """Return a line for each of their calendars elsewhere, with its state."""
        now = timezone.now()
        calendars = [(calendar, state_of(calendar, at=now)) for calendar in clinician.calendars.all()]
        lines = [
            (reverse("admin:scheduling_calendar_change", args=[calendar.pk]), calendar.name, state)
            for calendar, state in calendars
        ]
        return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>: {}', lines) or None

    def get_inlines(self, request, obj):
        # A new clinician works nowhere yet, so it is not known in which zone time off would be written.
        return [WorkingHoursInline, TimeOffInline] if obj else [WorkingHoursInline]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "user":
            kwargs["queryset"] = get_user_model().objects.filter(is_staff=True, is_superuser=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def offers(self, clinician):
        return ", ".join(service.name for service in clinician.services.all()) or None


class WhenOver(admin.SimpleListFilter):
    title = "when"
    parameter_name = "when"

    def lookups(self, request, model_admin):
        return [("now", "now"), ("coming", "coming"), ("over", "over")]

    def queryset(self, request, queryset):
        now = timezone.now()
        conditions = {
            "now": {"starts_at__lte": now, "ends_at__gt": now},
            "coming": {"starts_at__gt": now},
            "over": {"ends_at__lte": now},
        }
        return queryset.filter(**conditions.get(self.value(), {}))


@admin.register(TimeOff)
class TimeOffAdmin(admin.ModelAdmin):
    form = TimeOffForm
    list_display = ["who", "from_time", "to_time", "reason"]
    list_filter = [WhenOver, "clinician", "location"]
    search_fields = ["clinician__name", "location__name", "reason"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["clinician", "location"], "description": "Who is away, or which location is closed."}),
        (
            None,
            {
                "fields": ["starts_at", "ends_at", "reason"],
                "description": "In the time of the location, or of where the clinician works. "
                "What is booked then stays booked, until somebody cancels it.",
            },
        ),
    ]

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician", "location")
        return rows.annotate(zone=zone_of_time_off())

    @admin.display(ordering="clinician__name")
    def who(self, time_off):
        return time_off.clinician or time_off.location

    @admin.display(description="from", ordering="starts_at")
    def from_time(self, time_off):
        return written(time_off.starts_at, ZoneInfo(time_off.zone))

    @admin.display(description="to", ordering="ends_at")
    def to_time(self, time_off):
        return written(time_off.ends_at, ZoneInfo(time_off.zone))


@admin.register(Slot)
class SlotAdmin(ReadOnly, admin.ModelAdmin):
    """The ledger: to be read only. Slots come and go with holds and appointments."""

    list_display = ["clinician", "location", "taken_from", "taken_to", "kept"]
    list_display_links = None
    list_filter = ["clinician", "location", ("expires_at", admin.EmptyFieldListFilter)]
    list_select_related = ["clinician", "location"]
    search_fields = ["clinician__name", "location__name"]
    show_full_result_count = False
    fields = ["clinician", "location", "taken_from", "taken_to", "taken_at", "kept"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(home=home_zone())

    @admin.display(description="from, buffer included", ordering="period")
    def taken_from(self, slot):
        return written(slot.period.lower, slot.location.zone, unless=slot.home)

    @admin.display(description="to, buffer included")
    def taken_to(self, slot):
        return written(slot.period.upper, slot.location.zone, unless=slot.home, pattern="%H:%M")

    @admin.display(description="held until", ordering="expires_at", empty_value="booked")
    def kept(self, slot):
        return slot.expires_at and written(slot.expires_at, slot.location.zone, unless=slot.home, pattern="%H:%M:%S")
