"""Form fields for durations and for days with times, and the forms of services and of time off."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.utils import from_current_timezone
from django.utils import timezone

from scheduling.lib import durations
from scheduling.lib.currencies import write_decimals
from scheduling.models import Service, TimeOff
from scheduling.models.local_zones import find_time_off_zone
from scheduling.models.validators import validate_price


class DurationField(forms.Field):
    """A duration typed as ``30 min``, ``1 h 30 min`` or ``60 days``; a bare number means minutes."""

    def __init__(self, **kwargs):
        kwargs["help_text"] = kwargs.get("help_text") or "For example 30 min, 2 h or 60 days."
        super().__init__(**kwargs | {"widget": forms.TextInput(attrs={"class": "vDurationField"})})

    def prepare_value(self, value):
        return value if value is None or isinstance(value, str) else durations.format_duration(value)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        try:
            return durations.parse_duration(str(value))
        except ValueError as error:
            raise forms.ValidationError(
                "Write a length of time such as 30 min, 1 h 30 min or 60 days.", code="invalid"
            ) from error

    def has_changed(self, initial, data):
        try:
            return initial != self.to_python(data)
        except forms.ValidationError:
            return True


class DurationListField(forms.Field):
    """Durations separated by commas, such as ``48 h, 2 h``; the longest first, each once."""

    def __init__(self, *, base_field=None, max_length=None, **kwargs):
        self.max_length = max_length
        super().__init__(**kwargs | {"widget": forms.TextInput(attrs={"class": "vTextField"})})

    def prepare_value(self, value):
        return ", ".join(map(durations.format_duration, value)) if isinstance(value, list) else value

    def to_python(self, value):
        typed = [part.strip() for part in str(value or "").split(",") if part.strip()]
        try:
            found = sorted({durations.parse_duration(part) for part in typed}, reverse=True)
        except ValueError as error:
            raise forms.ValidationError("Write lengths of time such as 48 h, 2 h.", code="invalid") from error
        if self.max_length and len(found) > self.max_length:
            raise forms.ValidationError(f"Write {self.max_length} at most.", code="max_length")
        return found

    def has_changed(self, initial, data):
        try:
            return list(initial or []) != self.to_python(data)
        except forms.ValidationError:
            return True


class DayAndTimeField(forms.MultiValueField):
    """A day and a time; cleans to a list of both, either of which may be None."""

    widget = AdminSplitDateTime

    def __init__(self, **kwargs):
        day = forms.DateField(
            required=False,
            error_messages={"invalid": "Write the day such as 30/11/2026."},
            validators=[MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2200, 1, 1))],
        )
        at = forms.TimeField(required=False, error_messages={"invalid": "Write the time such as 09:30."})
        super().__init__(fields=[day, at], require_all_fields=False, required=False, **kwargs)

    def compress(self, data_list):
        return data_list or [None, None]


class ServiceForm(forms.ModelForm):
    """A service. Its price and its currency are judged together, and again only when one of them is changed."""

    class Meta:
        model = Service
        fields = ["price", "currency"]  # and those that the admin class names
        widgets = {"color": forms.TextInput(attrs={"type": "color"})}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "price" in self.fields:
            self.fields["price"].widget.attrs["step"] = "any"  # the currency says how fine, and it can be changed here
            if self.instance.pk:
                self.initial["price"] = write_decimals(self.instance.price, self.instance.currency)

    def clean_currency(self):
        return self.cleaned_data["currency"].upper()

    def clean(self):
        super().clean()
        typed = [self.cleaned_data.get(name) for name in ("price", "currency")]
        if None not in typed and not {"price", "currency"}.isdisjoint(self.changed_data):
            validate_price(*typed)


class TimeOffForm(forms.ModelForm):
    """Time off in the wall time of the closed location, or of where the clinician works.

    Without times it covers whole days, without a last day it covers one.
    """

    starts_at = DayAndTimeField(label="From", help_text="Without a time: from the beginning of the day.")
    ends_at = DayAndTimeField(label="To", help_text="Without a time: to the end of the day. Without a day: the same.")

    class Meta:
        model = TimeOff
        fields = ["clinician", "location", "starts_at", "ends_at", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            zone = find_time_off_zone(clinician=self.instance.clinician, location=self.instance.location)
            for name in ("starts_at", "ends_at"):
                self.initial[name] = timezone.make_naive(getattr(self.instance, name), zone)

    def clean(self):
        super().clean()
        zone = find_time_off_zone(
            clinician=self.cleaned_data.get("clinician"), location=self.cleaned_data.get("location")
        )
        first, start = self.cleaned_data.pop("starts_at", (None, None))
        last, end = self.cleaned_data.pop("ends_at", (None, None))
        if first:
            self._set_local_time(zone, "starts_at", datetime.combine(first, start or time()))
        elif "starts_at" not in self.errors:
            self.add_error("starts_at", "Write the first day.")
        last = last or first
        if last and "ends_at" not in self.errors:
            end_of_day = datetime.combine(last, time()) + timedelta(days=1)
            self._set_local_time(zone, "ends_at", datetime.combine(last, end) if end else end_of_day)

    def _set_local_time(self, zone, name, local_time):
        try:
            with timezone.override(zone):
                self.cleaned_data[name] = from_current_timezone(local_time)
        except forms.ValidationError as error:
            self.add_error(name, error)
