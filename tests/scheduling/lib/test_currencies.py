"""The table of currencies, against another one."""

from datetime import date
from decimal import Decimal

import pytest
from babel.core import get_global
from babel.numbers import get_territory_currencies

from scheduling.lib.currencies import DECIMALS, write_decimals

A_DAY = date(2026, 2, 1)


def test_currencies_of_all_countries_are_known():
    countries = get_global("territory_currencies")

    in_use = {code for country in countries for code in get_territory_currencies(country, A_DAY, A_DAY)}

    assert in_use - set(DECIMALS) <= {"BGN"}  # gave way to the euro in 2026, which Babel may not know yet


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("60", "GBP", "60.00"),
        ("62.5000", "GBP", "62.50"),
        ("0.1250", "GBP", "0.125"),
        ("0", "KWD", "0.000"),
        ("5000.0000", "JPY", "5000"),
        ("5000.5000", "JPY", "5000.5"),
        ("1234567890.1234", "CLF", "1234567890.1234"),
        ("80.5", "BGN", "80.50"),
    ],
)
def test_amount_is_written_with_its_currencys_decimals_and_finer_ones_only_if_they_count(amount, currency, written):
    assert str(write_decimals(Decimal(amount), currency)) == written
