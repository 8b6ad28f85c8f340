"""Orders: each is booked once, with an opening alone; a link in an e-mail opens it to its patient."""

from datetime import timedelta

import pytest

from booking.access.patient_links import AppointmentNotFound, appointment_token, find_appointment, order_token
from booking.domain.appointments import OrderBooked, OrderCancelled, cancel, correct, mark_no_show
from booking.domain.confirmation import confirm_hold
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import (
    OrderNotFound,
    cancel_order,
    create_order,
    find_order,
    revoke_link,
    send_link,
)
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.models import Appointment, Event, Order, OutboxMessage
from patients.models import Patient
from scheduling.slots import SlotTaken
from tests.ledger import begin, nothing_changes


@pytest.fixture
def make_booking(order, dana, harbour):
    """Book Alice's order: ``make_booking(at(9))``."""

    def make_booking(starts_at, **changes):
        opening = {"clinician": dana, "location": harbour, "starts_at": starts_at, "is_remote": False}
        return book_directly(
            OpeningRequest(order.service, **opening | changes),
            patient=order.patient,
            order=order,
            holder=Holder("the practice"),
            actor="key:1",
        )

    return make_booking


def test_create_order_reuses_record_of_known_patient(consultation, alice, order):
    duplicate = Patient(
        **{name: getattr(alice, name) for name in ("first_name", "last_name", "date_of_birth", "email")}
    )

    second = create_order(patient=duplicate, service=consultation, actor="erin")

    assert second.patient == order.patient == Patient.objects.get()
    assert list(Event.objects.values_list("kind", "subject_id", "actor")) == [
        ("patient.created", alice.pk, "erin"),
        ("order.created", order.pk, "erin"),
        ("order.created", second.pk, "erin"),
    ]


def test_book_order_with_opening_alone_confirms_appointment_for_its_patient(make_booking, order, at):
    appointment = make_booking(at(9))

    assert (appointment.order, appointment.patient, appointment.service) == (order, order.patient, order.service)
    assert (appointment.attendee_name, appointment.attendee_email) == ("Alice Archer", "alice@example.org")
    assert (appointment.starts_at, appointment.status, appointment.slot.expires_at) == (at(9), "confirmed", None)


def test_book_order_twice_raises_order_booked_and_changes_nothing(make_booking, at):
    appointment = make_booking(at(9))

    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        make_booking(at(10))

    assert refused.value.appointment_id == appointment.pk


def test_confirm_second_hold_of_order_raises_order_booked_and_changes_nothing(hold_time, order, at):
    first, second = (hold_time(at(hour), order=order) for hour in (9, 10))
    confirm_hold(first, patient=order.patient, actor="patient")

    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        confirm_hold(second, patient=order.patient, actor="patient")

    assert refused.value.appointment_id == first.pk
    assert confirm_hold(first, patient=order.patient, actor="patient").pk == first.pk  # a repeat returns it


@pytest.mark.parametrize(
    "end",
    [
        lambda booked: cancel(booked, reason="get_other_character", actor="erin"),
        lambda booked: mark_no_show(begin(booked), actor="erin"),
    ],
)
def test_book_order_after_cancellation_or_no_show_confirms_second_appointment(make_booking, at, end):
    end(make_booking(at(9)))

    again = make_booking(at(10))

    assert again.status == "confirmed"
    assert Appointment.objects.filter(order=again.order).count() == 2


def test_correct_of_no_show_whose_order_is_booked_again_raises_order_booked_and_changes_nothing(make_booking, at):
    missed = begin(make_booking(at(9)))
    mark_no_show(missed, actor="erin")
    again = make_booking(at(10))

    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        correct(missed, "completed", actor="erin")

    assert refused.value.appointment_id == again.pk


@pytest.mark.parametrize("hour, refusal", [(9, SlotTaken), (7, NotOffered)])
def test_book_order_at_unavailable_time_changes_nothing(make_booking, hold_time, at, hour, refusal):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(refusal):
        make_booking(at(hour))


