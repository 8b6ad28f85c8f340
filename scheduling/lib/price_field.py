"""The column of a price."""

from decimal import Decimal
from typing import Any

from django.db import models

CENT = Decimal("0.01")


class PriceField(models.DecimalField):
    """An amount of some currency, stored with four decimals, shown and typed with two, as most currencies have."""

    def __init__(self, **options):
        super().__init__(**options | {"max_digits": 14, "decimal_places": 4})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_digits"], options["decimal_places"]
        return name, path, args, options

    def from_db_value(self, value: Decimal | None, expression: Any, connection: Any) -> Decimal | None:
        """Return 60 as 60.00, and what is finer than that as it is."""
        if value is None or value % CENT:
            return value
        return value.quantize(CENT)

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**options | {"max_digits": 12, "decimal_places": 2})
