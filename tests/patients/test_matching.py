"""The same person is found again; a similar one is only shown to staff, who may merge the two."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import copy
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.forms.models import model_to_dict

from booking.models import Appointment
from patients.matching import match_patient
from patients.merging import CannotMerge, merge_patients
from patients.models import Consent, Patient, PossibleDuplicate

THEN = datetime(2026, 1, 5, tzinfo=UTC)
REMINDERS, PRIVACY = Consent.Purpose.REMINDERS, Consent.Purpose.PRIVACY_NOTICE


@pytest.fixture
def known(db, alice):
    """Alice, written down."""
    return match_patient(alice)


def somebody(**changes):
    """Alice as she types herself on another day."""
    details = {
        "first_name": "Alice",
        "last_name": "Archer",
        "date_of_birth": date(1985, 4, 12),
        "email": "alice@example.org",
    }
    return Patient(**details | changes)


@pytest.mark.parametrize(
    "spelling",
    [
        {},
        {"first_name": "ALICE", "last_name": "archer"},
        {"first_name": " Alice ", "last_name": "Archér"},
        {"first_name": "Ａlice"},
        {"last_name": "Ar\u00adcher"},
        {"phone": "+442079460000"},
    ],
)
def test_match_patient_ignores_spelling_variants(known, spelling):
    before = model_to_dict(known)

    assert match_patient(somebody(**spelling)) == known
    known.refresh_from_db()
    assert model_to_dict(known) == before
    assert (Patient.objects.count(), PossibleDuplicate.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        ({"email": "a.archer@example.org"}, "same name and birth date"),
        ({"first_name": "Alicia"}, "same birth date and e-mail"),
        ({"date_of_birth": date(1985, 4, 21)}, "same name and e-mail"),
    ],
)
def test_match_patient_lists_near_match_for_staff(known, difference, reason):
    other = match_patient(somebody(**difference))

    assert other != known
    assert list(PossibleDuplicate.objects.values_list("patient", "other", "reason")) == [(known.pk, other.pk, reason)]


def test_match_patient_lists_other_umlauts_as_similar_and_does_not_merge(db):
    muller = match_patient(somebody(last_name="Müller"))
    assert match_patient(somebody(last_name="Muller")) == muller

    mueller = match_patient(somebody(last_name="Mueller"))

    assert mueller != muller
    pairs = PossibleDuplicate.objects.values_list("patient", "other", "reason")
    assert list(pairs) == [(muller.pk, mueller.pk, "similar name and birth date and e-mail")]


def test_match_patient_lists_written_out_umlaut_after_umlaut_too(db):
    mueller = match_patient(somebody(last_name="Mueller"))

    muller = match_patient(somebody(last_name="Müller", email="other@example.org"))

    pairs = PossibleDuplicate.objects.values_list("patient", "other", "reason")
    assert list(pairs) == [(mueller.pk, muller.pk, "similar name and birth date")]


def test_match_patient_with_one_name_finds_them_in_either_field(db):
    suharto = match_patient(somebody(first_name="Suharto", last_name=""))

    assert match_patient(somebody(first_name="", last_name="Suharto")) == suharto
    assert str(suharto) == "Suharto"
    assert match_patient(somebody(first_name="Suharto", last_name="Archer")) != suharto


def test_patient_without_any_name_is_refused_by_form_and_database(db):
    with pytest.raises(ValidationError) as refusal:
        somebody(first_name="\u200b", last_name="").full_clean()
    with pytest.raises(IntegrityError, match="patient_has_a_name"), transaction.atomic():
        Patient.objects.create(first_name="", last_name="")
    assert refusal.value.message_dict == {"first_name": [Patient.NO_NAME]}
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    "difference",
    [
        {"email": "bob@example.org", "first_name": "Bob"},
        {"email": "bob@example.org", "date_of_birth": date(1990, 1, 1)},
        {"first_name": "Carl", "date_of_birth": date(2015, 1, 1)},  # a child with the same address
    ],
)
def test_match_patient_with_one_common_detail_lists_nothing(known, difference):
    match_patient(somebody(**difference))

    assert (Patient.objects.count(), PossibleDuplicate.objects.count()) == (2, 0)


# Brought here by another system, which does not know all three


def test_match_patient_without_birth_date_uses_names_and_email(known):
    before = model_to_dict(known)

    assert match_patient(somebody(date_of_birth=None)) == known
    known.refresh_from_db()
    assert model_to_dict(known) == before


def test_match_patient_without_birth_date_and_two_namesakes_creates_patient(known):
    niece = match_patient(somebody(date_of_birth=date(2015, 1, 2)))

    third = match_patient(somebody(date_of_birth=None))
    assert third not in (known, niece)
    assert match_patient(somebody(date_of_birth=None)) == third
    assert {(pair.patient, pair.other, pair.reason) for pair in PossibleDuplicate.objects.filter(other=third)} == {
        (known, third, "same name and e-mail"),
        (niece, third, "same name and e-mail"),
    }


def test_match_patient_adds_no_birth_date_to_existing_record(db):
    unborn = match_patient(somebody(date_of_birth=None))

    assert match_patient(somebody()) != unborn
    assert PossibleDuplicate.objects.get().reason == "same name and e-mail"
    unborn.refresh_from_db()
    assert unborn.date_of_birth is None


def test_merge_patients_fills_missing_details(db):
    unborn, other = match_patient(somebody(date_of_birth=None)), match_patient(somebody(phone="+442079460123"))

    kept = merge_patients(keep=unborn, duplicate=other)

    assert (kept.date_of_birth, kept.email, kept.phone) == (date(1985, 4, 12), "alice@example.org", "+442079460123")


def test_match_patient_without_email_finds_nobody(known):
    for _ in range(2):
        match_patient(somebody(date_of_birth=None, email=""))
    match_patient(somebody(first_name="Bob", date_of_birth=None, email=""))

    assert (Patient.objects.count(), PossibleDuplicate.objects.count()) == (4, 0)


def test_match_patient_finds_name_with_ligatures(db):
    sallallahou = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 100  # eighteen letters each, taken apart

    assert match_patient(somebody(first_name=sallallahou)) == match_patient(somebody(first_name=sallallahou))


def test_match_patient_ignores_archived_record(known):
    Patient.objects.update(archived_at=THEN)

    assert match_patient(somebody()) != known


@pytest.mark.parametrize("born", [date(1985, 4, 12), None])
@pytest.mark.django_db(transaction=True)
def test_match_patient_concurrent_twins_become_one_patient(born):
    crowd = 12
    together = Barrier(crowd)

    def arrive(number):
        with closing(connection):
            together.wait()
            return match_patient(somebody(date_of_birth=born)).pk

    with ThreadPoolExecutor(crowd) as threads:
        found = set(threads.map(arrive, range(crowd)))

    assert found == {Patient.objects.get().pk}


@pytest.fixture
def twice(known):
    """Alice's record, and another that is hers too."""
    return known, match_patient(somebody(first_name="Alicia", nhs_number="9434765919"))


