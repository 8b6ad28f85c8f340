"""Confirming a hold: what confirm_hold writes, what it refuses, and whom it books."""

from datetime import date, timedelta

import pytest

from booking.domain.confirmation import confirm_hold
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import find_hold, move_hold, release_hold
from booking.domain.slot_selection import OpeningRequest
from booking.domain.transitions import HoldExpired, HoldNotFound
from booking.models import Appointment, Event, Hold, OutboxMessage
from patients.models import Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import lapse, nothing_changes, rows


def make_alice_again():
    """Return Alice with her details typed a little differently."""
    return Patient(first_name="ALICE", last_name="Archer ", date_of_birth=date(1985, 4, 12), email="alice@example.org")


def test_confirm_hold_writes_appointment(hold_time, at, alice, consultation, dana, harbour):
    hold = hold_time(at(9))

    appointment = confirm_hold(hold, patient=alice, actor="patient", notes="My knee\nhurts.")

    assert rows(Appointment) == [
        {
            "id": hold.pk,
            "reference": appointment.reference,
            "status": "confirmed",
            "patient_id": Patient.objects.get().pk,
            "order_id": None,
            "provider_id": None,
            "provider_reference": "",
            "answer_by": None,
            "service_id": consultation.pk,
            "clinician_id": dana.pk,
            "location_id": harbour.pk,
            "slot_id": hold.slot_id,
            "starts_at": at(9),
            "ends_at": at(9, 30),
            "is_remote": False,
            "created_at": appointment.created_at,
            "updated_at": appointment.updated_at,
            "attendee_name": "Alice Archer",
            "attendee_email": "alice@example.org",
            "attendee_phone": "+442079460123",
            "contact_name": "",
            "relation": "",
            "said_new_is_known": False,
            "notes": "My knee\nhurts.",
            "meeting_url": "",
            "price": 60,
            "currency": "GBP",
            "external_id": "",
            "metadata": {},
            "verification": "",
            "link_version": 0,
            "attendance_confirmed_at": None,
            "language": "",
            "patient_timezone": "",
            "cancellation_reason": "",
            "cancellation_note": "",
            "arrived_at": None,
            "seen_at": None,
            "override_reason": "",
            "override_note": "",
        }
    ]


def test_confirm_hold_keeps_slot_and_clears_its_expiry(hold_time, at, alice):
    hold = hold_time(at(9))
    [slot] = rows(Slot)

    confirm_hold(hold, patient=alice, actor="patient")

    assert rows(Slot) == [slot | {"expires_at": None}]
    assert (hold.status, Hold.objects.get().status) == ("confirmed", "confirmed")


def test_confirm_hold_records_events_and_enqueues_mail(hold_time, at, alice):
    hold = hold_time(at(9))
    appointment = confirm_hold(hold, patient=alice, actor="patient")

    story = Event.objects.values_list("subject_id", "sequence", "kind", "from_status", "to_status", "actor", "data")
    assert list(story) == [
        (hold.pk, 1, "hold.placed", "", "active", "patient", {}),
        (appointment.patient_id, 1, "patient.created", "", "", "patient", {}),
        (hold.pk, 2, "hold.confirmed", "active", "confirmed", "patient", {}),
        (hold.pk, 3, "appointment.created", "", "confirmed", "patient", {}),
    ]
    messages = OutboxMessage.objects.values_list("kind", "payload", "status")
    assert list(messages) == [("email.appointment_confirmed", {"appointment": str(appointment.pk)}, "waiting")]


def test_confirm_hold_writes_what_the_orm_would(hold_time, at, alice):
    appointment = confirm_hold(hold_time(at(9)), patient=alice, actor="patient", metadata={"room": "2"})

    assert get_fields(Appointment.objects.get()) == get_fields(appointment)
    [written] = rows(Patient)
    assert written == get_fields(alice)
    twin = Patient(**{name: written[name] for name in ("first_name", "last_name", "date_of_birth", "email", "phone")})
    twin.save()
    its_own = {"id": twin.pk, "created_at": twin.created_at, "updated_at": twin.updated_at}
    assert get_fields(twin) == written | its_own


