"""The forms of the desk: which times to show, and who comes."""

from datetime import timedelta

from django import forms
from django.utils import timezone

from booking.access.visibility import visible_to
from booking.models import Appointment
from patients.admin.patient_field import PatientField
from patients.admin.patients import PatientForm
from patients.fields import PlainTextFormField
from patients.models import validate_birth_date
from scheduling.lib.phones import list_phone_countries
from scheduling.models import Clinician, Location, Service

MAX_DAYS_AHEAD = 3 * 365


class OpeningSearchForm(forms.Form):
    """Which openings to show."""

    service = forms.ModelChoiceField(Service.objects.filter(is_active=True), empty_label="Choose …")
    clinician = forms.ModelChoiceField(
        Clinician.objects.filter(is_active=True), required=False, empty_label="Whoever is free"
    )
    location = forms.ModelChoiceField(
        Location.objects.filter(is_active=True), required=False, empty_label="Any location"
    )
    visit = forms.ChoiceField(
        choices=[("", "In person or by video"), ("0", "In person"), ("1", "By video")], required=False
    )
    # Defaults to the first day with an opening.
    day = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    why = forms.TimeField(
        required=False, label="Why not at", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("clinician", "location"):
            self.fields[name].queryset = visible_to(user, self.fields[name].queryset)

    def clean_day(self):
        day, today = self.cleaned_data["day"], timezone.now().date()
        # Yesterday is today somewhere.
        if day and not today - timedelta(days=1) <= day <= today + timedelta(days=MAX_DAYS_AHEAD):
            raise forms.ValidationError("Choose a day from today on.", code="past")
        return day


class NotesForm(forms.Form):
    """What staff write down of a visit."""

    notes = PlainTextFormField(
        lines=True,
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
        help_text="For staff only.",
    )


class AttendeeForm(NotesForm):
    """An existing patient, if any, and notes."""

    field_order = ["patient", "notes"]

    patient = PatientField(Appointment._meta.get_field("patient"), required=False)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["patient"].queryset = visible_to(user, self.fields["patient"].queryset)


class NewPatientForm(PatientForm):
    """A new patient; the verb reuses an existing patient with identical details.

    The phone number may be one of the country of ``location``, which is known when a time is chosen.
    """

    location = None

    def list_phone_countries(self):
        return list_phone_countries(self.location and self.location.country)

    def clean_date_of_birth(self):
        born = self.cleaned_data["date_of_birth"]
        if born and self.location:
            validate_birth_date(born, self.location.zone)
        return born

    def validate_unique(self):
        forms.ModelForm.validate_unique(self)

    class Meta(PatientForm.Meta):
        fields = ["first_name", "last_name", "date_of_birth", "email", "phone"]
        widgets = {"date_of_birth": forms.DateInput(attrs={"placeholder": "30/11/1979"})}
