"""How prices are stored."""

from decimal import Decimal

import pytest

from scheduling.models import Service


@pytest.mark.parametrize("price", ["60", "62.5", "0.1250", "12.345", "9999999999.9999"])
def test_price_is_read_as_it_was_stored(price, consultation):
    Service.objects.update(price=Decimal(price))

    consultation.refresh_from_db()

    assert consultation.price == Decimal(price)
