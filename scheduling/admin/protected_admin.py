"""Read-only admin, and admin that protects rows which history refers to."""

from django.contrib import admin
from django.db import models

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


class ProtectedAdmin(admin.ModelAdmin):
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
