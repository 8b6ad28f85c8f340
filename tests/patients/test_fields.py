"""What people type is brought into one form, or it is said plainly what is wrong with it."""

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from patients.fields import EmailField, NhsNumberField, PhoneField
from patients.models import Patient


@pytest.mark.parametrize(
    "typed", ["020 7946 0000", "(020) 7946-0000", "+44 20 7946 0000", "0044 20 7946 0000", "+442079460000"]
)
def test_phone_field_normalizes_number(typed):
    assert PhoneField().to_python(typed) == "+442079460000"


def test_phone_field_keeps_foreign_country_code():
    assert PhoneField().to_python("+49 30 23125 003") == "+493023125003"


def test_phone_field_keeps_normalized_number():
    assert PhoneField().to_python(PhoneField().to_python("020 7946 0000")) == "+442079460000"


@pytest.mark.parametrize(
    "typed", ["12", "call me", "020 7946 0000 ext. 5", "+999 1234567", "0" * 40, "020\x007946", "9" * 10_000, "-1"]
)
def test_phone_field_refuses_invalid_number(typed):
    with pytest.raises(ValidationError) as refused:
        PhoneField().to_python(typed)

    assert refused.value.messages == [
        "Enter a phone number such as 020 7946 0000, or with its country code +44 20 7946 0000."
    ]


@pytest.mark.parametrize("typed", ["943 476 5919", "943-476-5919", "9434765919", " 9434765919 "])
def test_nhs_number_field_normalizes_number(typed):
    assert NhsNumberField().to_python(typed) == "9434765919"


@pytest.mark.parametrize("typed", ["9434765918", "943476591", "94347659190", "ABCDEFGHIJ", "٩٤٣٤٧٦٥٩١٩", "9" * 10_000])
def test_nhs_number_with_wrong_check_digit_is_refused(typed):
    with pytest.raises(ValidationError) as refused:
        NhsNumberField().to_python(typed)

    assert refused.value.messages == ["Enter the ten digits of the NHS number; these do not belong together."]


@pytest.mark.django_db
def test_nhs_number_form_accepts_spaces():
    form = modelform_factory(Patient, fields=["nhs_number"])(
        {"nhs_number": "943 476 5919"}, instance=Patient(first_name="Alice")
    )

    assert form.is_valid()
    assert form.instance.nhs_number == "9434765919"


@pytest.mark.parametrize("field", [PhoneField, NhsNumberField, EmailField])
@pytest.mark.parametrize("nothing", ["", None])
def test_empty_field_stays_empty(field, nothing):
    assert field().to_python(nothing) == nothing


def test_email_field_lowers_case():
    assert EmailField().to_python(" Alice@Example.ORG ") == "alice@example.org"
