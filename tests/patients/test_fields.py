"""What people type is brought into one form, or it is said plainly what is wrong with it."""

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from patients.fields import EmailField, NhsNumberField, PhoneField
from patients.models import Patient


@pytest.mark.parametrize(
    "typed", ["020 7946 0000", "(020) 7946-0000", "+44 20 7946 0000", "0044 20 7946 0000", "+442079460000"]
)
def test_a_phone_number_has_one_form(typed):
    assert PhoneField().to_python(typed) == "+442079460000"


def test_a_number_of_another_country_keeps_its_code():
    assert PhoneField().to_python("+49 30 23125 003") == "+493023125003"


def test_a_phone_number_in_one_form_stays_as_it_is():
    assert PhoneField().to_python(PhoneField().to_python("020 7946 0000")) == "+442079460000"


@pytest.mark.parametrize(
    "typed", ["12", "call me", "020 7946 0000 ext. 5", "+999 1234567", "0" * 40, "020\x007946", "9" * 10_000, "-1"]
)
def test_what_is_no_phone_number_is_refused(typed):
    with pytest.raises(ValidationError) as refused:
        PhoneField().to_python(typed)

    assert refused.value.messages == [
        "Enter a phone number such as 020 7946 0000, or with its country code +44 20 7946 0000."
    ]


@pytest.mark.parametrize("typed", ["943 476 5919", "943-476-5919", "9434765919", " 9434765919 "])
def test_an_nhs_number_has_one_form(typed):
    assert NhsNumberField().to_python(typed) == "9434765919"


@pytest.mark.parametrize("typed", ["9434765918", "943476591", "94347659190", "ABCDEFGHIJ", "٩٤٣٤٧٦٥٩١٩", "9" * 10_000])
def test_an_nhs_number_with_a_wrong_check_digit_is_refused(typed):
    with pytest.raises(ValidationError) as refused:
        NhsNumberField().to_python(typed)

    assert refused.value.messages == ["Enter the ten digits of the NHS number; these do not belong together."]


@pytest.mark.django_db
def test_an_nhs_number_may_be_typed_into_a_form_with_its_spaces():
    form = modelform_factory(Patient, fields=["nhs_number"])({"nhs_number": "943 476 5919"})

    assert form.is_valid()
    assert form.instance.nhs_number == "9434765919"


@pytest.mark.parametrize("field", [PhoneField, NhsNumberField, EmailField])
@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_stays_nothing(field, nothing):
    assert field().to_python(nothing) == nothing


def test_an_email_address_is_in_lower_case():
    assert EmailField().to_python(" Alice@Example.ORG ") == "alice@example.org"
