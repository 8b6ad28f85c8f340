"""Bookings that wait for the link in their e-mail: who is told, what is counted, and what a press does."""

from datetime import timedelta

import pytest

from booking.access.email_addresses import get_email_id
from booking.domain.appointments import cancel, confirm
from booking.domain.confirmation import confirm_hold, confirm_with_approval
from booking.domain.expiry import cancel_unanswered
from booking.domain.rescheduling import reschedule
from booking.domain.scarcity import NeedsProof, Visitor
from booking.domain.slot_selection import OpeningRequest
from booking.domain.verification import as_without_proof, verify_appointment
from booking.models import Appointment, EmailAddress, Hold, Networks, OutboxMessage, Provider
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from tests.ledger import nothing_changes

HOME = Networks("home")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def hold_online(hold_time, at):
    """Hold a time for a visitor: ``hold_online(9, must_verify=True)``."""

    def hold_online(hour, *, must_verify=False, email=""):
        visitor = Visitor(HOME, verified_email=email and get_email_id(email))
        hold = hold_time(at(hour), visitor=visitor, holder="visitor", limit=None)
        Hold.objects.filter(pk=hold.pk).update(must_verify=must_verify)
        hold.must_verify = must_verify
        return hold

    return hold_online


@pytest.fixture
def waiting(hold_online, alice):
    """Alice's appointment at nine, which waits for the link in her mail."""
    return confirm_hold(hold_online(9, must_verify=True), patient=alice, actor="patient")


@pytest.fixture
def lab(consultation):
    """Another system that approves every consultation, at an address where nobody answers."""
    lab = Provider.objects.create(name="The lab", slug="lab", kind="upstream", url="http://127.0.0.1:9")
    lab.services.add(consultation)
    return lab


def jobs():
    """Take the jobs of the outbox, in the order in which they were written."""
    kinds = list(OutboxMessage.objects.order_by("created_at").values_list("kind", flat=True))
    OutboxMessage.objects.all().delete()
    return kinds


def test_booking_that_must_be_verified_waits_an_hour_for_its_link(waiting):
    waits = waiting.answer_by - waiting.created_at

    assert (waiting.status, waiting.verification, waits) == ("pending", "required", 60 * MINUTE)
    assert Slot.objects.get().expires_at == waiting.answer_by
    assert jobs() == ["email.verify_address"]


def test_booking_of_a_visitor_is_confirmed_at_once_while_it_is_calm(hold_online, alice):
    appointment = confirm_hold(hold_online(9), patient=alice, actor="patient")

    assert (appointment.status, appointment.verification, appointment.answer_by) == ("confirmed", "waived", None)
    assert jobs() == ["email.appointment_confirmed"]


def test_booking_of_nobodys_network_needs_no_verification(book, at):
    assert book(at(9)).verification == ""


def test_press_confirms_and_mails(waiting):
    jobs()

    verify_appointment(waiting)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.verification, waiting.answer_by) == ("confirmed", "verified", None)
    assert Slot.objects.get().expires_at is None
    assert jobs() == ["email.appointment_confirmed"]
    assert EmailAddress.objects.get().confirmed_at


def test_second_press_changes_nothing(waiting):
    verify_appointment(waiting)

    with nothing_changes():
        verify_appointment(waiting)


def test_press_too_late_books_nothing_but_the_address_is_confirmed(waiting):
    past = database_now() - MINUTE
    Appointment.objects.update(answer_by=past)
    Slot.objects.update(expires_at=past)
    jobs()

    verify_appointment(waiting)

    assert (waiting.status, waiting.cancellation_reason) == ("cancelled", "not_acknowledged")
    assert (Slot.objects.count(), jobs()) == (0, [])
    assert EmailAddress.objects.get().confirmed_at


def test_booking_whose_link_nobody_presses_lapses_without_a_mail(waiting):
    Appointment.objects.update(answer_by=database_now() - MINUTE)
    jobs()

    assert cancel_unanswered() == 1
    assert (Slot.objects.count(), jobs()) == (0, [])


