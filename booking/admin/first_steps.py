"""The first steps of a new clinic: one short form after the other, filled in as far as it can be guessed."""

from datetime import time, timedelta
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import slugify

from booking.domain import first_steps
from booking.domain.first_steps import STEPS, list_missing_steps
from booking.models import Branding
from booking.models.branding import get_branding, recent_branding
from scheduling.lib.phone_input import PhoneInput, clean_phone
from scheduling.lib.phones import list_phone_countries
from scheduling.models import Clinician, Location, Service, WorkingHours
from scheduling.models.validators import validate_price

LABELS = dict(zip(STEPS, ("Your location", "A service", "A clinician", "Their hours", "Your page"), strict=True))
PERMISSIONS = [
    "scheduling.add_location",
    "scheduling.add_service",
    "scheduling.add_clinician",
    "scheduling.add_workinghours",
    "booking.add_branding",
]


class LocationForm(forms.ModelForm):
    """Where the clinic is."""

    timezone = forms.ChoiceField(label="Time zone")

    class Meta:
        model = Location
        fields = ["name", "address_line_1", "postcode", "city", "timezone"]
        labels = {"address_line_1": "Street and number", "city": "Town"}

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        names = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
        self.fields["timezone"].choices = [(name, name.replace("_", " ")) for name in names]
        # A page in a browser guesses better: first_steps.js.
        self.initial |= {"name": get_branding().name, "timezone": settings.TIME_ZONE}

    def save_step(self):
        first_steps.add_location(self.instance)


class ServiceForm(forms.ModelForm):
    """What patients book first."""

    minutes = forms.IntegerField(label="Minutes", initial=30, min_value=5, max_value=480)

    class Meta:
        model = Service
        fields = ["name", "minutes", "price", "currency", "mode"]
        labels = {"mode": "How"}
        help_texts = {"price": "0 is shown as free of charge.", "currency": ""}

    field_order = ["name", "minutes", "mode", "price", "currency"]

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["name"] = "Consultation"
        self.fields["price"].widget.attrs["step"] = "any"

    def clean_currency(self):
        return self.cleaned_data["currency"].upper()

    def clean(self):
        fields = super().clean()
        if {"price", "currency"} <= fields.keys():
            validate_price(fields["price"], fields["currency"])
        return fields

    def save_step(self):
        service = self.instance
        service.duration = service.step = timedelta(minutes=self.cleaned_data["minutes"])
        service.slug = slugify(service.name) or "service"
        first_steps.add_service(service)


class ClinicianForm(forms.ModelForm):
    """Who is booked."""

    class Meta:
        model = Clinician
        fields = ["name", "title"]
        help_texts = {"name": "As patients see it.", "title": "Such as Physiotherapist."}

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["name"] = user.get_full_name()

    def save_step(self):
        first_steps.add_clinician(self.instance)


class HoursForm(forms.Form):
    """When they work, every week."""

    weekdays = forms.TypedMultipleChoiceField(
        label="On",
        choices=WorkingHours.Weekday.choices,
        coerce=int,
        initial=[*range(5)],
        widget=forms.CheckboxSelectMultiple,
    )
    start = forms.TimeField(label="From", initial=time(9))
    end = forms.TimeField(label="To", initial=time(17))
    break_start = forms.TimeField(label="Break from", initial=time(12), required=False)
    break_end = forms.TimeField(label="Break to", initial=time(13), required=False)

    def __init__(self, *args, user, instance=None, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("start", "end", "break_start", "break_end"):
            self.fields[name].widget = forms.TimeInput({"type": "time"}, format="%H:%M")

    def clean(self):
        fields = super().clean()
        times = [fields.get(name) for name in ("start", "break_start", "break_end", "end")]
        given = [each for each in times if each is not None]
        if (fields.get("break_start") is None) != (fields.get("break_end") is None):
            self.add_error("break_end", "Write both, or leave both empty.")
        elif not self.errors and sorted(set(given)) != given:
            self.add_error("end", "Write times of one day, one after the other.")
        return fields

    def save_step(self):
        fields = self.cleaned_data
        spells = [(fields["start"], fields["end"])]
        if fields["break_start"]:
            spells = [(fields["start"], fields["break_start"]), (fields["break_end"], fields["end"])]
        first_steps.add_week(fields["weekdays"], spells)


class PageForm(forms.ModelForm):
    """How patients see the clinic."""

    privacy_notice_url = forms.URLField(
        label="Privacy notice",
        required=False,
        assume_scheme="https",  # pyright: ignore[reportCallIssue]
        help_text="Its address, if there is a page.",
    )

    class Meta:
        model = Branding
        fields = ["clinic_name", "phone", "accent", "privacy_notice_url"]
        help_texts = {"clinic_name": "", "accent": "Of buttons and links."}
        widgets = {"accent": forms.TextInput({"type": "color"}), "phone": PhoneInput}

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["clinic_name"] = get_branding().name

    def clean_phone(self):
        phone = clean_phone(self, "phone", list_phone_countries())
        return self.cleaned_data["phone"] if phone is None else str(phone)

    def save_step(self):
        self.save()
        recent_branding.forget()


FORMS = dict(zip(STEPS, (LocationForm, ServiceForm, ClinicianForm, HoursForm, PageForm), strict=True))


def may_take_first_steps(user):
    """Return whether somebody may do all of them."""
    return user.has_perms(PERMISSIONS)


def list_steps(missing):
    """Return each step as (number, label, whether it is done, whether it is next)."""
    return [
        (number, LABELS[name], name not in missing, name in missing[:1]) for number, name in enumerate(STEPS, start=1)
    ]


@admin.site.page("first-steps/", name="first_steps")
def show_first_steps(request):
    """Show the form of the first step that is missing, and take it."""
    if not may_take_first_steps(request.user):
        raise PermissionDenied
    missing = list_missing_steps()
    step = missing[0] if missing else None
    if request.method == "POST" and request.POST.get("step") != step:  # in another window, or twice
        return redirect("admin:first_steps")
    form = step and FORMS[step](request.POST if request.method == "POST" else None, user=request.user)
    if form and form.is_bound and form.is_valid():
        form.save_step()
        messages.success(request, f"{LABELS[step]}: done.")
        return redirect("admin:first_steps")
    context = {
        **admin.site.each_context(request),
        "title": LABELS[step] if step else "You can be booked",
        "step": step,
        "steps": list_steps(missing),
        "form": form,
        "booking_page": request.build_absolute_uri(reverse("widget:services")) if not step else "",
    }
    return TemplateResponse(request, "admin/first_steps.html", context)
