"""Patients are changed, archived and taken back one locked row at a time, and the log says so."""

import pytest

from booking.domain import patients
from booking.models import Event
from patients.models import Patient, PossibleDuplicate
from tests.ledger import nothing_changes


@pytest.fixture
def ada(db, alice):
    """A patient who is written down."""
    return patients.register(alice, actor="erin")


def log():
    """What happened since she was written down."""
    return list(Event.objects.order_by("pk").values_list("kind", "actor", "data")[1:])


def give(**details):
    def change(patient):
        vars(patient).update(details)
        return patient

    return change


def test_the_log_has_which_details_changed_and_never_what_to(ada):
    patients.change(ada.pk, give(phone="+447700900777", first_name="Ada"), actor="erin")

    ada.refresh_from_db()
    assert (ada.first_name, ada.phone) == ("Ada", "+447700900777")
    assert log() == [("patient.updated", "erin", {"changed": ["first_name", "phone"]})]


def test_to_change_nothing_is_nothing_that_happened(ada):
    patients.change(ada.pk, give(first_name="Alice"), actor="erin")

    assert log() == []


def test_whoever_is_archived_is_not_changed(ada):
    patients.archive(ada, actor="erin")

    with nothing_changes(), pytest.raises(Patient.DoesNotExist):
        patients.change(ada.pk, give(first_name="Ada"), actor="erin")


def test_a_change_made_meanwhile_survives_archiving_and_restoring(ada):
    stale = Patient.objects.get()
    Patient.objects.update(phone="+447700900777")
    assert patients.archive(stale, actor="erin")
    stale = Patient.objects.get()
    Patient.objects.update(phone="+447700900888")

    assert patients.restore(stale, actor="morgan")

    ada.refresh_from_db()
    assert (ada.phone, ada.archived_at) == ("+447700900888", None)
    assert log() == [("patient.archived", "erin", {}), ("patient.restored", "morgan", {})]


def test_a_merged_record_that_is_restored_is_one_of_its_own_again(ada):
    other = patients.register(
        Patient(first_name="Ade", last_name="Archer", date_of_birth=ada.date_of_birth, email=ada.email), actor="erin"
    )
    patients.merge(keep=ada, duplicate=other, actor="erin")

    patients.restore(other, actor="erin")

    other.refresh_from_db()
    assert (other.archived_at, other.merged_into) == (None, None)


def test_to_archive_or_restore_again_changes_nothing(ada):
    with nothing_changes():
        assert not patients.restore(ada, actor="erin")
    patients.archive(ada, actor="erin")
    with nothing_changes():
        assert not patients.archive(ada, actor="erin")


def test_whoever_comes_back_is_compared_with_those_who_have_come_since(ada):
    patients.archive(ada, actor="erin")
    other = Patient(first_name="Alice", last_name="Archer", date_of_birth=ada.date_of_birth, email="a@example.org")
    patients.register(other, actor="erin")
    assert not PossibleDuplicate.objects.exists()

    patients.restore(ada, actor="erin")

    pair = PossibleDuplicate.objects.get()
    assert {pair.patient_id, pair.other_id} == {ada.pk, other.pk}
