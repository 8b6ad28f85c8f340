"""Requests in another system's words that come at the same time, each with its own connection to the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from booking.models import Appointment
from scheduling.slots import lock_clinician
from tests.booking.api.dialects.test_onsched import ALICE, choice, data, hold  # noqa: F401 (fixtures)
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def is_locked_out(how_many):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # in a transaction the view would stay as it was
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] == how_many


def test_onsched_concurrent_bookings_of_a_hold_book_once_and_refuse_the_other(onsched, hold, dana):  # noqa: F811
    path = f"/appointment/{hold(Customer=ALICE)['id']}/book"

    def book(_):
        try:
            return onsched("PUT", path)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as crowd:
        with transaction.atomic():
            lock_clinician(dana.pk)
            responses = crowd.map(book, range(2))
            wait_until(lambda: is_locked_out(2))  # so both have read that it is held
        first, second = sorted(responses, key=lambda response: response.status_code)

    assert data(first)["status"] == "BK"
    assert (second.status_code, second.json()["code"]) == (404, "not-found")
    assert Appointment.objects.count() == 1
