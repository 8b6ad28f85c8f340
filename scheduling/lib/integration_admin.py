"""What other systems keep with a row, shown to staff."""

from typing import Any

KEPT_FIELDS = ["external_id", "metadata"]


class OtherSystemsMixin:
    """A ModelAdmin whose page ends with the row's external id and metadata, if it has any, to read."""

    def get_fieldsets(self, request: Any, obj: Any = None) -> Any:
        return [*super().get_fieldsets(request, obj), *list_kept_fieldsets(obj)]  # pyright: ignore

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), *KEPT_FIELDS]  # pyright: ignore


def list_kept_fieldsets(obj: Any) -> list:
    """Return the fieldset of what other systems keep with a row, or none."""
    is_empty = not any(getattr(obj, name, None) for name in KEPT_FIELDS)
    return [] if is_empty else [("Kept by other systems", {"fields": KEPT_FIELDS})]
