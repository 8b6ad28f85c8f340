"""Columns that belong to other systems: their own id of a row, and whatever they keep with it."""

from typing import Any

from django.db import models


class ExternalIdField(models.CharField):
    """The id that a row has in another system; empty if none has said one."""

    def __init__(self, **options: Any):
        super().__init__(**{"editable": False} | options | {"max_length": 100, "blank": True})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_length"], options["blank"]
        options.pop("editable", None)
        return name, path, args, options


class MetadataField(models.JSONField):
    """Up to 50 texts by their names, which another system keeps with a row. They may be personal."""

    def __init__(self, **options: Any):
        super().__init__(**options | {"default": dict, "editable": False})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["default"], options["editable"]
        return name, path, args, options
