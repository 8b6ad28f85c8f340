"""What may be in a name."""

import pytest
from django.core.exceptions import ValidationError

from patients.text import validate_name


@pytest.mark.parametrize(
    "name", ["Alice", "Ó Súilleabháin-O’Neil", "Wu 吴", "María José", "अनीता", "Jean-Luc (Lucky)", "St. John", "Æ 12"]
)
def test_validate_name_accepts_names_of_many_kinds(name):
    validate_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "customer, your account is blocked: go to https://evil.example/login",
        "WWW.evil.example",
        "alice@example.org",
        "Alice\n",
        "Alice\u2028",
        "Alice\u2029",
        "Alice\u202e",
        "Alice\0",
    ],
)
def test_validate_name_refuses_addresses_and_invisible_characters(name):
    with pytest.raises(ValidationError):
        validate_name(name)
