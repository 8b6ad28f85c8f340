"""Writing patients down."""

from datetime import date

import pytest

from patients.models import Patient
from patients.records import NhsNumberTaken, change_patient, register_patient

pytestmark = pytest.mark.django_db


def person(first_name, **fields):
    return Patient(
        first_name=first_name,
        last_name="Archer",
        date_of_birth=date(1985, 4, 12),
        email=f"{first_name.lower()}@example.org",
        **fields,
    )


def test_register_patient_with_taken_nhs_number_raises_taken():
    register_patient(person("Alice", nhs_number="9434765919"))
    with pytest.raises(NhsNumberTaken):
        register_patient(person("Bob", nhs_number="9434765919"))
    assert [patient.first_name for patient in Patient.objects.all()] == ["Alice"]


def test_change_patient_to_taken_nhs_number_raises_taken():
    register_patient(person("Alice", nhs_number="9434765919"))
    bob = register_patient(person("Bob"))

    def give_number(patient):
        patient.nhs_number = "9434765919"
        return patient

    with pytest.raises(NhsNumberTaken):
        change_patient(bob.pk, give_number)
    bob.refresh_from_db()
    assert bob.nhs_number == ""
