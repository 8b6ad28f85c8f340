"""Django admin for patients, and for pairs of records that may be one person."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.forms import ModelForm
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from .matching import CannotMerge, find_twin, list_near_matches, merge_patients
from .models import Consent, Patient, PossibleDuplicate
from .records import register_patient, withdraw_consent
from .search import found_by

IDENTITY = {"first_name", "last_name", "date_of_birth", "email"}


class PatientForm(ModelForm):
    """Refuses to write the same person down twice."""

    class Meta:
        model = Patient
        fields = ["first_name", "last_name", "date_of_birth", "email", "phone", "nhs_number"]
        # A form puts its own sentence for the code "invalid" in place of the model's, here that it is no date.
        error_messages = {"date_of_birth": {"invalid": "Enter a date of birth between 1900 and today."}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in {"date_of_birth", "email"} & set(self.fields):
            # Who was brought here without can be changed without it; nobody can lose it or be added so.
            self.fields[name].required = self.instance._state.adding or bool(getattr(self.instance, name))

    def validate_unique(self):
        super().validate_unique()  # by now the instance has what was typed, in one form
        if self.instance._state.adding and not self.errors and (twin := find_twin(self.instance)):
            sentence = "This patient is already written down, with the same names, date of birth and e-mail: %s."
            self.add_error(None, ValidationError(sentence % twin, code="twin"))


class ConsentInline(admin.TabularInline):
    """What the patient agreed to, and no longer does: to be read, and withdrawn on a page of its own."""

    model = Consent
    fields = readonly_fields = ["purpose", "given_at", "withdrawn_at", "withdraw"]
    extra = 0
    can_delete = False

    def get_fields(self, request, obj=None):
        return [name for name in self.fields if name != "withdraw" or may_withdraw(request)]

    # A link: a button here would be the form's first, which is the one that the Enter key presses.
    @admin.display(description="", empty_value="")
    def withdraw(self, consent):
        url = reverse("admin:patients_patient_withdraw", args=[consent.patient_id, consent.pk])
        return None if consent.withdrawn_at else format_html('<a href="{}">Withdraw …</a>', url)

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


def may_withdraw(request):
    return request.user.has_perm("patients.change_consent")


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
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=found_by(search_term, among=queryset)), False

    def save_model(self, request, obj, form, change):
        if not change:
            self.register(request, obj)
            return
        super().save_model(request, obj, form, change)
        if IDENTITY & set(form.changed_data):
            list_near_matches(obj)

    def get_urls(self):
        view, name = self.admin_site.admin_view(self.withdraw_view), "patients_patient_withdraw"
        return [path("<uuid:patient_id>/withdraw/<int:consent_id>/", view, name=name), *super().get_urls()]

    def withdraw_view(self, request, patient_id, consent_id):
        """Ask whether the patient no longer agrees to something; write it down when they do not."""
        patient = get_object_or_404(self.get_queryset(request), pk=patient_id)
        if not (self.has_view_permission(request, patient) and may_withdraw(request)):
            raise PermissionDenied
        consent = get_object_or_404(Consent, pk=consent_id, patient=patient)
        page = reverse("admin:patients_patient_change", args=[patient.pk])
        if request.method == "POST":
            if withdraw_consent(consent):
                self.log_change(request, patient, f"Withdrew consent: {consent}.")
            messages.success(request, f"{patient} no longer agrees to: {consent}.")
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "media": self.media, "back": page,
            "title": "Withdraw a consent", "patient": patient, "consent": consent,
        }
        return TemplateResponse(request, "admin/patients/consent/withdraw.html", context)

    def register(self, request, patient):
        """Write a new patient down."""
        register_patient(patient)

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
        listed = Patient.objects.filter(Q(pk__in=queryset.values("patient")) | Q(pk__in=queryset.values("other")))
        found = found_by(search_term, among=listed)
        return queryset.filter(Q(patient__in=found) | Q(other__in=found)), False

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
                self.merge(request, keep=keep, duplicate=duplicate)
            except CannotMerge:
                messages.warning(request, f"{duplicate} was not merged: one of the two is archived by now.")
            else:
                messages.success(request, f"Merged: everything of both is {keep}'s now; the other record is archived.")
        return None

    def merge(self, request, *, keep, duplicate):
        """Merge two records; raises CannotMerge."""
        merge_patients(keep=keep, duplicate=duplicate)

    @admin.action(description="Dismiss: two different people", permissions=["decide"])
    def dismiss(self, request, queryset):
        number = queryset.filter(dismissed_at=None).update(dismissed_at=timezone.now())
        messages.success(request, f"Dismissed: {number}. Both records stay.")


def person(patient, *, beside):
    """Return a patient's details as a list in HTML, marked where they differ from those ``beside``."""
    born = patient.date_of_birth
    rows = [
        ("name", str(patient), patient.normalized_name != beside.normalized_name),
        ("born", born and f"{born:%-d %b %Y}", born != beside.date_of_birth),
        ("e-mail", patient.email, patient.email != beside.email),
        ("phone", patient.phone, patient.phone != beside.phone),
        ("NHS", patient.nhs_number, patient.nhs_number != beside.nhs_number),
        ("since", f"{patient.created_at:%-d %b %Y}", False),
    ]
    items = format_html_join(
        "",
        '<dt>{}</dt><dd class="{}">{}</dd>',
        ((name, "differs" if differs else "", value or "–") for name, value, differs in rows),
    )
    return format_html('<dl class="person">{}</dl>', items)


def differ(keep, duplicate):
    """Return whether two NHS numbers say that these are two people."""
    return bool(keep.nhs_number and duplicate.nhs_number and keep.nhs_number != duplicate.nhs_number)
