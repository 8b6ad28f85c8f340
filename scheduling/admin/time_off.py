"""Time off."""

from zoneinfo import ZoneInfo

from django.contrib import admin
from django.utils import timezone

from scheduling.admin.forms import TimeOffForm
from scheduling.admin.protected_admin import ScheduleAdmin
from scheduling.lib.timezones import format_local
from scheduling.models import TimeOff
from scheduling.models.local_zones import get_time_off_zone


class PeriodFilter(admin.SimpleListFilter):
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
        return queryset.filter(**conditions.get(self.value() or "", {}))


@admin.register(TimeOff)
class TimeOffAdmin(ScheduleAdmin):
    form = TimeOffForm
    list_display = ["owner", "from_time", "to_time", "reason"]
    list_filter = [PeriodFilter, "clinician", "location"]
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
        return rows.annotate(zone=get_time_off_zone())

    @admin.display(description="who", ordering="clinician__name")
    def owner(self, time_off):
        return time_off.clinician or time_off.location

    @admin.display(description="from", ordering="starts_at")
    def from_time(self, time_off):
        return format_local(time_off.starts_at, ZoneInfo(time_off.zone))

    @admin.display(description="to", ordering="ends_at")
    def to_time(self, time_off):
        return format_local(time_off.ends_at, ZoneInfo(time_off.zone))
