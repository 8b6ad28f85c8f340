"""The column of a price."""

from typing import Any

from django.db import models


class PriceField(models.DecimalField):
    """An amount of some currency: four decimals are stored, as many as any currency has."""

    def __init__(self, **options):
        super().__init__(**options | {"max_digits": 14, "decimal_places": 4})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_digits"], options["decimal_places"]
        return name, path, args, options