def test_waiting_booking_that_is_cancelled_is_not_mailed(waiting):
    jobs()

    cancel(waiting, reason="patient_request", actor="patient")

    assert (waiting.status, jobs()) == ("cancelled", [])


def test_press_of_a_confirmed_booking_verifies_it(hold_online, alice):
    appointment = confirm_hold(hold_online(9), patient=alice, actor="patient")
    jobs()

    verify_appointment(appointment)

    appointment.refresh_from_db()
    assert (appointment.status, appointment.verification, jobs()) == ("confirmed", "verified", [])


def test_staff_are_asked_after_the_press(desk, waiting):
    assert (waiting.provider, jobs()) == (desk, ["email.verify_address"])

    verify_appointment(waiting)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.verification) == ("pending", "verified")
    assert 14 * MINUTE < waiting.answer_by - database_now() <= desk.answer_within
    assert Slot.objects.get().expires_at == waiting.answer_by
    assert jobs() == ["email.appointment_requested"]


def test_another_system_is_asked_after_the_press(lab, hold_online, alice):
    hold = hold_online(9, must_verify=True)
    waiting = confirm_with_approval(hold, patient=alice, actor="patient")
    assert (waiting.status, waiting.provider, jobs()) == ("pending", lab, ["email.verify_address"])

    verify_appointment(waiting)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.verification) == ("pending", "verified")
    assert 14 * MINUTE < waiting.answer_by - database_now() <= lab.answer_within
    assert jobs() == ["email.appointment_requested", "provider.sync"]


def test_staff_who_confirm_a_waiting_booking_do_without_the_link(waiting):
    jobs()

    confirm(waiting, actor="erin")

    assert (waiting.status, waiting.verification, jobs()) == ("confirmed", "waived", ["email.appointment_confirmed"])


def test_waiting_booking_that_is_moved_is_mailed_its_link_again_and_waits_no_longer(
    waiting, consultation, dana, harbour, at
):
    deadline = waiting.answer_by
    jobs()

    reschedule(waiting, OpeningRequest(consultation, at(10), dana, harbour, is_remote=False), actor="patient")

    assert (waiting.answer_by, Slot.objects.get().expires_at, jobs()) == (deadline, deadline, ["email.verify_address"])


def test_booking_for_the_address_that_was_verified_before_is_confirmed_at_once(hold_online, alice):
    hold = hold_online(9, must_verify=True, email="Alice@example.org")

    appointment = confirm_hold(hold, patient=alice, actor="patient")

    assert (appointment.status, appointment.verification) == ("confirmed", "verified")


def test_booking_for_another_address_than_the_verified_one_waits(hold_online, alice):
    hold = hold_online(9, must_verify=True, email="mallory@example.org")

    appointment = confirm_hold(hold, patient=alice, actor="patient")

    assert (appointment.status, appointment.verification) == ("pending", "required")


def test_booking_that_must_be_verified_needs_an_address(hold_online, alice):
    hold, attendee = hold_online(9, must_verify=True), {"name": "Alice", "email": "", "phone": "+442079460123"}

    with nothing_changes(), pytest.raises(NeedsProof):
        confirm_hold(hold, patient=alice, attendee=attendee, actor="patient")

    assert confirm_hold(hold, patient=alice, actor="patient").verification == "required"


# Who has three visits to come


SOMEBODY = {"name": "Somebody Else", "email": "somebody@example.org", "phone": "+442079460999"}
ALICES = {"name": "Alice Archer", "email": "ALICE@example.org", "phone": "+442079460123"}


@pytest.fixture
def three_visits(book, at, alice):
    """Three visits of Alice to come, booked by staff."""
    return [book(at(hour), limit=None) for hour in (9, 10, 11)]


