"""A hold becomes an appointment."""

from datetime import date, timedelta

import pytest

from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import confirm_hold, find_hold, release_hold
from booking.domain.transitions import HoldExpired, HoldNotFound
from booking.models import Appointment, Event, Hold, OutboxMessage
from patients.models import Patient, PossibleDuplicate
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import lapse, nothing_changes, rows


def same_person():
    """Alice again, typed a little differently."""
    return Patient(first_name="ALICE", last_name="Archer ", date_of_birth=date(1985, 4, 12), email="alice@example.org")


def test_confirming_writes_the_appointment(hold_time, at, alice, consultation, dana, harbour):
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
            "attendee_phone": "+447700900123",
            "notes": "My knee\nhurts.",
            "meeting_url": "",
            "price": 60,
            "currency": "GBP",
            "cancellation_reason": "",
            "cancellation_note": "",
        }
    ]


def test_confirming_keeps_the_very_slot_of_the_hold_for_good(hold_time, at, alice):
    hold = hold_time(at(9))
    [slot] = rows(Slot)

    confirm_hold(hold, patient=alice, actor="patient")

    assert rows(Slot) == [slot | {"expires_at": None}]
    assert (hold.status, Hold.objects.get().status) == ("confirmed", "confirmed")


def test_confirming_tells_the_story_and_leaves_a_message(hold_time, at, alice):
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


def test_no_message_and_no_event_holds_a_patients_value(hold_time, at, alice):
    confirm_hold(hold_time(at(9)), patient=alice, actor="patient", notes="My knee hurts.")

    written = str(rows(Event)) + str(rows(OutboxMessage))
    for value in ("Alice", "Archer", "alice@", "7700900123", "1985", "knee"):
        assert value not in written


def test_confirming_twice_gives_the_same_appointment(hold_time, at, alice, bob):
    hold = hold_time(at(9))
    stale = find_hold(hold.token)
    appointment = confirm_hold(hold, patient=alice, actor="patient")

    with nothing_changes():
        assert confirm_hold(hold, patient=alice, actor="patient") == appointment
        assert confirm_hold(stale, patient=bob, actor="patient") == appointment
        assert confirm_hold(find_hold(hold.token), patient=same_person(), actor="patient") == appointment


def test_an_extended_hold_can_be_confirmed_in_its_last_second(hold_time, at, alice):
    hold = hold_time(at(9))
    soon = database_now() + timedelta(seconds=1)
    Hold.objects.update(expires_at=soon)
    Slot.objects.update(expires_at=soon)

    assert confirm_hold(hold, patient=alice, actor="patient").status == "confirmed"


def test_the_reference_is_easy_to_read_out(book, at):
    reference = book(at(9)).reference

    assert len(reference) == 11
    assert reference[5] == "-"
    assert set(reference) <= set("234679BCDFGHJKLMNPQRSTVWXZ-")


def test_the_price_is_kept_as_it_was(book, at, consultation):
    book(at(9))
    consultation.price = 75
    consultation.save()

    assert Appointment.objects.get().price == 60


def test_the_price_is_the_one_that_was_seen_at_the_hold(hold_time, at, alice, consultation):
    hold = hold_time(at(9))
    consultation.price, consultation.currency = 75, "EUR"
    consultation.save()

    confirm_hold(find_hold(hold.token), patient=alice, actor="patient")

    assert Appointment.objects.values_list("price", "currency").get() == (60, "GBP")


# Refusals


def test_a_lapsed_hold_cannot_be_confirmed(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)

    with nothing_changes(), pytest.raises(HoldExpired) as refusal:
        confirm_hold(hold, patient=alice, actor="patient")

    assert refusal.value.hold.expires_at == hold.expires_at


def test_an_expired_hold_cannot_be_confirmed(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)
    expire_stale_holds()

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(hold, patient=alice, actor="patient")


def test_a_lapsed_hold_whose_time_another_took_cannot_be_confirmed(hold_time, at, alice):
    hold = hold_time(at(9))
    lapse(hold)
    hold_time(at(9), holder="bob's phone")

    with nothing_changes(), pytest.raises(HoldExpired):
        confirm_hold(hold, patient=alice, actor="patient")


def test_a_released_hold_cannot_be_confirmed(hold_time, at, alice):
    hold = hold_time(at(9))
    stale = find_hold(hold.token)
    release_hold(hold, actor="patient")

    with nothing_changes(), pytest.raises(HoldNotFound):
        confirm_hold(stale, patient=alice, actor="patient")


# The patient


@pytest.fixture
def bob():
    """Another patient nobody has written down yet."""
    return Patient(first_name="Bob", last_name="Baker", date_of_birth=date(1970, 1, 31), email="bob@example.org")


def test_a_new_patient_is_written_down(book, at, alice):
    book(at(9))

    patient = Patient.objects.get()
    assert (str(patient), patient.email, patient.phone) == ("Alice Archer", "alice@example.org", "+447700900123")


def test_the_same_person_is_found_again_and_stays_as_written(book, at):
    first = book(at(9))
    [before] = rows(Patient)
    second = book(at(10), patient=same_person())

    assert second.patient == first.patient
    assert rows(Patient) == [before]
    assert (second.attendee_name, second.attendee_phone) == ("ALICE Archer ", "")


def test_a_known_patient_can_be_given(book, at, bob):
    bob.save()
    appointment = book(at(9), patient=bob)

    assert (appointment.patient, appointment.attendee_email) == (bob, "bob@example.org")
    assert Patient.objects.count() == 1


def test_someone_similar_is_another_patient_and_staff_are_told(book, at, alice):
    book(at(9))
    work = same_person()
    work.email = "alice@work.example"
    book(at(10), patient=work)

    [duplicate] = PossibleDuplicate.objects.all()
    assert {duplicate.patient, duplicate.other} == set(Patient.objects.all())
    assert duplicate.reason == "same name and birth date"


def test_the_attendee_may_be_another_than_the_patient(hold_time, at, alice):
    carer = {"name": "Carol Archer", "email": "carol@example.org", "phone": ""}

    appointment = confirm_hold(hold_time(at(9)), patient=alice, actor="patient", attendee=carer)

    assert str(appointment.patient) == "Alice Archer"
    attendee = (appointment.attendee_name, appointment.attendee_email, appointment.attendee_phone)
    assert attendee == ("Carol Archer", "carol@example.org", "")
