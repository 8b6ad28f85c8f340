"""Services, and the categories they are listed under."""

from collections import Counter

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db import models

from scheduling.admin.forms import DurationField, DurationListField, ServiceForm
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.admin.translations import TranslationsMixin
from scheduling.lib import durations
from scheduling.lib.currencies import write_decimals
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.models import Service, ServiceCategory

# Told apart on the diary's tints, in light and in dark, and by most who do not see all colours.
COLORS = "#2563eb #0f766e #b45309 #7c3aed #b91c1c #0891b2 #4d7c0f #be185d #475569 #a16207".split()


def choose_color():
    """Return the colour that the fewest services have."""
    used = Counter(Service.objects.values_list("color", flat=True))
    return min(COLORS, key=lambda color: used[color])


@admin.register(Service)
class ServiceAdmin(OtherSystemsMixin, TranslationsMixin, ProtectedAdmin):
    form = ServiceForm
    list_display = [
        "name",
        "category",
        "formatted_duration",
        "mode",
        "formatted_price",
        "is_online_bookable",
        "is_private",
        "is_active",
        "position",
    ]
    list_select_related = ["category"]
    list_filter = ["is_active", "is_online_bookable", "is_private", "category", "mode", "clinicians"]
    search_fields = ["name", "slug", "description"]
    prepopulated_fields = {"slug": ["name"]}
    formfield_overrides = {
        models.DurationField: {"form_class": DurationField},
        ArrayField: {"form_class": DurationListField},
    }
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "mode", ("price", "currency"), ("position", "color")]}),
        ("How long it takes", {"fields": ["duration", "buffer_before", "buffer_after"]}),
        ("When it can be booked", {"fields": ["step", "notice", "horizon", "cancellation_notice", "is_once_a_day"]}),
        ("Reminders", {"fields": ["email_reminders", "text_reminders", "reminders_need_consent"]}),
        ("For patients", {"fields": ["new_patients_only_text", "what_to_bring"]}),
        ("Where it is listed", {"fields": ["category", "is_private"]}),
        ("Offered", {"fields": ["is_active", "is_online_bookable"], "description": INSTEAD_OF_DELETING}),
    ]

    def get_changeform_initial_data(self, request):
        return {"color": choose_color(), **super().get_changeform_initial_data(request)}

    @admin.display(description="lasts", ordering="duration")
    def formatted_duration(self, service):
        return durations.format_duration(service.duration)

    @admin.display(description="price", ordering="price")
    def formatted_price(self, service):
        return f"{write_decimals(service.price, service.currency)} {service.currency}"


@admin.register(ServiceCategory)
class ServiceCategoryAdmin(TranslationsMixin, EditConflictMixin, admin.ModelAdmin):
    list_display = ["name", "position", "service_count"]
    search_fields = ["name"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(service_count=models.Count("services"))

    @admin.display(description="services", ordering="service_count")
    def service_count(self, category):
        return category.service_count
