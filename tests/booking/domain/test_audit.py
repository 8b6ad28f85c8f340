"""The log of what happened: complete, in order, and nobody can change it."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from booking.domain.appointments import cancel, mark_arrived
from booking.domain.audit import record_event
from booking.domain.holds import extend_hold, release_hold
from booking.models import Event
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes, rows


def test_one_sequence_tells_the_story_of_hold_and_appointment(book, at):
    appointment = book(at(9))
    mark_arrived(appointment, actor="erin")
    cancel(appointment, reason="booked_by_mistake", actor="erin")

    story = Event.objects.filter(subject_id=appointment.pk).values_list("sequence", "kind")
    assert list(story) == [
        (1, "hold.placed"),
        (2, "hold.confirmed"),
        (3, "appointment.created"),
        (4, "appointment.updated"),
        (5, "appointment.cancelled"),
    ]


def test_each_booking_counts_for_itself(hold_time, at):
    nine, ten = hold_time(at(9)), hold_time(at(10))
    extend_hold(ten, actor="patient")
    release_hold(nine, actor="patient")

    assert list(Event.objects.order_by("id").values_list("subject_id", "sequence", "kind")) == [
        (nine.pk, 1, "hold.placed"),
        (ten.pk, 1, "hold.placed"),
        (ten.pk, 2, "hold.extended"),
        (nine.pk, 2, "hold.released"),
    ]


def test_events_come_in_the_order_of_their_times(book, at):
    appointment = book(at(9))
    cancel(appointment, reason="other", actor="erin")

    story = Event.objects.filter(subject_id=appointment.pk).order_by("sequence")
    times = list(story.values_list("created_at", flat=True))
    assert times == sorted(times)


def test_each_subject_is_known_by_its_type(order, book, at):
    book(at(9))

    types = {
        kind.partition(".")[0]: subject_type for kind, subject_type in Event.objects.values_list("kind", "subject_type")
    }
    assert types == {"hold": "booking", "appointment": "booking", "order": "order", "patient": "patient"}


def test_an_event_has_the_number_of_the_transaction_that_wrote_it(hold_time, at):
    hold_time(at(9))

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        [current] = cursor.fetchone()
    [event] = rows(Event)
    assert event["transaction_id"] == int(current)
    assert Event.objects.filter(transaction_id__gte=int(current)).count() == 1
    assert Event.objects.filter(transaction_id__lt=int(current)).count() == 0


def test_two_events_cannot_have_one_number(hold_time, at):
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
def test_the_database_refuses_to_change_or_delete_an_event(statement, hold_time, at):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_an_event_vanishes_with_the_transaction_it_belongs_to(hold_time, at):
    hold = hold_time(at(9))

    with nothing_changes(), transaction.atomic():
        record_event(hold, "hold.extended", actor="patient", at=database_now())
        transaction.set_rollback(True)
