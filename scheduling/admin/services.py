"""Services."""

from django.contrib import admin
from django.db import models

from scheduling.admin.forms import DurationField, ServiceForm
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.lib import durations
from scheduling.lib.currencies import write_decimals
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.models import Service


@admin.register(Service)
class ServiceAdmin(OtherSystemsMixin, ProtectedAdmin):
    form = ServiceForm
    list_display = [
        "name",
        "formatted_duration",
        "mode",
        "formatted_price",
        "is_online_bookable",
        "is_active",
        "position",
    ]
    list_filter = ["is_active", "is_online_bookable", "mode", "clinicians"]
    search_fields = ["name", "slug", "description"]
    prepopulated_fields = {"slug": ["name"]}
    formfield_overrides = {models.DurationField: {"form_class": DurationField}}
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "mode", ("price", "currency"), ("position", "color")]}),
        ("How long it takes", {"fields": ["duration", "buffer_before", "buffer_after"]}),
        ("When it can be booked", {"fields": ["step", "notice", "horizon", "cancellation_notice", "is_once_a_day"]}),
        ("For patients", {"fields": ["new_patients_only_text", "what_to_bring"]}),
        ("Offered", {"fields": ["is_active", "is_online_bookable"], "description": INSTEAD_OF_DELETING}),
    ]

    @admin.display(description="lasts", ordering="duration")
    def formatted_duration(self, service):
        return durations.format_duration(service.duration)

    @admin.display(description="price", ordering="price")
    def formatted_price(self, service):
        return f"{write_decimals(service.price, service.currency)} {service.currency}"
