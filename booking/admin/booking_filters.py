"""List filters that bookings share."""

from django.contrib import admin


class VisitFilter(admin.SimpleListFilter):
    """In person or by video."""

    title = "visit"
    parameter_name = "how"

    def lookups(self, request, model_admin):
        return [("in-person", "In person"), ("video", "By video")]

    def queryset(self, request, queryset):
        if self.value() in ("in-person", "video"):
            return queryset.filter(is_remote=self.value() == "video")
        return queryset
