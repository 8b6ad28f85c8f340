"""Choosing a patient in a form: what is typed is searched for, and each one found is told from their namesakes."""

from contextlib import suppress
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.http import JsonResponse
from django.urls import path

from patients.models import Patient
from patients.search import search_patients

MAX_SHOWN = 20  # to choose from
HELP = "Part of the name, the e-mail, the date of birth, the phone or its last four digits."


def label_patient(patient):
    """Return a patient's name with the birth date and the end of the phone: what one asks a caller."""
    born, phone = patient.date_of_birth, patient.phone
    known = [born and f"born {born:%-d %b %Y}", phone and f"…{phone[-4:]}"]
    return ", ".join(filter(None, [str(patient), *known]))


class PatientSelect(AutocompleteSelect):
    """Django's field with a search, which asks Chooser.choose_view."""

    url_name = "%s:patients_patient_choose"

    def optgroups(self, name, value, attrs=None):
        # Django looks for whatever an address or a form names, and fails at what is no id.
        return super().optgroups(name, [one for one in value if is_id(one)], attrs)


class PatientField(forms.ModelChoiceField):
    """A patient who is not archived, for a model's ``field`` that points at patients."""

    def __init__(self, field, **kwargs):
        patients, widget = Patient.objects.filter(archived_at=None), PatientSelect(field, admin.site)
        super().__init__(patients, widget=widget, help_text=HELP, **kwargs)

    def label_from_instance(self, patient):
        return label_patient(patient)


class Chooser:
    """The part of the patients' admin that answers PatientSelect."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.choose_view)
        return [path("choose/", view, name="patients_patient_choose"), *super().get_urls()]

    def choose_view(self, request):
        """Answer with those who fit what is typed, the best first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = search_patients(request.GET.get("term", ""), limit=MAX_SHOWN)
        results = [{"id": str(patient.pk), "text": label_patient(patient)} for patient in found]
        return JsonResponse({"results": results, "pagination": {"more": False}})


def is_id(value):
    """Return whether ``value`` has the form of a patient's id."""
    with suppress(ValueError):
        return bool(UUID(str(value)))
    return False
