"""The form field that chooses a patient by searching."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from patients.models import Patient
from patients.text import isolate
from scheduling.lib.ids import parse_id

HELP_TEXT = "Part of the name, the e-mail, the date of birth, the phone or its last four digits."


def label_patient(patient):
    """Return the name, birth date and last digits of the phone, which tell namesakes apart."""
    born, phone = patient.date_of_birth, patient.phone
    details = [born and f"born {born:%-d %b %Y}", phone and f"…{phone[-4:]}"]
    return ", ".join(filter(None, [isolate(str(patient)), *details]))


class PatientSelect(AutocompleteSelect):
    """Django's autocomplete widget, which queries PatientAdmin.choose_view."""

    url_name = "%s:patients_patient_choose"

    def optgroups(self, name, value, attrs=None):
        # Django queries every value that the URL or the form holds, and raises for one that is no id.
        return super().optgroups(name, [each for each in value if is_id(each)], attrs)


class PatientField(forms.ModelChoiceField):
    """A choice of patients who are not archived, for a model's foreign key ``field``."""

    def __init__(self, field, **kwargs):
        patients, widget = Patient.objects.filter(archived_at=None), PatientSelect(field, admin.site)
        super().__init__(patients, widget=widget, help_text=HELP_TEXT, **kwargs)

    def label_from_instance(self, patient):
        return label_patient(patient)


def is_id(value):
    """Return whether ``value`` is formatted as a patient's id."""
    return parse_id(value) is not None
