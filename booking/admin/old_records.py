"""The records that the clinic no longer has to keep: a person decides whether they are erased or kept."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from booking.admin.patient_data import RestrictForm
from booking.admin.permissions import get_actor
from booking.domain.erasure import AlreadyErased, HasComingVisits, MustBeKept, erase_patient, restrict_patient
from booking.domain.retention import find_old_records
from booking.models import OldRecord
from scheduling.admin import ReadOnlyMixin


class EraseSelectedForm(forms.Form):
    """The typed confirmation: how many records are to be erased."""

    number = forms.IntegerField(label="Type how many these are")

    def __init__(self, data, *, expected):
        super().__init__(data)
        self.expected = expected

    def clean_number(self):
        if self.cleaned_data["number"] != self.expected:
            raise forms.ValidationError("That is another number.")
        return self.expected


@admin.register(OldRecord)
class OldRecordAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["name", "date_of_birth", "visits", "last_visit"]
    list_display_links = None
    ordering = ["id"]
    sortable_by = []
    show_full_result_count = False
    list_per_page = 100
    list_max_show_all = 100
    actions = ["erase", "keep"]

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm("patients.erase_patient") and request.user.has_perm("patients.view_patient")

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def get_queryset(self, request):
        return find_old_records()

    def changelist_view(self, request, extra_context=None):
        title = "Records whose last visit no longer has to be kept"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    @admin.display(description="patient")
    def name(self, patient):
        page = reverse("admin:patients_patient_change", args=[patient.pk])
        return format_html('<a href="{}"><bdi>{}</bdi></a>', page, patient)

    @admin.display(description="visits")
    def visits(self, patient):
        return patient.visits

    @admin.display(description="last visit")
    def last_visit(self, patient):
        return patient.last_visit_at.date()

    @admin.action(description="Erase …", permissions=["view"])
    def erase(self, request, queryset):
        records = list(queryset)
        form = EraseSelectedForm(request.POST if "number" in request.POST else None, expected=len(records))
        return self._decide(request, records, form, "erase", erase_patient)

    @admin.action(description="Keep …", permissions=["view"])
    def keep(self, request, queryset):
        form = RestrictForm(request.POST if "reason" in request.POST else None)
        return self._decide(request, list(queryset), form, "keep", restrict_patient)

    def _decide(self, request, records, form, action, verb):
        """Return the page that asks once more; once its form is valid, decide each record and go back to the list."""
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "media": self.media,
                "title": "Erase these records" if action == "erase" else "Keep these records",
                "records": records,
                "form": form,
                "action": action,
                "return_url": request.get_full_path(),
            }
            return TemplateResponse(request, "admin/booking/oldrecord/decide.html", context)
        reason = {"reason": form.cleaned_data["reason"]} if action == "keep" else {}
        done = 0
        for record in records:
            try:
                verb(record.pk, actor=get_actor(request), **reason)
            except (HasComingVisits, MustBeKept, AlreadyErased) as refusal:
                messages.warning(request, format_html("<bdi>{}</bdi>: {}", record, refusal.message))
            else:
                done += 1
        messages.success(request, f"{done} {'erased' if action == 'erase' else 'kept, and used for nothing else'}.")
        return HttpResponseRedirect(request.get_full_path())
