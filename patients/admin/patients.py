"""Patients: search, register, change, archive, and withdraw their consents."""

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from phonenumbers import normalize_digits_only

from patients.admin.duplicate_warnings import get_open_pairs, warn_about_duplicates
from patients.admin.filters import ArchivedFilter
from patients.admin.forms import EditConflictForm
from patients.admin.patient_field import label_patient
from patients.admin.shown_patients import note_shown
from patients.matching import find_identical_patient
from patients.models import Consent, Needs, Patient
from patients.records import (
    NhsNumberTaken,
    PatientChanged,
    PatientExists,
    change_patient,
    register_patient,
    restore_patient,
    withdraw_consent,
)
from patients.search import list_matching_keys, order_by_keys, search_patients
from scheduling.lib.integration_admin import OtherSystemsMixin
from scheduling.lib.phone_input import PhoneInput, clean_phone
from scheduling.lib.phones import MAX_EXTENSION_DIGITS, format_phone, list_phone_countries

MAX_SHOWN = 20  # choices of PatientField


class PatientForm(EditConflictForm):
    """A patient's details; refuses to register the same person twice."""

    typed_extension = ""  # behind the phone number

    class Meta:
        model = Patient
        fields = [
            "first_name",
            "last_name",
            "date_of_birth",
            "email",
            "phone",
            "phone_extension",
            "contact_name",
            "relation",
            "nhs_number",
        ]
        # Overrides the form field's own message, which has the same code as the model's.
        help_texts = {
            "last_name": "One name is enough: leave the other empty.",
            "date_of_birth": "For example 29/01/1982, or 29 Jan 1982.",
        }
        error_messages = {"date_of_birth": {"invalid": "Enter a date of birth between 1900 and today."}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "phone" in self.fields:
            self.fields["phone"].widget = PhoneInput({"class": "vTextField"})
        if "date_of_birth" in self.fields:
            # Imported patients may lack one; it can be neither removed nor left out of a new record.
            self.fields["date_of_birth"].required = self.instance._state.adding or bool(self.instance.date_of_birth)

    def _get_validation_exclusions(self):
        # A stored name may be older than today's rules: it stays, and what else is wrong can still be put right.
        stored = set() if self.instance._state.adding else {"first_name", "last_name"} - {*self.changed_data}
        return super()._get_validation_exclusions() | stored

    def list_phone_countries(self):
        """Return the countries that a phone number without country code may be of."""
        return list_phone_countries()

    def clean_phone(self):
        phone = clean_phone(self, "phone", self.list_phone_countries())
        if phone is None:
            return self.cleaned_data["phone"]
        self.typed_extension = phone.extension
        return phone.number

    def clean_phone_extension(self):
        extension = self.cleaned_data["phone_extension"]
        if len(extension) > MAX_EXTENSION_DIGITS:
            raise ValidationError(f"An extension has {MAX_EXTENSION_DIGITS} digits at most.", code="long_extension")
        return normalize_digits_only(extension) if extension.isdecimal() else extension  # which the model refuses

    def clean(self):
        fields = super().clean()
        if self.typed_extension:
            fields["phone_extension"] = self.instance.phone_extension = self.typed_extension
            self.changed_data.append("phone_extension")
        if fields.get("phone_extension") and not fields.get("phone", True):
            self.add_error("phone_extension", "An extension needs a phone number.")
        if fields.get("relation") and not fields.get("contact_name", True):
            self.add_error("contact_name", "Write down whose e-mail and phone these are.")
        can_be_reached = fields.get("email") or fields.get("phone") or {"email", "phone"} & set(self.errors)
        if not can_be_reached and (self.instance._state.adding or self.instance.email or self.instance.phone):
            self.add_error("email", "Write down an e-mail address or a phone number.")
        return fields

    def validate_unique(self):
        super().validate_unique()  # after this, the instance holds the normalized values
        if self.instance._state.adding and not self.errors and (existing := find_identical_patient(self.instance)):
            sentence = "This patient is already written down, with the same names, date of birth and e-mail: %s."
            self.add_error(None, ValidationError(sentence % existing, code="twin"))


class ConsentInline(admin.TabularInline):
    """Consents, read only; each is withdrawn on a page of its own."""

    model = Consent
    fields = readonly_fields = ["purpose", "given_at", "withdrawn_at", "withdraw"]
    extra = 0
    can_delete = False

    def get_fields(self, request, obj=None):
        return [name for name in self.fields if name != "withdraw" or can_withdraw_consent(request)]

    # A link, since the Enter key presses a form's first button.
    @admin.display(description="")
    def withdraw(self, consent):
        url = reverse("admin:patients_patient_withdraw", args=[consent.patient_id, consent.pk])
        is_information = consent.purpose == Consent.Purpose.PRIVACY_NOTICE and consent.version
        return "" if consent.withdrawn_at or is_information else format_html('<a href="{}">Withdraw …</a>', url)

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class NeedsInline(admin.StackedInline):
    """What the patient needs at every visit, for staff who may see it."""

    model = Needs
    fields = ["accessibility", "interpreter"]
    extra = max_num = 1
    can_delete = False
    verbose_name_plural = "What they need"

    def has_add_permission(self, request, obj=None):
        return super().has_add_permission(request, obj) and not (obj and obj.archived_at)  # pyright: ignore[reportCallIssue]

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and not (obj and obj.archived_at)


def can_withdraw_consent(request):
    return request.user.has_perm("patients.change_consent")


@admin.register(Patient)
class PatientAdmin(OtherSystemsMixin, admin.ModelAdmin):
    form = PatientForm
    list_display = ["name", "date_of_birth", "email", "phone_number", "nhs_number", "archived_at"]
    list_filter = [ArchivedFilter, ("created_at", admin.DateFieldListFilter)]
    search_fields = ["normalized_name"]  # shows the search box; get_search_results does the search
    search_help_text = "Name, e-mail, phone or its last four digits, NHS number or date of birth; or several of them."
    show_full_result_count = False
    list_per_page = 50
    inlines = [NeedsInline, ConsentInline]
    actions = ["restore"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("first_name", "last_name"),
                    "date_of_birth",
                    "email",
                    ("phone", "phone_extension"),
                    ("contact_name", "relation"),
                    "nhs_number",
                ]
            },
        ),
        (
            "Record",
            {
                "fields": ["created_at", "updated_at", "archived_at", "archive_reason"],
                "description": "A patient is never deleted, but can be archived.",
            },
        ),
    ]
    readonly_fields = ["created_at", "updated_at", "archived_at", "archive_reason"]

    @admin.display(ordering=("last_name"))
    def name(self, patient):
        return format_html("<bdi>{}</bdi>", ", ".join(filter(None, [patient.last_name, patient.first_name])))

    @admin.display(description="phone", ordering="phone")
    def phone_number(self, patient):
        return format_phone(patient.phone_with_extension, settings.DEFAULT_PHONE_REGION)

    def has_delete_permission(self, request, obj=None):
        return False

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        found = list_matching_keys(search_term, among=queryset)
        rows = queryset.filter(pk__in=found)
        return rows if "o" in request.GET else order_by_keys(rows, found), False  # a column's order wins

    def changelist_view(self, request, extra_context=None):
        response = super().changelist_view(request, {"pairs": get_open_pairs(request).count(), **(extra_context or {})})
        changelist = getattr(response, "context_data", {}).get("cl")
        if changelist and changelist.query and not changelist.result_count and "archived" not in request.GET:
            self._announce_archived_matches(request, changelist)
        return response

    def _announce_archived_matches(self, request, changelist):
        number = len(list_matching_keys(changelist.query, among=self.get_queryset(request).exclude(archived_at=None)))
        if number:
            page = changelist.get_query_string({"archived": "yes"})
            messages.info(request, format_html('{} in the archive: <a href="{}">show</a>', number, page))

    # The page

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and not (obj and obj.archived_at)

    def changeform_view(self, request, object_id=None, *args, **kwargs):
        patient = self.get_object(request, unquote(object_id)) if object_id else None
        if request.method == "POST" and patient and patient.archived_at and super().has_change_permission(request):
            messages.error(request, f"{patient} is in the archive by now. Nothing was saved.")
            return HttpResponseRedirect(request.get_full_path())
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except (PatientExists, PatientChanged, NhsNumberTaken) as refusal:  # changed since the form was validated
            messages.error(request, f"{refusal.message} Nothing was saved.")
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request, obj, form, change):
        if not change:
            self.register_patient(request, obj)
            warn_about_duplicates(request, obj)
            return

        def details(patient):
            for name in form.changed_data:
                setattr(patient, name, form.cleaned_data[name])
            return patient

        try:
            self.change_patient(request, obj, details)
        except Patient.DoesNotExist as error:
            raise PatientChanged from error

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("choose/", view(self.choose_view), name="patients_patient_choose"),
            path(
                "<uuid:patient_id>/withdraw/<int:consent_id>/",
                view(self.withdraw_view),
                name="patients_patient_withdraw",
            ),
            *super().get_urls(),
        ]

    def choose_view(self, request):
        """Return the best matches for a PatientField's search as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        among = self.get_queryset(request).filter(archived_at=None)
        found = search_patients(request.GET.get("term", ""), limit=MAX_SHOWN, among=among)
        note_shown(request, [patient.pk for patient in found])
        results = [{"id": str(patient.pk), "text": label_patient(patient)} for patient in found]
        return JsonResponse({"results": results, "pagination": {"more": False}})

    def withdraw_view(self, request, patient_id, consent_id):
        """Withdraw a patient's consent, after asking."""
        if not (self.has_view_permission(request) and can_withdraw_consent(request)):
            raise PermissionDenied
        patient = get_object_or_404(self.get_queryset(request), pk=patient_id)
        consent = get_object_or_404(Consent, pk=consent_id, patient=patient)
        page = reverse("admin:patients_patient_change", args=[patient.pk])
        if request.method == "POST":
            if withdraw_consent(consent):
                self.log_change(request, patient, f"Withdrew consent: {consent}.")
            messages.success(request, f"{patient} no longer agrees to: {consent}.")
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "return_url": page,
            "title": "Withdraw a consent",
            "patient": patient,
            "consent": consent,
        }
        return TemplateResponse(request, "admin/patients/consent/withdraw.html", context)

    # Verbs, which the booking app overrides to record events

    def register_patient(self, request, patient):
        register_patient(patient)

    def change_patient(self, request, patient, details):
        change_patient(patient.pk, details)

    def restore_patient(self, request, patient):
        return restore_patient(patient.pk) is not None

    @admin.action(description="Take the selected patients out of the archive", permissions=["change"])
    def restore(self, request, queryset):
        number = sum([self.restore_patient(request, patient) for patient in queryset])
        messages.success(request, f"Taken out of the archive: {number}.")
