"""Pages of what is looked at only, and of what history points at."""

from django.contrib import admin
from django.db import models

INSTEAD_OF_DELETING = (
    "What an appointment, a hold or a taken time points at is never deleted. "
    "To stop offering it, untick active: what is booked stays booked."
)


class ReadOnly:
    """A page to look at: what it shows is made, changed and removed by verbs alone."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class ProtectedAdmin(admin.ModelAdmin):
    """For what history points at: that is made inactive instead of deleted, and never in bulk."""

    show_full_result_count = False

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and not (obj and self._is_kept(obj))

    def _is_kept(self, obj):
        return any(
            relation.related_model._base_manager.filter(**{relation.field.name: obj}).exists()
            for relation in obj._meta.related_objects  # whoever points at it, without knowing them
            if relation.on_delete is models.PROTECT
        )

    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
