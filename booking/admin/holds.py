"""Holds: the live ones with the time left, and their release."""

from django.contrib import admin, messages
from django.utils import timezone

from booking.admin.booking_columns import BookingColumns
from booking.admin.booking_filters import VisitFilter
from booking.admin.permissions import get_actor
from booking.domain.holds import release_hold
from booking.domain.transitions import ChangedMeanwhile, WrongState
from booking.models import Hold
from patients.admin.filters import DefaultFilter
from scheduling.admin import ReadOnlyMixin
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.lib.timezones import format_local
from scheduling.models.local_zones import get_home_zone


class LiveFilter(DefaultFilter):
    """Filter by status: live holds by default."""

    default = "Live"
    title = "status"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [*(choice for choice in Hold.Status.choices if choice[0] != Hold.Status.ACTIVE), ("all", "All")]

    def queryset(self, request, queryset):
        if self.value() is None:
            return queryset.filter(status=Hold.Status.ACTIVE, expires_at__gt=timezone.now())
        return queryset if self.value() == "all" else queryset.filter(status=self.value())


@admin.register(Hold)
class HoldAdmin(OtherSystemsMixin, BookingColumns, ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["when", "time_left", "service", "clinician", "place", "extensions", "status", "placed_at"]
    list_filter = [LiveFilter, "clinician", "location", "service", VisitFilter]
    search_fields = ["=id", "clinician__name", "service__name", "location__name"]
    ordering = ["expires_at"]
    show_full_result_count = False
    actions = ["release"]
    fields = ["id", "status", "when", "service", "clinician", "place", "placed_at", "time_left", "extensions"]

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("service", "clinician", "location")
        return rows.annotate(home=get_home_zone())

    def has_release_permission(self, request):
        return request.user.has_perm("booking.change_hold")

    @admin.display(description="placed", ordering="created_at")
    def placed_at(self, hold):
        return format_local(hold.created_at, hold.location.zone, unless=hold.home, pattern="%-d %b, %H:%M")

    @admin.display(ordering="expires_at", empty_value="–")
    def time_left(self, hold):
        left = hold.seconds_left(timezone.now())
        return "{}:{:02}".format(*divmod(left, 60)) if left else None

    @admin.action(description="Release: give the time back", permissions=["release"])
    def release(self, request, queryset):
        for hold in queryset:
            name = str(hold)
            try:
                release_hold(hold, actor=get_actor(request))
            except WrongState:
                messages.warning(request, f"{name} was not released: it is {hold.get_status_display().lower()} by now.")
            except ChangedMeanwhile:
                messages.warning(request, f"{name} was not released: it was moved to another time just now.")
            else:
                messages.success(request, f"{name} is {hold.get_status_display().lower()}.")
