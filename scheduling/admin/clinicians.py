"""Clinicians, with their working hours and time off."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.utils import timezone

from scheduling.admin.calendar_warnings import (
    CalendarWarningsMixin,
    render_add_calendar_link,
    render_calendar_states,
    warn_about_calendars,
)
from scheduling.admin.forms import TimeOffForm
from scheduling.admin.pictures import PictureAdmin, PictureField, PictureFormMixin
from scheduling.admin.protected_admin import INSTEAD_OF_DELETING, ProtectedAdmin
from scheduling.admin.translations import TranslationsMixin, list_translation_fieldsets
from scheduling.lib.integration_admin import OtherSystemsMixin, list_kept_fieldsets
from scheduling.lib.pictures import encode_face
from scheduling.lib.spoken_languages import list_language_choices
from scheduling.models import Clinician, ExtraHours, TimeOff, WorkingHours
from scheduling.overlapping_hours import OverlappingHours, check_overlap


class WorkingHoursForm(forms.ModelForm):
    """Weekly hours; without a number of weeks they are every week's."""

    every_weeks = forms.IntegerField(
        label="Every … weeks",
        required=False,
        initial=1,
        min_value=1,
        max_value=52,
        help_text=WorkingHours._meta.get_field("every_weeks").help_text,
    )

    def clean_every_weeks(self):
        return self.cleaned_data["every_weeks"] or 1


class ClinicianForm(PictureFormMixin, forms.ModelForm):
    """A clinician; without a weight they have an ordinary share."""

    picture = PictureField(
        encode_face, label="Photo", help_text="It is shown as a square: a face in the middle looks best."
    )
    languages = forms.MultipleChoiceField(
        label="Languages spoken",
        choices=list_language_choices,
        required=False,
        widget=admin.widgets.FilteredSelectMultiple("languages", is_stacked=False),
    )

    weight = forms.DecimalField(
        required=False,
        initial=1,
        max_digits=4,
        decimal_places=2,
        min_value=Decimal("0.01"),
        help_text=Clinician._meta.get_field("weight").help_text,
    )

    def clean_weight(self):
        return self.cleaned_data["weight"] or 1


class HoursFormSet(forms.BaseInlineFormSet):
    """Hours of one kind. ``all_hours`` are the page's formsets of both kinds: nobody works in two places at once."""

    all_hours = ()

    def clean(self):
        for form in self.list_kept_forms():
            if form.has_changed():
                others = [each for formset in self.all_hours for each in formset.list_kept_forms() if each is not form]
                try:
                    check_overlap(form.instance, [other.instance for other in others])
                except OverlappingHours as error:
                    form.add_error("location", str(error))

    def list_kept_forms(self):
        """Return the forms with rows that are there once the page is saved."""
        filled = (form for form in self.forms if form.instance.pk or form.has_changed())
        return [form for form in filled if form.is_valid() and not self._should_delete_form(form)]


class HoursInline(admin.TabularInline):
    formset = HoursFormSet
    extra = 0

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("clinician", "location")


class WorkingHoursInline(HoursInline):
    model = WorkingHours
    form = WorkingHoursForm


class ExtraHoursInline(HoursInline):
    """Extra hours that are not over. Whoever may change the weekly hours may change these."""

    model = ExtraHours
    verbose_name_plural = "extra hours on a date, from today on"

    def get_queryset(self, request):
        yesterday = timezone.now().date() - timedelta(days=1)  # it may be that somewhere
        return super().get_queryset(request).filter(date__gte=yesterday).order_by("date", "start_time")

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm("scheduling.view_workinghours")

    def has_add_permission(self, request, obj=None):
        return request.user.has_perm("scheduling.add_workinghours")

    def has_change_permission(self, request, obj=None):
        return request.user.has_perm("scheduling.change_workinghours")

    def has_delete_permission(self, request, obj=None):
        return request.user.has_perm("scheduling.delete_workinghours")


class TimeOffInline(admin.TabularInline):
    """Time off that has not ended; the list of time off shows all of it."""

    model = TimeOff
    form = TimeOffForm
    fields = ["starts_at", "ends_at", "reason"]
    extra = 0
    verbose_name_plural = "time off from now on, in the time of where they work"

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("clinician", "location")
        return rows.filter(ends_at__gte=timezone.now()).order_by("starts_at")


@admin.register(Clinician)
class ClinicianAdmin(OtherSystemsMixin, TranslationsMixin, CalendarWarningsMixin, PictureAdmin, ProtectedAdmin):
    form = ClinicianForm
    list_display = ["name", "title", "service_names", "own_calendars", "user", "is_active"]
    list_filter = ["is_active", "services", ("working_hours__location", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["name", "title", "user__username"]
    filter_horizontal = ["services"]
    readonly_fields = ["own_calendars"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("services", "calendars")

    def get_fieldsets(self, request, obj=None):
        about = (None, {"fields": ["name", "title", "services", "user"]})
        shown = ("For patients", {"fields": ["picture", "bio", "languages", "gender", "has_page"]})
        offered = (
            "Offered",
            {"fields": ["is_active", "weight", "time_off_approval"], "description": INSTEAD_OF_DELETING},
        )
        translations = list_translation_fieldsets(self, request, obj)
        if obj is None:
            return [about, shown, offered, *translations]
        calendars = {
            "fields": ["own_calendars"],
            "description": render_add_calendar_link(request, obj, clinician=obj.pk),
        }
        return [about, shown, ("Own calendars", calendars), offered, *translations, *list_kept_fieldsets(obj)]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method == "GET":
            with suppress(ValueError):  # not an id
                warn_about_calendars(request, clinician=UUID(object_id))
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="calendars")
    def own_calendars(self, clinician):
        return render_calendar_states(clinician.calendars.all())

    def get_inlines(self, request, obj):
        # Time off is written in the zone where the clinician works, which is unknown for a new one.
        hours = [WorkingHoursInline, ExtraHoursInline]
        return [*hours, TimeOffInline] if obj else hours

    def _create_formsets(self, request, obj, change):
        formsets, inlines = super()._create_formsets(request, obj, change)
        all_hours = [formset for formset in formsets if isinstance(formset, HoursFormSet)]
        for formset in all_hours:
            formset.all_hours = all_hours
        return formsets, inlines

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "user":
            kwargs["queryset"] = get_user_model().objects.filter(is_staff=True, is_superuser=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="offers")
    def service_names(self, clinician):
        return ", ".join(service.name for service in clinician.services.all()) or None
