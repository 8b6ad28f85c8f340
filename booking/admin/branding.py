"""The clinic's name, logo and colour: one page, for managers."""

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpResponseRedirect
from django.urls import reverse

from booking.models import Branding
from booking.models.branding import recent_branding
from scheduling.admin.pictures import PictureAdmin, PictureField, PictureFormMixin
from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.lib.phone_input import PhoneInput, clean_phone
from scheduling.lib.phones import list_phone_countries
from scheduling.lib.pictures import encode_logo

LOGO_HELP = (
    "A PNG with a transparent ground looks best. It is shown 40 pixels high, and icons are made of it. "
    "On dark pages a white plate lies below it."
)
SHOWN_IN = "Patients see this on every page and in every e-mail. A change is there in ten seconds."


class BrandingForm(PictureFormMixin, forms.ModelForm):
    """The clinic's branding; its phone number is one of the clinic's country."""

    owns = "logo"
    picture = PictureField(encode_logo, label="Logo", help_text=LOGO_HELP)

    class Meta:
        widgets = {"accent": forms.TextInput(attrs={"type": "color"}), "phone": PhoneInput({"class": "vTextField"})}

    def clean_phone(self):
        phone = clean_phone(self, "phone", list_phone_countries())
        return self.cleaned_data["phone"] if phone is None else str(phone)


@admin.register(Branding)
class BrandingAdmin(EditConflictMixin, PictureAdmin):
    form = BrandingForm
    owns = "logo"
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = [
        (None, {"fields": ["clinic_name", "picture", "accent", "description"], "description": SHOWN_IN}),
        ("Messages", {"fields": ["sender_name"]}),
        ("When a page cannot help", {"fields": ["phone"]}),
        (
            "What the law asks for",
            {"fields": ["privacy_notice_url", "privacy_notice_version", "imprint_url", "terms_url"]},
        ),
        ("Clinicians", {"fields": ["approves_time_off"]}),
    ]

    def has_add_permission(self, request):
        return super().has_add_permission(request) and not Branding.objects.exists()

    def has_delete_permission(self, request, obj=None):
        return False

    def changelist_view(self, request, extra_context=None):
        """Lead to the only page there is to see."""
        if Branding.objects.exists():
            page = reverse("admin:booking_branding_change", args=[Branding.ONLY])
        elif self.has_add_permission(request):
            page = reverse("admin:booking_branding_add")
        else:
            return super().changelist_view(request, extra_context)
        return HttpResponseRedirect(page)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        recent_branding.forget()
