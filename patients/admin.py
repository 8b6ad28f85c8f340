"""Django admin for patients, and for pairs of records that may be one person."""

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from .matching import CannotMerge, find_twin, list_near_matches, merge_patients
from .models import Consent, Patient, PossibleDuplicate
from .records import register_patient
from .search import matching

IDENTITY = {"first_name", "last_name", "date_of_birth", "email"}


class PatientForm(ModelForm):
    """Refuses to write the same person down twice."""

    class Meta:
        model = Patient
        fields = ["first_name", "last_name", "date_of_birth", "email", "phone", "nhs_number"]
        # A form puts its own sentence for the code "invalid" in place of the model's, here that it is no date.
        error_messages = {"date_of_birth": {"invalid": "Enter a date of birth between 1900 and today."}}

    def validate_unique(self):
        super().validate_unique()  # by now the instance has what was typed, in one form
        if self.instance._state.adding and not self.errors and (twin := find_twin(self.instance)):
            sentence = "This patient is already written down, with the same names, date of birth and e-mail: %s."
            self.add_error(None, ValidationError(sentence % twin, code="twin"))


class ConsentInline(admin.TabularInline):
    """What the patient agreed to, and no longer does: to be read only."""

    model = Consent
    fields = readonly_fields = ["purpose", "given_at", "withdrawn_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class Archived(admin.SimpleListFilter):
    """Archived records are out of the way until asked for."""

    title = "archived"
    parameter_name = "archived"

    def lookups(self, request, model_admin):
        return [("yes", "Yes"), ("all", "All")]

    def choices(self, changelist):
        [_, *others] = super().choices(changelist)
        yield {
            "selected": self.value() is None,
            "display": "No",
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
        }
        yield from others

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    form = PatientForm
    list_display = ["name", "date_of_birth", "email", "phone", "nhs_number", "archived_at"]
    list_filter = [Archived, ("created_at", admin.DateFieldListFilter)]
    search_fields = ["normalized_name"]  # only so that there is a search box: see get_search_results
    search_help_text = "Name, e-mail, phone, NHS number or date of birth, or several of them."
    show_full_result_count = False
    inlines = [ConsentInline]
    actions = ["archive", "restore"]
    fieldsets = [
        (None, {"fields": [("first_name", "last_name"), "date_of_birth", "email", "phone", "nhs_number"]}),
        (
            "Record",
            {
                "fields": ["created_at", "updated_at", "archived_at"],
                "description": "A patient is never deleted. The list has an action that archives.",
            },
        ),
    ]
    readonly_fields = ["created_at", "updated_at", "archived_at"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

    @admin.display(ordering=("last_name"))
    def name(self, patient):
        return f"{patient.last_name}, {patient.first_name}"

    def has_delete_permission(self, request, obj=None):
        return False

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(matching(search_term)) if search_term.strip() else queryset, False

    def save_model(self, request, obj, form, change):
        if not change:
            register_patient(obj)
            return
        super().save_model(request, obj, form, change)
        if IDENTITY & set(form.changed_data):
            list_near_matches(obj)

    @admin.action(description="Archive the selected patients", permissions=["change"])
    def archive(self, request, queryset):
        number = queryset.filter(archived_at=None).update(archived_at=timezone.now(), updated_at=timezone.now())
        messages.success(request, f"Archived: {number}. They stay as they are, but new bookings no longer find them.")

    @admin.action(description="Take the selected patients out of the archive", permissions=["change"])
    def restore(self, request, queryset):
        restored = list(queryset.exclude(archived_at=None))
        for patient in restored:
            patient.archived_at = None
            patient.save()
            list_near_matches(patient)
        messages.success(request, f"Taken out of the archive: {len(restored)}.")


class Dismissed(Archived):
    """Dismissed pairs are out of the way until asked for."""

    title = "dismissed"
    parameter_name = "dismissed"

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(dismissed_at__isnull=self.value() != "yes")


@admin.register(PossibleDuplicate)
class PossibleDuplicateAdmin(admin.ModelAdmin):
    list_display = ["first", "second", "reason", "found_at"]
    list_display_links = None
    list_filter = [Dismissed, "reason"]
    list_select_related = ["patient", "other"]
    list_per_page = 50
    search_fields = ["patient__normalized_name"]
    search_help_text = PatientAdmin.search_help_text
    show_full_result_count = False
    actions = ["merge_into_first", "merge_into_second", "dismiss"]
    fields = ["first", "second", "reason", "found_at", "dismissed_at"]

    class Media:
        css = {"all": ["admin/holdfast.css"]}

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
        either = matching(search_term, through="patient__") | matching(search_term, through="other__")
        return queryset.filter(either), False

    def first(self, pair):
        return person(pair.patient, beside=pair.other)

    def second(self, pair):
        return person(pair.other, beside=pair.patient)

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
                    (pair, person(keep, beside=duplicate), person(duplicate, beside=keep), differ(keep, duplicate))
                    for pair, keep, duplicate in merges
                ],
            }
            return TemplateResponse(request, "admin/patients/possibleduplicate/merge.html", context)
        for _, keep, duplicate in merges:
            try:
                merge_patients(keep=keep, duplicate=duplicate)
            except CannotMerge:
                messages.warning(request, f"{duplicate} was not merged: one of the two is archived by now.")
            else:
                messages.success(request, f"Merged: everything of both is {keep}'s now; the other record is archived.")
        return None

    @admin.action(description="Dismiss: two different people", permissions=["decide"])
    def dismiss(self, request, queryset):
        number = queryset.filter(dismissed_at=None).update(dismissed_at=timezone.now())
        messages.success(request, f"Dismissed: {number}. Both records stay.")


def person(patient, *, beside):
    """Return a patient's details as a list in HTML, marked where they differ from those ``beside``."""
    rows = [
        ("name", str(patient), patient.normalized_name != beside.normalized_name),
        ("born", f"{patient.date_of_birth:%-d %b %Y}", patient.date_of_birth != beside.date_of_birth),
        ("e-mail", patient.email, patient.email != beside.email),
        ("phone", patient.phone or "–", patient.phone != beside.phone),
        ("NHS", patient.nhs_number or "–", patient.nhs_number != beside.nhs_number),
        ("since", f"{patient.created_at:%-d %b %Y}", False),
    ]
    items = format_html_join(
        "",
        '<dt>{}</dt><dd class="{}">{}</dd>',
        ((name, "differs" if differs else "", value) for name, value, differs in rows),
    )
    return format_html('<dl class="person">{}</dl>', items)


def differ(keep, duplicate):
    """Return whether two NHS numbers say that these are two people."""
    return bool(keep.nhs_number and duplicate.nhs_number and keep.nhs_number != duplicate.nhs_number)