@pytest.mark.parametrize("same", ["email", "phone"])
def test_fourth_visit_of_a_contact_waits_quietly(three_visits, hold_online, alice, same):
    alice.pk, alice._state.adding, alice.first_name, alice.last_name = None, True, "Bob", "Bannister"
    alice.email = "bob@example.org"

    fourth = confirm_hold(hold_online(13), patient=alice, attendee=SOMEBODY | {same: ALICES[same]}, actor="patient")

    assert (fourth.status, fourth.verification) == ("pending", "required_quietly")
    assert fourth.answer_by - fourth.created_at == 60 * MINUTE


def test_fourth_visit_of_a_person_waits_quietly_and_a_press_confirms_it(three_visits, hold_online, alice):
    jobs()
    fourth = confirm_hold(hold_online(13), patient=alice, attendee=SOMEBODY, actor="patient")

    assert (fourth.status, fourth.verification, jobs()) == ("pending", "required_quietly", ["email.verify_address"])

    verify_appointment(fourth)
    assert (fourth.status, fourth.verification, jobs()) == ("confirmed", "verified", ["email.appointment_confirmed"])


def test_fourth_visit_that_must_be_verified_says_so_like_any_other(three_visits, hold_online, alice):
    fourth = confirm_hold(hold_online(13, must_verify=True), patient=alice, actor="patient")

    assert (fourth.status, fourth.verification) == ("pending", "required")


def test_third_visit_is_confirmed_at_once(three_visits, hold_online, alice):
    cancel(three_visits[0], reason="patient_request", actor="patient")

    assert confirm_hold(hold_online(13), patient=alice, actor="patient").status == "confirmed"


def test_visits_that_wait_count_until_they_lapse(hold_online, alice):
    waiting = [confirm_hold(hold_online(n, must_verify=True), patient=alice, actor="patient") for n in (9, 10, 11)]
    assert confirm_hold(hold_online(13), patient=alice, actor="patient").verification == "required_quietly"

    Appointment.objects.filter(pk__in=[each.pk for each in waiting]).update(answer_by=database_now() - MINUTE)
    assert confirm_hold(hold_online(14), patient=alice, actor="patient").verification == "waived"


def test_visits_of_somebody_else_do_not_count(three_visits, hold_online, alice):
    alice.pk, alice._state.adding, alice.first_name, alice.last_name = None, True, "Bob", "Bannister"

    assert confirm_hold(hold_online(13), patient=alice, attendee=SOMEBODY, actor="patient").status == "confirmed"


def test_verified_address_is_free_of_its_own_number(three_visits, hold_online, alice):
    alice.pk, alice._state.adding, alice.first_name, alice.last_name = None, True, "Bob", "Bannister"
    hold = hold_online(13, must_verify=True, email="alice@example.org")

    booked = confirm_hold(hold, patient=alice, attendee=SOMEBODY | {"email": ALICES["email"]}, actor="patient")

    assert (booked.status, booked.verification) == ("confirmed", "verified")


def test_staff_and_servers_book_a_fourth_visit(three_visits, book, at):
    assert book(at(13), limit=None).status == "confirmed"


def test_quiet_request_to_staff_keeps_the_deadline_that_the_visitor_is_told(three_visits, desk, hold_online, alice):
    fourth = confirm_hold(hold_online(13), patient=alice, actor="patient")

    assert (fourth.status, fourth.verification) == ("pending", "required_quietly")
    assert fourth.answer_by - fourth.created_at == desk.answer_within
    assert as_without_proof(fourth) is fourth


def test_visitor_without_proof_is_shown_a_confirmed_appointment_whatever_becomes_of_it(
    three_visits, hold_online, alice
):
    fourth = confirm_hold(hold_online(13), patient=alice, actor="patient")
    assert as_without_proof(fourth).status == "confirmed"

    Appointment.objects.filter(pk=fourth.pk).update(answer_by=database_now() - MINUTE)
    cancel_unanswered()
    fourth.refresh_from_db()
    shown = as_without_proof(fourth)
    assert (fourth.status, shown.status, shown.cancellation_reason) == ("cancelled", "confirmed", "")


def test_visitor_who_must_verify_is_shown_that_it_waits(waiting):
    assert as_without_proof(waiting) is waiting