def get_fields(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_confirm_hold_writes_no_patient_value_into_events_or_messages(hold_time, at, alice):
    confirm_hold(hold_time(at(9)), patient=alice, actor="patient", notes="My knee hurts.")

    written = str(rows(Event)) + str(rows(OutboxMessage))
    for value in ("Alice", "Archer", "alice@", "2079460123", "1985", "knee"):
        assert value not in written


def test_confirm_hold_twice_returns_same_appointment_and_changes_nothing(hold_time, at, alice, bob):
    hold = hold_time(at(9))
    stale = find_hold(hold.token)
    appointment = confirm_hold(hold, patient=alice, actor="patient")

    with nothing_changes():
        assert confirm_hold(hold, patient=alice, actor="patient") == appointment
        assert confirm_hold(stale, patient=bob, actor="patient") == appointment
        assert confirm_hold(find_hold(hold.token), patient=make_alice_again(), actor="patient") == appointment


def test_confirm_hold_in_its_last_second_succeeds(hold_time, at, alice):
    hold = hold_time(at(9))
    soon = database_now() + timedelta(seconds=1)
    Hold.objects.update(expires_at=soon)
    Slot.objects.update(expires_at=soon)

    assert confirm_hold(hold, patient=alice, actor="patient").status == "confirmed"


def test_appointment_reference_uses_eleven_characters_without_lookalikes(book, at):
    reference = book(at(9)).reference

    assert len(reference) == 11
    assert reference[5] == "-"
    assert set(reference) <= set("234679BCDFGHJKLMNPQRSTVWXZ-")


def test_appointment_keeps_its_price_when_service_price_changes(book, at, consultation):
    book(at(9))
    consultation.price = 75
    consultation.save()

    assert Appointment.objects.get().price == 60


@pytest.mark.parametrize("is_moved", [False, True])
def test_confirm_hold_after_price_change_uses_price_of_hold(
    hold_time, at, alice, consultation, dana, harbour, is_moved
):
    hold = hold_time(at(9))
    consultation.price, consultation.currency = 75, "EUR"
    consultation.save()
    if is_moved:
        opening = OpeningRequest(consultation, at(10), dana, harbour, is_remote=False)
        move_hold(find_hold(hold.token), opening, actor="patient")

    confirm_hold(find_hold(hold.token), patient=alice, actor="patient")

    assert Appointment.objects.values_list("price", "currency").get() == (60, "GBP")


# Refusals


def test_confirm_hold_after_expiry_raises_hold_expired_and_changes_nothing(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)

    with nothing_changes(), pytest.raises(HoldExpired) as refusal:
        confirm_hold(hold, patient=alice, actor="patient")

    assert refusal.value.hold.expires_at == hold.expires_at


def test_confirm_hold_marked_expired_raises_hold_expired_and_changes_nothing(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)
    expire_stale_holds()

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(hold, patient=alice, actor="patient")


def test_confirm_hold_after_bob_took_its_lapsed_time_raises_hold_expired_and_changes_nothing(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)
    hold_time(at(9), holder="bob's phone")

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(hold, patient=alice, actor="patient")


def test_confirm_hold_after_release_raises_hold_not_found_and_changes_nothing(hold_time, at, alice):
    hold = hold_time(at(9))
    stale = find_hold(hold.token)
    release_hold(hold, actor="patient")

    with nothing_changes(), pytest.raises(HoldNotFound):
        confirm_hold(stale, patient=alice, actor="patient")


# The patient


@pytest.fixture
def bob():
    """Bob, a patient without a record."""
    return Patient(first_name="Bob", last_name="Baker", date_of_birth=date(1970, 1, 31), email="bob@example.org")


def test_confirm_hold_for_new_patient_creates_record(book, at, alice):
    book(at(9))

    patient = Patient.objects.get()
    assert (str(patient), patient.email, patient.phone) == ("Alice Archer", "alice@example.org", "+442079460123")


def test_confirm_hold_for_known_person_reuses_record_unchanged(book, at):
    first = book(at(9))
    [before] = rows(Patient)
    second = book(at(10), patient=make_alice_again())

    assert second.patient == first.patient
    assert rows(Patient) == [before]
    assert (second.attendee_name, second.attendee_phone) == ("ALICE Archer ", "")


def test_confirm_hold_with_saved_patient_books_for_that_record(book, at, bob):
    bob.save()
    appointment = book(at(9), patient=bob)

    assert (appointment.patient, appointment.attendee_email) == (bob, "bob@example.org")
    assert Patient.objects.count() == 1


def test_confirm_hold_for_similar_person_creates_second_patient_and_possible_duplicate(book, at, alice):
    book(at(9))
    work = make_alice_again()
    work.email = "alice@work.example"
    book(at(10), patient=work)

    [duplicate] = PossibleDuplicate.objects.all()
    assert {duplicate.patient, duplicate.other} == set(Patient.objects.all())
    assert duplicate.reason == "same name and birth date"


def test_confirm_hold_with_attendee_stores_attendee_beside_patient(hold_time, at, alice):
    carer = {"name": "Carol Archer", "email": "carol@example.org", "phone": ""}

    appointment = confirm_hold(hold_time(at(9)), patient=alice, actor="patient", attendee=carer)

    assert str(appointment.patient) == "Alice Archer"
    attendee = (appointment.attendee_name, appointment.attendee_email, appointment.attendee_phone)
    assert attendee == ("Carol Archer", "carol@example.org", "")
