"""Pairs of records that may be one person: merge or dismiss them."""

from django.contrib import admin, messages
from django.db.models import Q
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from patients.admin.filters import DismissedFilter
from patients.admin.patients import PatientAdmin
from patients.merging import CannotMerge, merge_patients
from patients.models import Patient, PossibleDuplicate
from patients.search import list_matching_keys


@admin.register(PossibleDuplicate)
class PossibleDuplicateAdmin(admin.ModelAdmin):
    list_display = ["first", "second", "reason", "found_at"]
    list_display_links = None
    list_filter = [DismissedFilter, "reason"]
    list_select_related = ["patient", "other"]
    list_per_page = 50
    search_fields = ["patient__normalized_name"]
    search_help_text = PatientAdmin.search_help_text
    show_full_result_count = False
    actions = ["merge_into_first", "merge_into_second", "dismiss"]
    fields = ["first", "second", "reason", "found_at", "dismissed_at"]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_decide_permission(self, request):
        return request.user.has_perm("patients.change_possibleduplicate")

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        listed = Patient.objects.filter(Q(pk__in=queryset.values("patient")) | Q(pk__in=queryset.values("other")))
        found = list_matching_keys(search_term, among=listed)
        return queryset.filter(Q(patient__in=found) | Q(other__in=found)), False

    def first(self, pair):
        return render_person(pair.patient, beside=pair.other)

    def second(self, pair):
        return render_person(pair.other, beside=pair.patient)

    @admin.action(description="Merge: keep the first", permissions=["decide"])
    def merge_into_first(self, request, queryset):
        return self._merge(request, [(pair, pair.patient, pair.other) for pair in queryset])

    @admin.action(description="Merge: keep the second", permissions=["decide"])
    def merge_into_second(self, request, queryset):
        return self._merge(request, [(pair, pair.other, pair.patient) for pair in queryset])

    def _merge(self, request, merges):
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Merge two records of one patient",
                "action": request.POST["action"],
                "media": self.media,
                "merges": [
                    (
                        pair,
                        render_person(keep, beside=duplicate),
                        render_person(duplicate, beside=keep),
                        has_other_nhs_number(keep, duplicate),
                        self.render_warning(request, keep=keep, duplicate=duplicate),
                    )
                    for pair, keep, duplicate in merges
                ],
            }
            return TemplateResponse(request, "admin/patients/possibleduplicate/merge.html", context)
        for _, keep, duplicate in merges:
            try:
                self.merge_records(request, keep=keep, duplicate=duplicate)
            except CannotMerge:
                messages.warning(request, f"{duplicate} was not merged: one of the two is archived by now.")
            else:
                messages.success(request, f"Merged: everything of both is {keep}'s now; the other record is archived.")
        return None

    def render_warning(self, request, *, keep, duplicate):
        """Return what staff should know before two records are merged, or ""."""
        return ""

    def merge_records(self, request, *, keep, duplicate):
        """Merge two records; raises CannotMerge."""
        merge_patients(keep=keep, duplicate=duplicate)

    @admin.action(description="Dismiss: two different people", permissions=["decide"])
    def dismiss(self, request, queryset):
        number = queryset.filter(dismissed_at=None).update(dismissed_at=timezone.now())
        messages.success(request, f"Dismissed: {number}. Both records stay.")


def render_person(patient, *, beside):
    """Return a patient's details as an HTML list that marks differences from the patient ``beside``."""
    born = patient.date_of_birth
    rows = [
        ("name", str(patient), patient.normalized_name != beside.normalized_name),
        ("born", born and f"{born:%-d %b %Y}", born != beside.date_of_birth),
        ("e-mail", patient.email, patient.email != beside.email),
        ("phone", patient.phone_with_extension, patient.phone_with_extension != beside.phone_with_extension),
        ("NHS", patient.nhs_number, patient.nhs_number != beside.nhs_number),
        ("since", f"{patient.created_at:%-d %b %Y}", False),
    ]
    items = format_html_join(
        "",
        '<dt>{}</dt><dd class="{}"><bdi>{}</bdi></dd>',
        ((name, "differs" if differs else "", value or "–") for name, value, differs in rows),
    )
    return format_html('<dl class="person">{}</dl>', items)


def has_other_nhs_number(keep, duplicate):
    """Return whether both records have an NHS number and the numbers differ."""
    return bool(keep.nhs_number and duplicate.nhs_number and keep.nhs_number != duplicate.nhs_number)
