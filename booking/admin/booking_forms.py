"""Who comes: the forms of the desk."""

from django import forms

from booking.models import Appointment
from patients.admin.patient_field import PatientField
from patients.admin.patients import PatientForm
from patients.text import validate_printable_lines


class WhoForm(forms.Form):
    """A patient who is written down already, if it is one."""

    patient = PatientField(Appointment._meta.get_field("patient"), required=False)
    notes = forms.CharField(
        max_length=2000,
        required=False,
        validators=[validate_printable_lines],
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
        help_text="For staff only.",
    )


class NewPatientForm(PatientForm):
    """Somebody new; whoever is written down already just so is found, not written twice."""

    def validate_unique(self):
        forms.ModelForm.validate_unique(self)

    class Meta(PatientForm.Meta):
        fields = ["first_name", "last_name", "date_of_birth", "email", "phone"]
        widgets = {"date_of_birth": forms.DateInput(attrs={"placeholder": "30/11/1979"})}
