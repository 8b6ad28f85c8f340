"""Locations and services."""

from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db import models

from scheduling.admin.forms import DurationField
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.lib import durations
from scheduling.models import Location, Service


@admin.register(Location)
class LocationAdmin(ProtectedAdmin):
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
class ServiceAdmin(ProtectedAdmin):
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
        return durations.format_duration(service.duration)

    @admin.display(description="price", ordering="price")
    def cost(self, service):
        return f"{service.price} {service.currency}"
