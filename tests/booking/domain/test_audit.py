"""The event log: complete, in order, append-only."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from booking.domain.appointments import cancel, mark_arrived
from booking.domain.audit import record_event
from booking.domain.holds import extend_hold, release_hold
from booking.models import Event
from scheduling.lib.clock import database_now
from tests.ledger import begin, nothing_changes, rows


def test_events_of_hold_and_its_appointment_share_one_sequence(book, at):
    appointment = book(at(9))
    mark_arrived(begin(appointment), actor="erin")
    cancel(appointment, reason="booked_by_mistake", actor="erin")

    story = Event.objects.filter(subject_id=appointment.pk).values_list("sequence", "kind")
    assert list(story) == [
        (1, "hold.placed"),
        (2, "hold.confirmed"),
        (3, "appointment.created"),
        (4, "appointment.updated"),
        (5, "appointment.cancelled"),
    ]


def test_event_sequence_is_numbered_per_booking(hold_time, at):
    nine, ten = hold_time(at(9)), hold_time(at(10))
    extend_hold(ten, actor="patient")
    release_hold(nine, actor="patient")

    assert list(Event.objects.order_by("id").values_list("subject_id", "sequence", "kind")) == [
        (nine.pk, 1, "hold.placed"),
        (ten.pk, 1, "hold.placed"),
        (ten.pk, 2, "hold.extended"),
        (nine.pk, 2, "hold.released"),
    ]


def test_event_sequence_follows_creation_time(book, at):
    appointment = book(at(9))
    cancel(appointment, reason="other", actor="erin")

    story = Event.objects.filter(subject_id=appointment.pk).order_by("sequence")
    times = list(story.values_list("created_at", flat=True))
    assert times == sorted(times)


def test_event_subject_type_is_booking_order_or_patient(order, book, at):
    book(at(9))

    types = {
        kind.partition(".")[0]: subject_type for kind, subject_type in Event.objects.values_list("kind", "subject_type")
    }
    assert types == {"hold": "booking", "appointment": "booking", "order": "order", "patient": "patient"}


def test_event_stores_id_of_transaction_that_wrote_it(hold_time, at):
    hold_time(at(9))

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        [current] = cursor.fetchone()
    [event] = rows(Event)
    assert event["transaction_id"] == int(current)
    assert Event.objects.filter(transaction_id__gte=int(current)).count() == 1
    assert Event.objects.filter(transaction_id__lt=int(current)).count() == 0


def test_event_with_used_sequence_number_raises_integrity_error(hold_time, at):
    event_id = Event.objects.create(subject_id=hold_time(at(9)).pk, sequence=2, created_at=at(9), actor="x").pk
    event = Event.objects.get(pk=event_id)
    event.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        event.save(force_insert=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE booking_event SET actor = 'nobody'",
        "UPDATE booking_event SET data = data",
        "DELETE FROM booking_event",
    ],
)
def test_update_or_delete_of_event_is_refused_by_database_and_changes_nothing(statement, hold_time, at):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_record_event_in_rolled_back_transaction_leaves_no_event(hold_time, at):
    hold = hold_time(at(9))

    with nothing_changes(), transaction.atomic():
        record_event(hold, "hold.extended", actor="patient", at=database_now())
        transaction.set_rollback(True)