# The link of an order


def test_order_link_opens_order_and_its_token_is_not_stored(order):
    send_link(order, actor="erin")
    token = order_token(order)

    assert find_order(token) == order
    assert token not in str([list(model.objects.values()) for model in (Order, Event, OutboxMessage)])
    assert OutboxMessage.objects.values_list("kind", "payload").get() == (
        "email.order_link",
        {"order": str(order.pk)},
    )


def test_send_link_again_invalidates_previous_link(order):
    send_link(order, actor="erin")
    old = order_token(order)
    send_link(order, actor="erin")

    assert find_order(order_token(order)) == order
    with pytest.raises(OrderNotFound):
        find_order(old)


def test_order_link_expired_or_revoked_raises_order_not_found(order):
    send_link(order, actor="erin")
    token = order_token(order)
    Order.objects.update(link_ends_at=order.link_ends_at - timedelta(days=60))
    with pytest.raises(OrderNotFound):
        find_order(token)

    send_link(order, actor="erin")
    token = order_token(order)
    revoke_link(order, actor="erin")
    with pytest.raises(OrderNotFound):
        find_order(token)
    assert order_token(order) is None
    with nothing_changes():
        revoke_link(order, actor="erin")


def test_send_link_for_booked_order_raises_order_booked_and_changes_nothing(make_booking, order, at):
    make_booking(at(9))

    with nothing_changes(), pytest.raises(OrderBooked):
        send_link(order, actor="erin")


def test_links_stay_valid_while_secret_key_fallback_is_kept(order, make_booking, at, settings):
    send_link(order, actor="erin")
    tokens = order_token(order), appointment_token(make_booking(at(9)))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"

    assert order_token(order) == tokens[0]
    assert find_appointment(tokens[1]).order == order
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(AppointmentNotFound):
        find_appointment(tokens[1])


def get_other_character(character):
    return "A" if character != "A" else "B"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: "",
        lambda text: "é",
        lambda text: text + "=",
        lambda text: get_other_character(text[0]) + text[1:],
        lambda text: text[:-1] + get_other_character(text[-1]),
        lambda text: "+" * 64,
    ],
)
def test_find_appointment_with_altered_token_raises_appointment_not_found(book, at, spoil):
    appointment = book(at(9))
    token = appointment_token(appointment)

    assert find_appointment(token) == appointment
    with pytest.raises(AppointmentNotFound):
        find_appointment(spoil(token))


# Cancelled


def test_cancel_order_revokes_its_link_and_refuses_bookings(make_booking, order, at):
    send_link(order, actor="erin")
    token = order_token(order)

    cancel_order(order, actor="erin")
    cancel_order(order, actor="erin")  # again is success

    assert order.cancelled_at
    assert list(Event.objects.filter(subject_id=order.pk).values_list("kind", flat=True)) == [
        "order.created",
        "order.link_sent",
        "order.cancelled",
    ]
    with nothing_changes():
        with pytest.raises(OrderNotFound):
            find_order(token)
        with pytest.raises(OrderCancelled):
            make_booking(at(9))
        with pytest.raises(OrderCancelled):
            send_link(order, actor="erin")


def test_cancel_order_with_an_appointment_raises_order_booked(make_booking, order, at):
    appointment = make_booking(at(9))
    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        cancel_order(order, actor="erin")
    assert refused.value.appointment_id == appointment.pk

    cancel(appointment, reason="other", actor="erin")
    cancel_order(order, actor="erin")
    assert order.cancelled_at


def test_hold_of_an_order_that_was_cancelled_since_is_not_confirmed(hold_time, order, at):
    hold = hold_time(at(9), order=order)
    cancel_order(Order.objects.get(), actor="erin")
    with nothing_changes(), pytest.raises(OrderCancelled):
        confirm_hold(hold, patient=order.patient, actor="patient")
