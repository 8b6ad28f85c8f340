"""Columns that belong to other systems: their own id of a row, and whatever they keep with it."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import models
from django.utils.translation import gettext_lazy as _

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_LENGTH = 40
MAX_METADATA_VALUE_LENGTH = 500
MAX_METADATA_BYTES = 16 * 1024  # as JSON in UTF-8


class ExternalIdField(models.CharField):
    """The id that a row has in another system; empty if none has said one."""

    def __init__(self, **options: Any):
        fixed = {"max_length": 100, "blank": True, "default": "", "db_default": ""}
        super().__init__(**{"editable": False} | options | fixed)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_length"], options["blank"], options["default"], options["db_default"]
        options.pop("editable", None)
        return name, path, args, options


class MetadataField(models.JSONField):
    """Up to 50 texts by their names, which another system keeps with a row. They may be personal."""

    def __init__(self, **options: Any):
        super().__init__(**options | {"default": dict, "db_default": {}, "editable": False})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["default"], options["db_default"], options["editable"]
        return name, path, args, options


class TooMuchMetadata(Exception):
    """A row's metadata would have more than MAX_METADATA_KEYS, or as JSON more than MAX_METADATA_BYTES."""

    message = _("That is more metadata than can be kept with it.")


def merge_metadata(stored: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return ``stored`` with ``changes``, of which None or an empty text removes its key; raises TooMuchMetadata."""
    merged = {key: value for key, value in {**stored, **changes}.items() if value}
    if len(merged) > MAX_METADATA_KEYS or len(orjson.dumps(merged)) > MAX_METADATA_BYTES:
        raise TooMuchMetadata
    return merged


def apply_changes(row: models.Model, changes: Mapping[str, Any]) -> list[str]:
    """Set fields of a locked row, merging ``metadata``; return the sorted names of those that are not as they were.

    Saves nothing. Raises TooMuchMetadata.
    """
    values = dict(changes)
    if "metadata" in values:
        values["metadata"] = merge_metadata(row.metadata, values["metadata"])  # pyright: ignore[reportAttributeAccessIssue]
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, values[name])
    return changed
