"""Locations."""

from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db import connection

from scheduling.admin.calendar_warnings import (
    CalendarWarningsMixin,
    render_add_calendar_link,
    render_calendar_states,
)
from scheduling.admin.pictures import PictureAdmin, PictureField, PictureFormMixin
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.admin.translations import TranslationsMixin
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.lib.phone_input import PhoneInput, clean_phone
from scheduling.lib.phones import list_phone_countries
from scheduling.lib.pictures import encode_place
from scheduling.models import Calendar, Location
from scheduling.schedule_changes import lock_locations


class LocationForm(PictureFormMixin, forms.ModelForm):
    """A location; its phone number is one of its country, or the clinic's."""

    picture = PictureField(encode_place, label="Photo", help_text="The house or its door, as who comes sees it.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "phone" in self.fields:
            self.fields["phone"].widget = PhoneInput({"class": "vTextField"})

    def clean_phone(self):
        country = self.cleaned_data.get("country") or self.instance.country
        phone = clean_phone(self, "phone", list_phone_countries(country))
        return self.cleaned_data["phone"] if phone is None else str(phone)


@admin.register(Location)
class LocationAdmin(OtherSystemsMixin, TranslationsMixin, CalendarWarningsMixin, PictureAdmin, ProtectedAdmin):
    form = LocationForm
    list_display = ["name", "city", "timezone", "hold_lifetime", "is_active"]
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
        (
            "For patients",
            {"fields": ["picture", "phone", "email", "directions", "step_free_access", "access_notes", "parking"]},
        ),
        ("Offered", {"fields": ["is_active"], "description": INSTEAD_OF_DELETING}),
    ]
    readonly_fields = ["holidays"]

    def get_fieldsets(self, request, obj=None):
        link = obj and render_add_calendar_link(request, "its holidays", kind=Calendar.Kind.HOLIDAYS, location=obj.pk)
        holidays = [("Holidays", {"fields": ["holidays"], "description": link})] if obj else []
        about, *others = super().get_fieldsets(request, obj)
        return [about, *holidays, *others]

    @admin.display(description="calendars")
    def holidays(self, location):
        return render_calendar_states(location.calendars.all())

    def get_object(self, request, object_id, from_field=None):
        if request.method == "POST" and connection.in_atomic_block:
            lock_locations()  # all are by the end, in one order: this one must not be before its turn
        return super().get_object(request, object_id, from_field)

    def save_model(self, request, obj, form, change):
        lock_locations()
        super().save_model(request, obj, form, change)

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
    def hold_lifetime(self, location):
        return "{}:{:02} min".format(*divmod(location.hold_seconds, 60))