def test_merge_patients_moves_everything_to_kept_record(twice, book, at):
    keep, duplicate = twice
    book(at(9), patient=keep)
    book(at(10), patient=duplicate)
    Consent.objects.create(patient=duplicate, purpose=REMINDERS, given_at=THEN)

    assert merge_patients(keep=keep, duplicate=duplicate) == keep

    keep.refresh_from_db()
    duplicate.refresh_from_db()
    assert set(Appointment.objects.values_list("patient", flat=True)) == {keep.pk}
    assert list(keep.consents.values_list("purpose", "given_at")) == [(REMINDERS, THEN)]
    assert (keep.first_name, keep.phone, keep.nhs_number) == ("Alice", "+442079460123", "9434765919")
    assert (keep.archived_at, duplicate.archived_at is None, duplicate.nhs_number) == (None, False, "")
    assert PossibleDuplicate.objects.count() == 0


def test_merge_patients_points_duplicate_at_kept_record(twice):
    keep, duplicate = twice
    third = match_patient(somebody(first_name="Ali"))

    merge_patients(keep=duplicate, duplicate=third)
    merge_patients(keep=keep, duplicate=duplicate)

    assert set(keep.merged.all()) == {duplicate, third}
    assert Patient.objects.get(merged_into=None) == keep


def test_merge_patients_overwrites_no_details(twice):
    keep, duplicate = twice
    Patient.objects.filter(pk=duplicate.pk).update(phone="+442079460000")

    assert merge_patients(keep=keep, duplicate=duplicate).phone == "+442079460123"


def test_merge_patients_leaves_each_record_the_external_id_it_has(twice):
    keep, duplicate = twice
    keep.external_id, duplicate.external_id = "EHR-1", "EHR-2"
    keep.save()
    duplicate.save()

    merge_patients(keep=keep, duplicate=duplicate)

    assert set(Patient.objects.values_list("pk", "external_id")) == {(keep.pk, "EHR-1"), (duplicate.pk, "EHR-2")}


def test_merge_patients_merges_consents_and_keeps_withdrawn_ones(twice):
    keep, duplicate = twice
    for patient in twice:
        Consent.objects.create(patient=patient, purpose=PRIVACY, given_at=THEN)
    Consent.objects.create(patient=duplicate, purpose=REMINDERS, given_at=THEN, withdrawn_at=THEN)

    merge_patients(keep=keep, duplicate=duplicate)

    assert sorted(Consent.objects.values_list("patient", "purpose", "withdrawn_at")) == [
        (keep.pk, PRIVACY, None),
        (keep.pk, REMINDERS, THEN),
    ]


def refused(keep, duplicate):
    before = sorted(Patient.objects.values_list())
    with pytest.raises(CannotMerge):
        merge_patients(keep=keep, duplicate=duplicate)
    return sorted(Patient.objects.values_list()) == before


def test_merge_patients_with_itself_is_refused(known):
    assert refused(known, known)


def test_merge_patients_with_archived_record_is_refused(twice):
    keep, duplicate = twice
    merge_patients(keep=keep, duplicate=duplicate)

    assert refused(keep, duplicate)
    assert refused(duplicate, keep)


def test_merge_patients_with_different_nhs_numbers_is_refused(twice):
    Patient.objects.filter(first_name="Alice").update(nhs_number="9990000018")

    assert refused(*twice)
    assert PossibleDuplicate.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_merge_patients_concurrently_both_ways_leaves_one_record(alice):
    one = match_patient(alice)
    other = match_patient(somebody(first_name="Alicia"))
    together = Barrier(2)

    def merge(pair):
        with closing(connection):
            together.wait()
            try:
                return merge_patients(keep=pair[0], duplicate=pair[1]).pk
            except CannotMerge:
                return None

    with ThreadPoolExecutor(2) as threads:
        kept = set(threads.map(merge, [(one, other), (other, one)]))

    assert kept == {None, Patient.objects.get(archived_at=None).pk}


def test_nhs_number_of_another_patient_is_refused_by_database(twice):
    thief = copy(twice[0])
    thief.nhs_number = "9434765919"

    with pytest.raises(IntegrityError), transaction.atomic():
        thief.save()
