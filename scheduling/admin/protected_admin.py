"""Read-only admin, admin that protects rows which history refers to, and admin of what free times are made of."""

from django.contrib import admin
from django.db import models

from scheduling.lib.edit_conflicts import EditConflictMixin
from scheduling.schedule_changes import mark_schedule_changed

INSTEAD_OF_DELETING = (
    "What an appointment, a hold or a taken time points at is never deleted. "
    "To stop offering it, untick active: what is booked stays booked."
)


class ReadOnlyMixin:
    """A ModelAdmin without add, change and delete: only verbs write these rows."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class ScheduleAdmin(EditConflictMixin, admin.ModelAdmin):
    """A ModelAdmin of what free times are made of: each change is noted, at every location."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        mark_schedule_changed()

    def delete_model(self, request, obj):
        super().delete_model(request, obj)
        mark_schedule_changed()

    def delete_queryset(self, request, queryset):
        super().delete_queryset(request, queryset)
        mark_schedule_changed()


class ProtectedAdmin(ScheduleAdmin):
    """A ModelAdmin of rows that are deactivated instead of deleted once history refers to them; no bulk delete."""

    show_full_result_count = False

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and not (obj and self._is_referenced(obj))

    def _is_referenced(self, obj):
        return any(
            relation.related_model._base_manager.filter(**{relation.field.name: obj}).exists()
            for relation in obj._meta.related_objects  # every protecting relation, whichever app it comes from
            if relation.on_delete is models.PROTECT
        )

    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
