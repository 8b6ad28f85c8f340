"""What time does to bookings: a worker's process sees to it beside its tasks."""

import pytest
from django.db import connection

from booking.models import Appointment, Event, Provider
from booking.outbox import sweeper
from booking.outbox.sweeper import Sweeper
from scheduling.lib.clock import database_now
from tests.ledger import lapse
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pending(book, at, consultation):
    """Alice's appointment, whose confirmation by staff is overdue."""
    provider = Provider.objects.create(name="The front desk", slug="desk", kind="staff")
    provider.services.add(consultation)
    appointment = book(at(9))
    Appointment.objects.update(answer_by=database_now())
    return appointment


@pytest.fixture
def sweeping(monkeypatch):
    """A Sweeper at work, that never rests for long."""
    monkeypatch.setattr(sweeper, "POLL_INTERVAL", 0.05)
    sweeping = Sweeper()
    sweeping.start()
    yield sweeping
    sweeping.stop(timeout=10)


def ends():
    """What has become of bookings by itself."""
    ended = Event.objects.filter(kind__in=["hold.expired", "appointment.cancelled"])
    return sorted(ended.values_list("kind", flat=True))


def test_what_nobody_has_acknowledged_lapses_and_what_has_run_out_expires(pending, hold_time, at, sweeping):
    lapse(hold_time(at(10), holder="bob's phone"))

    wait_until(lambda: ends() == ["appointment.cancelled", "hold.expired"])


def test_two_of_them_do_nothing_twice(pending, hold_time, at, sweeping):
    other = Sweeper()
    other.start()
    for hour in (10, 11, 13, 14):
        lapse(hold_time(at(hour), holder="bob's phone"))

    wait_until(lambda: ends() == ["appointment.cancelled", *["hold.expired"] * 4])
    other.stop(timeout=10)
    sweeping.stop(timeout=10)
    assert ends() == ["appointment.cancelled", *["hold.expired"] * 4]


def test_when_the_database_is_back_it_goes_on(pending, sweeping, hold_time, at, caplog):
    wait_until(ends)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        )
    wait_until(lambda: "is tried again: OperationalError" in caplog.text)
    lapse(hold_time(at(9)))

    wait_until(lambda: ends() == ["appointment.cancelled", "hold.expired"])


def test_it_ends_when_it_is_told_to(sweeping):
    sweeping.stop(timeout=10)

    assert not sweeping.thread.is_alive()
