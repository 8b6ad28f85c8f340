"""Pending appointments whose deadline has passed before beat cancels them."""

from datetime import timedelta

import pytest
from django.db import connection

from booking.access.patient_links import appointment_token
from booking.domain.confirmation import confirm_hold
from booking.domain.direct_booking import book_directly
from booking.domain.expiry import cancel_unanswered
from booking.domain.holds import Holder, move_hold
from booking.domain.orders import check_not_booked
from booking.domain.rescheduling import reschedule
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.calendars.feed import list_entries
from booking.models import Appointment, Event, Hold, OutboxMessage, Provider
from scheduling.availability.queries import OpeningFilters
from scheduling.availability.search import get_not_offered_reasons
from scheduling.lib.clock import database_now
from scheduling.models import Slot
from scheduling.slots import SlotTaken
from tests.conftest import make_clinician
from tests.ledger import nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(consultation):
    """The front desk, which confirms each appointment within 15 minutes."""
    provider = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    provider.services.add(consultation)
    return provider


@pytest.fixture
def pending(desk, hold_time, alice, at):
    """Alice's unanswered request for nine o'clock."""
    return confirm_hold(hold_time(at(9)), patient=alice, actor="patient")


def pass_deadline(appointment):
    past = database_now() - timedelta(seconds=1)
    Appointment.objects.filter(pk=appointment.pk).update(answer_by=past)
    Slot.objects.filter(appointment=appointment).update(expires_at=past)
    appointment.refresh_from_db()


def list_history(appointment):
    events = Event.objects.filter(subject_id=appointment.pk).order_by("sequence")
    return [(event.kind, event.actor) for event in events]


CANCELLED_BY_TIME = ("appointment.cancelled", "worker")


def test_slot_of_pending_appointment_expires_at_its_deadline(pending):
    assert Slot.objects.get().expires_at == pending.answer_by


def test_place_hold_on_time_of_pending_appointment_raises_slot_taken_and_changes_nothing(pending, hold_time, at):
    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), holder="bob's phone")


def test_time_of_unanswered_appointment_is_offered_without_beat(pending, consultation, dana, harbour, at):
    def reasons():
        filters = OpeningFilters(consultation, clinician_ids=[dana.pk], location_id=harbour.pk, is_remote=False)
        return get_not_offered_reasons(filters, starts_at=at(9), now=database_now())

    assert reasons() == {"held"}
    pass_deadline(pending)
    assert reasons() == set()


def test_place_hold_on_time_of_unanswered_appointment_cancels_appointment_as_beat_would(pending, hold_time, at):
    pass_deadline(pending)

    hold = hold_time(at(9), holder="bob's phone")

    pending.refresh_from_db()
    assert (pending.status, pending.cancellation_reason, pending.slot) == ("cancelled", "not_acknowledged", None)
    assert list_history(pending)[-1] == CANCELLED_BY_TIME
    assert OutboxMessage.objects.filter(kind="email.appointment_cancelled").count() == 1
    assert list(Slot.objects.values_list("hold", flat=True)) == [hold.pk]
    assert cancel_unanswered() == 0


def test_place_hold_refused_by_another_slot_leaves_unanswered_appointment_to_beat(pending, hold_time, consultation, at):
    hold_time(at(9, 30), holder="bob's phone")
    pass_deadline(pending)
    consultation.duration = timedelta(minutes=60)
    consultation.save()

    with nothing_changes(), pytest.raises(SlotTaken):
        hold_time(at(9), holder="carol's phone")

    assert cancel_unanswered() == 1


@pytest.mark.parametrize("what", ["hold", "appointment"])
def test_move_to_time_of_unanswered_appointment_cancels_that_appointment(
    what, pending, hold_time, alice, dana, harbour, at
):
    moved = hold_time(at(10), holder="bob's phone")
    if what == "appointment":
        moved = confirm_hold(moved, patient=alice, actor="patient")
    pass_deadline(pending)
    opening = OpeningRequest(moved.service, at(9), dana, harbour, is_remote=False)

    (move_hold if what == "hold" else reschedule)(moved, opening, actor="patient")

    pending.refresh_from_db()
    assert (pending.status, moved.starts_at) == ("cancelled", at(9))
    assert list_history(pending)[-1] == CANCELLED_BY_TIME


