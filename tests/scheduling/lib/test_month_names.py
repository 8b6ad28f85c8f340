"""Months are read as people write them, in every language of the pages."""

import pytest

from scheduling.lib.month_names import read_month


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("3", 3),
        ("03", 3),
        ("٣", 3),
        ("March", 3),
        ("mar", 3),
        ("Sept", 9),
        ("März", 3),
        ("marz", 3),
        ("Maerz", 3),
        ("Jänner", 1),
        ("Dez.", 12),
        ("mai", 5),
        ("févr.", 2),
        ("AOÛT", 8),
        ("juillet", 7),
        ("juil", 7),
        ("مارس", 3),
        ("يناير", 1),
        ("كانون الثاني", 1),
        ("آب", 8),
    ],
)
def test_month_is_read(text, month):
    assert read_month(text) == month


@pytest.mark.parametrize("text", ["", "ja", "jui", "mayday", "كانون", "Smarch", "-3", "3.5", "²"])
def test_what_is_no_month_or_two_is_refused(text):
    with pytest.raises(ValueError):
        read_month(text)
