"""What a patient may ask for: all that is kept about them, that it is erased, or that it is used for nothing else."""

from functools import partial

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse

from booking.access.visibility import has_all_locations
from booking.admin import patient_access
from booking.admin.permissions import get_actor
from booking.domain.erasure import (
    AlreadyErased,
    HasComingVisits,
    MustBeKept,
    erase_patient,
    get_kept_until,
    lift_restriction,
    list_records,
    restrict_patient,
)
from booking.domain.patient_export import FORMATS, export_patient
from booking.models import PatientAccess
from patients.fields import PlainTextFormField

CONTENT_TYPES = {"json": "application/json", "html": "text/html; charset=utf-8"}


class EraseForm(forms.Form):
    """The typed confirmation: the patient's last name, or the only one."""

    confirmation = forms.CharField(max_length=100, label="Type the last name")

    def __init__(self, data, *, patient):
        super().__init__(data)
        self.expected = patient.last_name or patient.first_name

    def clean_confirmation(self):
        typed = self.cleaned_data["confirmation"]
        if typed.strip().casefold() != self.expected.casefold():
            raise forms.ValidationError("That is not the patient's name.")
        return typed


class RestrictForm(forms.Form):
    """Why the record is kept and not erased."""

    reason = PlainTextFormField(
        max_length=500, label="Why", help_text="For example the law that the visits have to be kept by."
    )


class PatientDataMixin:
    """PatientAdmin's pages for what a patient may ask for, each with a permission of its own."""

    def get_urls(self):
        pages = {
            "export": ("export_patient", self.export_view),
            "erase": ("erase_patient", self.erase_view),
            "lift": ("erase_patient", self.lift_view),
        }
        return [
            path(
                f"<uuid:pk>/{name}/",
                self.admin_site.admin_view(partial(self.run_data_view, view=view, permission=permission)),
                name=f"patients_patient_{name}",
            )
            for name, (permission, view) in pages.items()
        ] + super().get_urls()

    def run_data_view(self, request, pk, view, permission):
        if not (self.has_view_permission(request) and request.user.has_perm(f"patients.{permission}")):
            raise PermissionDenied
        if not has_all_locations(request.user):  # all that is kept of them is of other locations too
            raise PermissionDenied
        return view(request, get_object_or_404(self.get_queryset(request), pk=pk))

    def export_view(self, request, patient):
        """Download all that is kept about a patient; the record of who has seen whom says so."""
        kind = request.POST.get("format")
        if request.method != "POST" or kind not in FORMATS:
            return HttpResponseNotAllowed(["POST"])
        content = FORMATS[kind](export_patient(patient.pk))
        patient_access.record(request, list_records(patient.pk), PatientAccess.Action.EXPORT)
        # No name in the name of the file.
        headers = {
            "Content-Disposition": f'attachment; filename="patient-{str(patient.pk)[:8]}.{kind}"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(content, content_type=CONTENT_TYPES[kind], headers=headers)

    def erase_view(self, request, patient):
        """Erase a patient, or restrict what has to be kept of them."""
        chosen = request.POST.get("do")
        erase_form = EraseForm(request.POST if chosen == "erase" else None, patient=patient)
        restrict_form = RestrictForm(request.POST if chosen == "restrict" else None)
        actor = get_actor(request)
        try:
            if erase_form.is_valid():
                erase_patient(patient.pk, actor=actor)
                messages.success(request, "Erased. Their visits stay as times without a person.")
                return HttpResponseRedirect(reverse("admin:patients_patient_changelist"))
            if restrict_form.is_valid():
                restrict_patient(patient.pk, reason=restrict_form.cleaned_data["reason"], actor=actor)
                messages.success(request, "Restricted. The record is kept, and used for nothing else.")
                return HttpResponseRedirect(reverse("admin:patients_patient_changelist"))
        except (HasComingVisits, MustBeKept, AlreadyErased) as refusal:
            messages.error(request, f"{refusal.message} Nothing was changed.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Erase or restrict",
            "patient": patient,
            "return_url": self.get_change_url(patient),
            "kept_until": get_kept_until(patient.pk),
            "erase_form": erase_form,
            "restrict_form": restrict_form,
        }
        return TemplateResponse(request, "admin/patients/patient/erase.html", context)

    def lift_view(self, request, patient):
        """End the restriction of a patient."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        lift_restriction(patient.pk, actor=get_actor(request))
        messages.success(request, "No longer restricted.")
        return HttpResponseRedirect(self.get_change_url(patient))

    # The page of a patient

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        restricted = [("Restricted", {"fields": ["restricted_at", "restriction_reason"]})]
        return [*fieldsets, *(restricted if obj and obj.restricted_at else [])]

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), "restricted_at", "restriction_reason"]
