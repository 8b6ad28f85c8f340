"""How prices are stored, read and typed."""

from decimal import Decimal

import pytest
from django.forms import modelform_factory

from scheduling.models import Service

PriceForm = modelform_factory(Service, fields=["price"])


@pytest.mark.parametrize(
    ("stored", "read"), [("60", "60.00"), ("62.5", "62.50"), ("0", "0.00"), ("0.1250", "0.1250"), ("1.5001", "1.5001")]
)
def test_price_is_read_with_two_decimals_and_finer_ones_only_if_they_count(stored, read, consultation):
    Service.objects.update(price=Decimal(stored))

    consultation.refresh_from_db()

    assert str(consultation.price) == read


def test_price_form_shows_and_takes_two_decimals(consultation):
    consultation.refresh_from_db()
    assert 'value="60.00" step="0.01"' in str(PriceForm(instance=consultation)["price"]).replace('min="0" ', "")

    form = PriceForm({"price": "60.125"}, instance=consultation)
    assert form.errors == {"price": ["Ensure that there are no more than 2 decimal places."]}


def test_price_form_refuses_more_than_the_column_holds(consultation):
    form = PriceForm({"price": "10000000000.00"}, instance=consultation)

    assert form.errors == {"price": ["Ensure that there are no more than 12 digits in total."]}
