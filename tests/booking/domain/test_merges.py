"""Two records are merged, and for a day they can be two again."""

from datetime import date, timedelta
from functools import partial

import pytest

from booking.domain import patients
from booking.domain.appointments import cancel
from booking.domain.erasure import erase_patient
from booking.domain.orders import create_order
from booking.models import Appointment, Event, Hold, Order
from patients.merging import CannotUndoMerge, forget_old_merges
from patients.models import Consent, Merge, Needs, Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes

ACTOR = "staff:7"


def read(patient):
    """Return everything of a patient's row but its times."""
    row = Patient.objects.filter(pk=patient.pk).values().get()
    return {name: value for name, value in row.items() if name not in ("updated_at", "archived_at")}


@pytest.fixture
def two(db, book, at, consultation, hold_time):
    """Alice, who has a phone and a visit, and Alicia, who has everything else: are they one person?"""
    alice = patients.register(
        Patient(first_name="Alice", last_name="Archer", date_of_birth=date(1985, 4, 12), phone="+442079460123"),
        actor=ACTOR,
    )
    alicia = Patient(
        first_name="Alicia",
        last_name="Archer",
        date_of_birth=date(1985, 4, 12),
        email="alicia@example.org",
        nhs_number="9434765919",
        external_id="crm-7",
        metadata={"ward": "B"},
    )
    patients.register(alicia, actor=ACTOR)
    book(at(9), patient=alice)
    book(at(10), patient=alicia)
    hold_time(at(11), patient=alicia)
    create_order(patient=alicia, service=consultation, actor=ACTOR)
    for one, purposes in ((alice, ["reminders"]), (alicia, ["reminders", "privacy_notice"])):
        Consent.objects.bulk_create(Consent(patient=one, purpose=purpose) for purpose in purposes)
    Needs.objects.create(patient=alice, accessibility="A ramp")
    Needs.objects.create(patient=alicia, accessibility="Large print", interpreter="German")
    PossibleDuplicate.objects.create(patient=alice, other=alicia, reason="same birth date")
    return alice, alicia


def list_owned():
    """Return whose everything is."""
    owned = {model.__name__: set(model.objects.values_list("pk", "patient_id")) for model in (Appointment, Hold, Order)}
    owned["consents"] = sorted(map(str, Consent.objects.values_list("patient_id", "purpose", "given_at", "version")))
    owned["needs"] = {(each.patient_id, each.accessibility, each.interpreter) for each in Needs.objects.all()}
    return owned


def test_unmerge_gives_each_record_back_what_it_had(two):
    alice, alicia = two
    before, owned = [read(alice), read(alicia)], list_owned()

    patients.merge(keep=alice, duplicate=alicia, actor=ACTOR)
    assert set(Appointment.objects.values_list("patient_id", flat=True)) == {alice.pk}
    assert Patient.objects.get(pk=alice.pk).nhs_number == "9434765919"
    undone = patients.unmerge(alicia, actor="staff:8")

    assert (undone.kept, undone.restored, undone.needs_differ) == (alice, alicia, False)
    assert [read(alice), read(alicia)] == before
    assert list_owned() == owned
    assert not Patient.objects.exclude(archived_at=None).exists()
    assert [(pair.patient, pair.other) for pair in PossibleDuplicate.objects.all()] == [(alice, alicia)]
    assert not Merge.objects.exists()
    assert list(Event.objects.filter(actor="staff:8").order_by("pk").values_list("kind", "subject_id", "data")) == [
        ("patient.unmerged", alice.pk, {"merged_id": str(alicia.pk)}),
        ("patient.restored", alicia.pk, {}),
    ]


def test_unmerge_leaves_what_has_come_or_was_changed_since(two, book, at):
    alice, alicia = two
    patients.merge(keep=alice, duplicate=alicia, actor=ACTOR)
    since = book(at(14), patient=Patient.objects.get(pk=alice.pk))
    Patient.objects.filter(pk=alice.pk).update(email="alice@example.org")
    Needs.objects.filter(patient=alice).update(interpreter="")
    Consent.objects.filter(purpose="reminders").update(withdrawn_at=database_now())

    undone = patients.unmerge(alicia, actor=ACTOR)

    since.refresh_from_db()
    alice.refresh_from_db()
    assert (since.patient, alice.email, alice.nhs_number) == (alice, "alice@example.org", "")
    assert undone.needs_differ
    assert {each.patient: each.accessibility for each in Needs.objects.all()} == {
        alice: "A ramp\nLarge print",
        alicia: "Large print",
    }
    withdrawn = Consent.objects.filter(purpose="reminders").values_list("withdrawn_at", flat=True)
    assert len(withdrawn) == 2
    assert all(withdrawn)  # who has said no has said it for both


def test_unmerge_works_from_the_last_merge_to_the_first(two):
    alice, alicia = two
    alba = patients.register(Patient(first_name="Alba", last_name="Archer", phone="+442079460777"), actor=ACTOR)
    before = [read(each) for each in (alice, alicia, alba)]
    patients.merge(keep=alicia, duplicate=alice, actor=ACTOR)
    patients.merge(keep=alba, duplicate=alicia, actor=ACTOR)

    with nothing_changes(), pytest.raises(CannotUndoMerge):
        patients.unmerge(alice, actor=ACTOR)

    patients.unmerge(alicia, actor=ACTOR)
    patients.unmerge(alice, actor=ACTOR)
    assert [read(each) for each in (alice, alicia, alba)] == before


def archive_kept(alice, alicia):
    patients.archive(alice, actor=ACTOR)


def take_out_of_archive(alice, alicia):
    patients.restore(alicia, actor=ACTOR)


def give_number_to_another(alice, alicia):
    Patient.objects.filter(pk=alice.pk).update(nhs_number="")
    Patient.objects.create(first_name="Nora", nhs_number="9434765919")


def let_a_day_pass(alice, alicia):
    Merge.objects.update(merged_at=database_now() - timedelta(days=1))


def lose_the_key(alice, alicia):
    Merge.objects.filter(pk=Merge.objects.get().pk).update(memory="")


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (archive_kept, "The record that was kept is in the archive. Take it out of there first."),
        (take_out_of_archive, "The record was taken out of the archive by hand since."),
        (give_number_to_another, "Another patient has its NHS number or external id by now."),
        (let_a_day_pass, "That merge is more than a day old: what it has moved is forgotten."),
        (lose_the_key, "What the merge has moved cannot be read: SECRET_KEY_FALLBACKS lacks an old SECRET_KEY."),
    ],
)
def test_unmerge_after_what_rules_it_out_is_refused(two, happens, sentence):
    alice, alicia = two
    patients.merge(keep=alice, duplicate=alicia, actor=ACTOR)
    happens(alice, alicia)

    with nothing_changes(), pytest.raises(CannotUndoMerge) as refusal:
        patients.unmerge(alicia, actor=ACTOR)

    assert refusal.value.message == sentence


def test_merge_is_forgotten_after_a_day_or_with_the_person(two, settings):
    alice, alicia = two
    settings.RETENTION_YEARS = 0
    merge = partial(patients.merge, keep=alice, duplicate=alicia, actor=ACTOR)
    merge()
    assert forget_old_merges() == 0
    let_a_day_pass(alice, alicia)
    assert (forget_old_merges(), Merge.objects.count()) == (1, 0)

    patients.restore(alicia, actor=ACTOR)
    merge()
    Hold.objects.filter(status="active").update(status="released")
    for visit in Appointment.objects.all():
        cancel(visit, reason="other", actor=ACTOR)
    erase_patient(alice.pk, actor=ACTOR)
    assert not Merge.objects.exists()
