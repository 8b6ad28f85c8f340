"""Patient verbs: change, archive and restore lock the row and record an event."""

import pytest

from booking.domain import patients
from booking.models import Event
from patients.models import Patient, PossibleDuplicate
from tests.ledger import nothing_changes


@pytest.fixture
def registered_alice(db, alice):
    """Alice, with a record of her own."""
    return patients.register(alice, actor="erin")


def list_events():
    """Return the events after Alice's registration."""
    return list(Event.objects.order_by("pk").values_list("kind", "actor", "data")[1:])


def set_details(**details):
    def change(patient):
        vars(patient).update(details)
        return patient

    return change


def test_change_records_names_of_changed_details_without_values(registered_alice):
    patients.change(registered_alice.pk, set_details(phone="+442079460777", first_name="Ada"), actor="erin")

    registered_alice.refresh_from_db()
    assert (registered_alice.first_name, registered_alice.phone) == ("Ada", "+442079460777")
    assert list_events() == [("patient.updated", "erin", {"changed": ["first_name", "phone"]})]


def test_change_to_same_details_records_no_event(registered_alice):
    patients.change(registered_alice.pk, set_details(first_name="Alice"), actor="erin")

    assert list_events() == []


def test_change_of_archived_patient_raises_does_not_exist_and_changes_nothing(registered_alice):
    patients.archive(registered_alice, actor="erin")

    with nothing_changes(), pytest.raises(Patient.DoesNotExist):
        patients.change(registered_alice.pk, set_details(first_name="Ada"), actor="erin")


def test_archive_and_restore_from_stale_record_keep_concurrent_changes(registered_alice):
    stale = Patient.objects.get()
    Patient.objects.update(phone="+442079460777")
    assert patients.archive(stale, actor="erin")
    stale = Patient.objects.get()
    Patient.objects.update(phone="+442079460888")

    assert patients.restore(stale, actor="morgan")

    registered_alice.refresh_from_db()
    assert (registered_alice.phone, registered_alice.archived_at) == ("+442079460888", None)
    assert list_events() == [("patient.archived", "erin", {}), ("patient.restored", "morgan", {})]


def test_restore_of_merged_record_clears_merged_into(registered_alice):
    other = patients.register(
        Patient(
            first_name="Ade",
            last_name="Archer",
            date_of_birth=registered_alice.date_of_birth,
            email=registered_alice.email,
        ),
        actor="erin",
    )
    patients.merge(keep=registered_alice, duplicate=other, actor="erin")

    patients.restore(other, actor="erin")

    other.refresh_from_db()
    assert (other.archived_at, other.merged_into) == (None, None)


def test_archive_or_restore_twice_changes_nothing(registered_alice):
    with nothing_changes():
        assert not patients.restore(registered_alice, actor="erin")
    patients.archive(registered_alice, actor="erin")
    with nothing_changes():
        assert not patients.archive(registered_alice, actor="erin")


def test_restore_compares_patient_with_records_created_since_archiving(registered_alice):
    patients.archive(registered_alice, actor="erin")
    other = Patient(
        first_name="Alice", last_name="Archer", date_of_birth=registered_alice.date_of_birth, email="a@example.org"
    )
    patients.register(other, actor="erin")
    assert not PossibleDuplicate.objects.exists()

    patients.restore(registered_alice, actor="erin")

    pair = PossibleDuplicate.objects.get()
    assert {pair.patient_id, pair.other_id} == {registered_alice.pk, other.pk}
