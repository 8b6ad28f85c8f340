"""Names that were folded by other rules are folded again, beside bookings, and can be interrupted."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from patients import refolding
from patients.matching import match_patient
from patients.models import Patient, PossibleDuplicate
from patients.refolding import refold_names
from patients.text import fold_name

pytestmark = pytest.mark.django_db

FOLDS = ["normalized_name", "name_words", "name_spellings"]


@pytest.fixture
def write_as_before():
    """Write a patient as a release does whose rules knew neither strokes nor joined words."""

    def write(first_name, last_name, folded, **details):
        patient = Patient.objects.create(
            first_name=first_name,
            last_name=last_name,
            date_of_birth=date(1985, 4, 12),
            email=f"{first_name}@example.org".lower(),
        )
        old = {"normalized_name": folded, "name_words": f" {folded}", "name_spellings": folded.split()}
        Patient.objects.filter(pk=patient.pk).update(**old | details)
        return patient

    return write


def get_folds(patient):
    return Patient.objects.values(*FOLDS).get(pk=patient.pk)


def test_refold_names_folds_only_what_differs_and_keeps_updated_at(write_as_before):
    lukasz = write_as_before("Łukasz", "Nowak", "łukasz nowak")
    mary = write_as_before("Mary Ann", "Quick", "mary ann quick")
    alice = Patient.objects.create(first_name="Alice", last_name="Archer")
    before = list(Patient.objects.order_by("pk").values_list("pk", "updated_at"))

    assert refold_names() == 2

    assert [get_folds(each) for each in (lukasz, mary, alice)] == [
        fold_name("Łukasz", "Nowak"),
        fold_name("Mary Ann", "Quick"),
        fold_name("Alice", "Archer"),
    ]
    assert list(Patient.objects.order_by("pk").values_list("pk", "updated_at")) == before
    assert refold_names() == 0


def test_refold_names_lists_two_records_of_one_name_and_matching_takes_the_older(write_as_before):
    older = write_as_before(
        "Łukasz", "Nowak", "łukasz nowak", email="nowak@example.org", created_at="2020-01-01T00:00Z"
    )
    newer = write_as_before("Lukasz", "Nowak", "lukasz nowak", email="nowak@example.org")
    write_as_before("ŁUKASZ", "Nowak", "łukasz nowak", email="nowak@example.org", archived_at="2026-01-01T00:00Z")

    refold_names()

    pair = PossibleDuplicate.objects.get()
    assert ({pair.patient, pair.other}, pair.reason) == ({older, newer}, "same name and birth date and e-mail")
    typed = Patient(first_name="LUKASZ", last_name="Nowak", date_of_birth=date(1985, 4, 12), email="nowak@example.org")
    assert match_patient(typed) == older
    assert refold_names() == 0
    assert PossibleDuplicate.objects.get() == pair


def test_interrupted_refold_is_finished_by_the_next(write_as_before, monkeypatch):
    for number in range(7):
        write_as_before(f"Łukasz{number}", "Nowak", f"łukasz{number} nowak")
    monkeypatch.setattr(refolding, "BATCH", 2)
    batches = refolding._list_stale(None)
    refolding._refold(next(batches))

    assert refold_names() == 5
    assert not Patient.objects.filter(normalized_name__contains="ł").exists()


def test_refold_since_a_time_folds_only_what_changed_from_then_on(write_as_before):
    now = timezone.now()
    write_as_before("Łukasz", "Nowak", "łukasz nowak", updated_at=now - timedelta(days=3))
    just_now = write_as_before("Søren", "Bø", "søren bø")

    assert refold_names(since=now - timedelta(days=1)) == 1
    assert get_folds(just_now) == fold_name("Søren", "Bø")


def test_refold_of_a_patient_who_was_renamed_in_between_folds_the_new_name(write_as_before):
    patient = write_as_before("Łukasz", "Nowak", "łukasz nowak")
    [ids] = refolding._list_stale(None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patients_patient SET first_name = 'Søren' WHERE id = %s", [patient.pk])

    refolding._refold(ids)

    assert get_folds(patient) == fold_name("Søren", "Nowak")
