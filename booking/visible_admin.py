"""What the staff's site adds to each page of a model: it has what the person may see, and nothing else."""

from functools import cache
from typing import Any

from django.contrib.admin import FieldListFilter, RelatedFieldListFilter
from django.db.models import QuerySet

from booking.access.visibility import can_add, can_see_any, visible_to


class VisibleRows:
    """Mixed into every ModelAdmin and inline before its own class: rows and choices of relations are visible_to's."""

    def get_queryset(self: Any, request: Any) -> QuerySet:
        return visible_to(request.user, super().get_queryset(request))  # pyright: ignore

    def formfield_for_foreignkey(self: Any, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)  # pyright: ignore
        if field:
            field.queryset = visible_to(request.user, field.queryset)
        return field

    def formfield_for_manytomany(self: Any, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)  # pyright: ignore
        if field:
            field.queryset = visible_to(request.user, field.queryset)
        return field

    def has_view_permission(self: Any, request: Any, *args: Any) -> bool:
        return super().has_view_permission(request, *args) and can_see_any(request.user, self.model)  # pyright: ignore

    def has_change_permission(self: Any, request: Any, *args: Any) -> bool:
        return super().has_change_permission(request, *args) and can_see_any(request.user, self.model)  # pyright: ignore

    def has_delete_permission(self: Any, request: Any, *args: Any) -> bool:
        return super().has_delete_permission(request, *args) and can_see_any(request.user, self.model)  # pyright: ignore

    def has_add_permission(self: Any, request: Any, *args: Any) -> bool:
        return super().has_add_permission(request, *args) and can_add(request.user, self.model)  # pyright: ignore


class VisiblePages(VisibleRows):
    """A ModelAdmin's part of it: its inlines, and the choices of its filters; and its list is headed as in the menu."""

    def get_changelist_instance(self: Any, request: Any) -> Any:
        changelist = super().get_changelist_instance(request)  # pyright: ignore
        changelist.title = self.admin_site.get_list_title(self.model)
        return changelist

    def get_inlines(self: Any, request: Any, obj: Any) -> list:
        return [show_visible_rows(each) for each in super().get_inlines(request, obj)]  # pyright: ignore

    def get_list_filter(self: Any, request: Any) -> list:
        return [_narrow_choices(each) for each in super().get_list_filter(request)]  # pyright: ignore


class VisibleChoices:
    """Mixed into a filter by a relation: it names nothing that the person may not see."""

    def field_choices(self: Any, field: Any, request: Any, model_admin: Any) -> list:
        choices = super().field_choices(field, request, model_admin)  # pyright: ignore
        related = visible_to(request.user, field.related_model._default_manager.all())
        if not related.query.where:
            return choices
        visible = set(related.filter(pk__in=[key for key, _ in choices]).values_list("pk", flat=True))
        return [choice for choice in choices if choice[0] in visible]


class VisibleRelatedFilter(VisibleChoices, RelatedFieldListFilter):
    """Django's own filter by a relation, for those that are named by their field alone."""


FieldListFilter.register(lambda field: field.remote_field, VisibleRelatedFilter, take_priority=True)


@cache
def show_visible_rows(admin_class: type, mixin: type = VisibleRows) -> type:
    """Return the class with the mixin before it."""
    if issubclass(admin_class, mixin):
        return admin_class
    return type(admin_class.__name__, (mixin, admin_class), {"__module__": admin_class.__module__})


def _narrow_choices(item):
    """Return an item of list_filter that names a filter by a relation as one whose choices are narrowed."""
    if isinstance(item, tuple) and issubclass(item[1], RelatedFieldListFilter):
        return (item[0], show_visible_rows(item[1], VisibleChoices))
    return item
