"""Slots: the ledger of taken time."""

from django.contrib import admin

from scheduling.admin.protected_admin import ReadOnlyMixin
from scheduling.lib.timezones import format_local
from scheduling.models import Slot
from scheduling.models.local_zones import get_home_zone


@admin.register(Slot)
class SlotAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """Read only: slots come and go with holds and appointments."""

    list_display = ["clinician", "location", "taken_from", "taken_to", "held_until"]
    list_display_links = None
    list_filter = ["clinician", "location", ("expires_at", admin.EmptyFieldListFilter)]
    list_select_related = ["clinician", "location"]
    search_fields = ["clinician__name", "location__name"]
    show_full_result_count = False
    list_per_page = 50
    fields = ["clinician", "location", "taken_from", "taken_to", "taken_at", "held_until"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(home=get_home_zone())

    @admin.display(description="from, buffer included", ordering="period")
    def taken_from(self, slot):
        return format_local(slot.period.lower, slot.location.zone, unless=slot.home)

    @admin.display(description="to, buffer included")
    def taken_to(self, slot):
        return format_local(slot.period.upper, slot.location.zone, unless=slot.home, pattern="%H:%M")

    @admin.display(description="held until", ordering="expires_at", empty_value="booked")
    def held_until(self, slot):
        return slot.expires_at and format_local(
            slot.expires_at, slot.location.zone, unless=slot.home, pattern="%H:%M:%S"
        )
