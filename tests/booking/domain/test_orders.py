"""An order is booked once, with nothing but an opening; its link opens it to whoever has the e-mail."""

from datetime import timedelta

import pytest

from booking.access.patient_links import AppointmentNotFound, appointment_token, find_appointment, order_token
from booking.domain.appointments import OrderBooked, cancel, mark_no_show
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.orders import OrderNotFound, create_order, find_order, revoke_link, send_link
from booking.domain.slot_selection import NotOffered, OpeningRequest
from booking.models import Appointment, Event, Order, OutboxMessage
from patients.models import Patient
from scheduling.slots import SlotTaken
from tests.ledger import nothing_changes


@pytest.fixture
def book_alices(order, dana, harbour):
    """Book Alice's order: ``book_alices(at(9))``."""

    def book_alices(starts_at, **changes):
        opening = {"clinician": dana, "location": harbour, "starts_at": starts_at, "is_remote": False}
        return book_directly(
            OpeningRequest(order.service, **opening | changes),
            patient=order.patient,
            order=order,
            holder=Holder("the practice"),
            actor="key:1",
        )

    return book_alices


def test_an_order_is_for_a_patient_who_is_found_or_written_down(consultation, alice, order):
    twin = Patient(**{name: getattr(alice, name) for name in ("first_name", "last_name", "date_of_birth", "email")})

    second = create_order(patient=twin, service=consultation, actor="erin")

    assert second.patient == order.patient == Patient.objects.get()
    assert list(Event.objects.values_list("kind", "subject_id", "actor")) == [
        ("patient.created", alice.pk, "erin"),
        ("order.created", order.pk, "erin"),
        ("order.created", second.pk, "erin"),
    ]


def test_an_opening_is_all_that_booking_it_takes(book_alices, order, at):
    appointment = book_alices(at(9))

    assert (appointment.order, appointment.patient, appointment.service) == (order, order.patient, order.service)
    assert (appointment.attendee_name, appointment.attendee_email) == ("Alice Archer", "alice@example.org")
    assert (appointment.starts_at, appointment.status, appointment.slot.expires_at) == (at(9), "confirmed", None)


def test_it_is_booked_once(book_alices, at):
    appointment = book_alices(at(9))

    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        book_alices(at(10))

    assert refused.value.appointment_id == appointment.pk


def test_two_holds_of_one_order_make_one_appointment(hold_time, order, at):
    from booking.domain.holds import confirm_hold

    first, second = (hold_time(at(hour), order=order) for hour in (9, 10))
    confirm_hold(first, patient=order.patient, actor="patient")

    with nothing_changes(), pytest.raises(OrderBooked) as refused:
        confirm_hold(second, patient=order.patient, actor="patient")

    assert refused.value.appointment_id == first.pk
    assert confirm_hold(first, patient=order.patient, actor="patient").pk == first.pk  # once more is fine


@pytest.mark.parametrize(
    "end",
    [lambda booked: cancel(booked, reason="other", actor="erin"), lambda booked: mark_no_show(booked, actor="erin")],
)
def test_it_is_booked_again_once_its_appointment_is_off(book_alices, at, end):
    end(book_alices(at(9)))

    again = book_alices(at(10))

    assert again.status == "confirmed"
    assert Appointment.objects.filter(order=again.order).count() == 2


@pytest.mark.parametrize("hour, refusal", [(9, SlotTaken), (7, NotOffered)])
def test_a_time_that_cannot_be_had_leaves_it_open(book_alices, hold_time, at, hour, refusal):
    hold_time(at(9))

    with nothing_changes(), pytest.raises(refusal):
        book_alices(at(hour))


# Its link


def test_a_link_opens_the_order_and_is_not_stored(order):
    send_link(order, actor="erin")
    token = order_token(order)

    assert find_order(token) == order
    assert token not in str([list(model.objects.values()) for model in (Order, Event, OutboxMessage)])
    assert OutboxMessage.objects.values_list("kind", "payload").get() == (
        "email.order_link",
        {"order": str(order.pk)},
    )


def test_a_new_link_ends_the_old_one(order):
    send_link(order, actor="erin")
    old = order_token(order)
    send_link(order, actor="erin")

    assert find_order(order_token(order)) == order
    with pytest.raises(OrderNotFound):
        find_order(old)


def test_a_link_that_was_taken_back_or_has_run_out_opens_nothing(order):
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


def test_no_link_is_sent_for_what_is_booked(book_alices, order, at):
    book_alices(at(9))

    with nothing_changes(), pytest.raises(OrderBooked):
        send_link(order, actor="erin")


def test_links_go_on_when_the_secret_key_changes(order, book_alices, at, settings):
    send_link(order, actor="erin")
    tokens = order_token(order), appointment_token(book_alices(at(9)))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"

    assert order_token(order) == tokens[0]
    assert find_appointment(tokens[1]).order == order
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(AppointmentNotFound):
        find_appointment(tokens[1])


def other(character):
    return "A" if character != "A" else "B"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: "",
        lambda text: "é",
        lambda text: text + "=",
        lambda text: other(text[0]) + text[1:],
        lambda text: text[:-1] + other(text[-1]),
        lambda text: "+" * 64,
    ],
)
def test_only_the_exact_token_opens_an_appointment(book, at, spoil):
    appointment = book(at(9))
    token = appointment_token(appointment)

    assert find_appointment(token) == appointment
    with pytest.raises(AppointmentNotFound):
        find_appointment(spoil(token))
