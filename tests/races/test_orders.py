"""An order is booked once, whatever times and clinicians its clients race for."""

import pytest

from booking.domain.client_users import create_client_user
from booking.models import Appointment, Event, Hold, Order
from patients.models import Patient
from scheduling.models import Slot
from tests.conftest import make_clinician
from tests.races import client
from tests.races.crowd import SIZE, at_length, tally

pytestmark = pytest.mark.usefixtures("no_deadlock")
HALF_HOURS = [(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]


@pytest.fixture
def ten_clinicians(harbour, consultation):
    return [make_clinician(f"Clinician {n}", location=harbour, services=[consultation]) for n in range(10)]


@pytest.mark.parametrize("minute", [0, *at_length(30)])
def test_hundred_bookings_of_one_order_leave_one_and_lose_no_time(minute, crowd, order, ten_clinicians, harbour, at):
    times = [(clinician.pk, at(*start)) for start in HALF_HOURS for clinician in ten_clinicians]
    acts = [
        (
            client.make_booking,
            {"order": order.pk, "clinician": clinician, "location": harbour.pk, "starts_at": starts_at},
        )
        for clinician, starts_at in times[minute : minute + SIZE]
    ]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"booked": 1, "OrderBooked": SIZE - 1}
    booked = Appointment.objects.get()
    assert Hold.objects.get().pk == booked.pk
    assert Slot.objects.get().pk == booked.slot_id
    assert Patient.objects.get() == booked.patient
    assert set(Event.objects.values_list("subject_id", flat=True)) == {booked.pk, order.pk, order.patient_id}


def test_concurrent_confirms_for_one_order_confirm_one_hold(crowd, hold_time, order, ten_clinicians, at):
    held = [
        hold_time(at(*start), clinician=clinician, order=order, limit=None)
        for start in HALF_HOURS[:5]
        for clinician in ten_clinicians
    ]

    outcomes = crowd.race([(client.confirm_order, {"hold": one.pk}) for one in held])

    assert tally(outcomes) == {"confirmed": 1, "OrderBooked": len(held) - 1}
    assert Hold.objects.filter(status="active", slot__expires_at__isnull=False).count() == len(held) - 1
    assert Slot.objects.filter(expires_at=None).get().pk == Appointment.objects.get().slot_id


def test_concurrent_cancels_and_bookings_of_one_order_leave_it_booked_or_cancelled(
    crowd, order, ten_clinicians, harbour, at
):
    book = [
        (
            client.make_booking,
            {"order": order.pk, "clinician": clinician.pk, "location": harbour.pk, "starts_at": at(*start)},
        )
        for start in HALF_HOURS[:5]
        for clinician in ten_clinicians
    ]

    outcomes = crowd.race(book + [(client.cancel_order, {"order": order.pk})] * len(book))

    found = tally(outcomes)
    order.refresh_from_db()
    if order.cancelled_at:
        assert found == {"cancelled": len(book), "OrderCancelled": len(book)}
        assert not Appointment.objects.exists() and not Slot.objects.exists()
    else:
        assert found == {"booked": 1, "OrderBooked": 2 * len(book) - 1}
        assert Appointment.objects.get().slot_id == Slot.objects.get().pk


def test_concurrent_first_orders_of_a_user_link_one_person(crowd, consultation):
    user = create_client_user("archer-7")
    acts = [
        (client.create_order, {"user": user.pk, "service": consultation.pk, "first_name": name})
        for name in ["Alice", "Bob"] * (SIZE // 2)
    ]

    outcomes = crowd.race(acts)

    assert tally(outcomes) == {"ordered": SIZE // 2, "OtherPerson": SIZE // 2}
    user.refresh_from_db()
    assert Patient.objects.get() == user.patient
    assert Order.objects.filter(patient=user.patient, client_user=user).count() == SIZE // 2
