"""How staff type durations and time off."""

from datetime import UTC
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.forms.utils import from_current_timezone
from django.utils import timezone

from . import durations
from .models import Location, TimeOff
from .zones import home_zone, zone_where


class DurationField(forms.Field):
    """A length of time in words: ``30 min``, ``1 h 30 min``, ``60 days``; a bare number is minutes."""

    def __init__(self, **kwargs):
        kwargs["help_text"] = kwargs.get("help_text") or "For example 30 min, 2 h or 60 days."
        super().__init__(**kwargs | {"widget": forms.TextInput(attrs={"class": "vDurationField"})})

    def prepare_value(self, value):
        return value if value is None or isinstance(value, str) else durations.written(value)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        try:
            return durations.read(str(value))
        except ValueError as error:
            raise forms.ValidationError(
                "Write a length of time such as 30 min, 1 h 30 min or 60 days.", code="invalid"
            ) from error

    def has_changed(self, initial, data):
        try:
            return initial != self.to_python(data)
        except forms.ValidationError:
            return True


class TimeOffForm(forms.ModelForm):
    """Time off in the wall time of the location that is closed, or of where the clinician works."""

    class Meta:
        model = TimeOff
        fields = ["clinician", "location", "starts_at", "ends_at", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            zone = zone_for(clinician=self.instance.clinician_id, location=self.instance.location)
            for name in ("starts_at", "ends_at"):
                self.initial[name] = timezone.make_naive(getattr(self.instance, name), zone)

    def full_clean(self):
        # What is typed is wall time of a place that only clean() knows. Till then it passes for that of UTC, where
        # no clock change skips or repeats any.
        with timezone.override(UTC):
            super().full_clean()

    def clean(self):
        super().clean()
        zone = zone_for(clinician=self.cleaned_data.get("clinician"), location=self.cleaned_data.get("location"))
        for name in ("starts_at", "ends_at"):
            if self.cleaned_data.get(name):
                self._read_in(zone, name)

    def _read_in(self, zone, name):
        typed = timezone.make_naive(self.cleaned_data[name])
        try:
            with timezone.override(zone):
                self.cleaned_data[name] = from_current_timezone(typed)
        except forms.ValidationError as error:
            self.add_error(name, error)


def zone_for(*, clinician, location):
    """Return the ZoneInfo in which time off of the clinician or the location is written."""
    if location:
        return location.zone
    name = zone_where(clinician.pk if hasattr(clinician, "pk") else clinician) if clinician else home_zone()
    names = Location.objects.annotate(zone_name=name).values_list("zone_name", flat=True)
    return ZoneInfo(names.first() or settings.TIME_ZONE)
