"""What people type is brought into one form, or it is said plainly what is wrong with it."""

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from patients.fields import EmailField, NhsNumberField
from patients.models import Patient


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


@pytest.mark.parametrize("field", [NhsNumberField, EmailField])
@pytest.mark.parametrize("nothing", ["", None])
def test_empty_field_stays_empty(field, nothing):
    assert field().to_python(nothing) == nothing


def test_email_field_lowers_case():
    assert EmailField().to_python(" Alice@Example.ORG ") == "alice@example.org"
