"""The ledger of taken time."""

from django.contrib import admin

from ..models import Slot
from ..zones import home_zone, written
from .kept import ReadOnly


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