def test_reschedule_of_pending_appointment_gives_new_slot_its_deadline(pending, dana, harbour, at):
    reschedule(pending, OpeningRequest(pending.service, at(11), dana, harbour, is_remote=False), actor="erin")

    assert Slot.objects.get().expires_at == pending.answer_by


def test_order_with_unanswered_appointment_can_be_booked_again(desk, order, hold_time, dana, harbour, at):
    first = confirm_hold(hold_time(at(9), order=order), patient=order.patient, actor="patient")
    pass_deadline(first)
    assert order.get_booked_appointment() is None

    second = book_directly(
        OpeningRequest(order.service, at(10), dana, harbour, is_remote=False),
        patient=order.patient,
        order=order,
        holder=Holder("erin"),
        actor="erin",
    )

    first.refresh_from_db()
    assert (first.status, first.cancellation_reason) == ("cancelled", "not_acknowledged")
    assert order.get_booked_appointment() == second


def test_check_not_booked_cancels_unanswered_appointment_of_order(desk, order, hold_time, at):
    first = confirm_hold(hold_time(at(9), order=order), patient=order.patient, actor="patient")
    pass_deadline(first)

    check_not_booked(order)

    first.refresh_from_db()
    assert first.status == "cancelled"


@pytest.mark.parametrize("was_with_last", [True, False])
def test_book_directly_after_unanswered_appointment_locks_clinicians_in_key_order(
    was_with_last, desk, order, hold_time, dana, harbour, consultation, at
):
    erin = make_clinician("Erin Stone", location=harbour, services=[consultation])
    before, after = sorted([dana, erin], key=lambda clinician: clinician.pk, reverse=was_with_last)
    pass_deadline(confirm_hold(hold_time(at(9), clinician=before, order=order), patient=order.patient, actor="patient"))
    locked = []

    def note_locks(execute, sql, params, many, context):
        if "FROM scheduling_clinician WHERE id = %s FOR NO KEY UPDATE" in sql:
            locked.append(params[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note_locks):
        book_directly(
            OpeningRequest(order.service, at(10), after, harbour, is_remote=False),
            patient=order.patient,
            order=order,
            holder=Holder("erin"),
            actor="erin",
        )

    assert list(dict.fromkeys(locked)) == sorted([dana.pk, erin.pk])


def test_check_not_booked_accepts_order_whose_appointment_another_cancels_meanwhile(desk, order, hold_time, at):
    pass_deadline(confirm_hold(hold_time(at(9), order=order), patient=order.patient, actor="patient"))

    def cancel_before_lock(execute, sql, params, many, context):
        if "FOR NO KEY UPDATE" in sql and Appointment.objects.filter(status="pending").exists():
            Appointment.objects.update(status="cancelled", slot=None)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cancel_before_lock):
        check_not_booked(order)


def test_page_of_unanswered_appointment_says_that_nobody_confirmed_in_time(pending, client):
    pass_deadline(pending)

    page = client.get(f"/appointment/{appointment_token(pending)}/").content.decode()

    assert "Nobody confirmed this in time" in page
    pending.refresh_from_db()
    assert pending.status == "cancelled"


def test_feed_omits_unanswered_appointment(pending, dana):
    now = database_now()
    assert [entry.uid for entry in list_entries(dana, site="", now=now)] != []
    pass_deadline(pending)

    assert list_entries(dana, site="", now=now) == []


def test_place_hold_on_free_time_runs_no_statement_on_appointments(pending, hold_time, at):
    with connection.execute_wrapper(count := StatementLog()):
        hold_time(at(10), holder="bob's phone")
    assert not any("booking_appointment" in sql for sql in count.statements)
    assert Hold.objects.filter(status="active").count() == 1


class StatementLog:
    """Collect the SQL of every executed statement."""

    def __init__(self):
        self.statements = []

    def __call__(self, execute, sql, params, many, context):
        self.statements.append(sql)
        return execute(sql, params, many, context)
