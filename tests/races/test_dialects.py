"""Clients of the dialects race for one time or one order: one wins."""

import json

import pytest

from booking.access.api_keys import create_key
from booking.access.booking_keys import Signer
from booking.domain.orders import create_order
from booking.models import ApiKey, Appointment, Hold
from scheduling.lib.clock import database_now
from tests.races.client import call
from tests.races.crowd import SIZE, double_bookings

pytestmark = pytest.mark.usefixtures("no_deadlock")
REQUESTS_PER_MINUTE = 1_000_000
CUSTOMER = {"firstName": "Alice", "lastName": "Archer", "email": "alice@example.org"}


@pytest.fixture
def key(transactional_db):
    return create_key(
        name="all of them", kind="secret", scopes=ApiKey.Scope.values, requests_per_minute=REQUESTS_PER_MINUTE
    )[1]


def count_statuses(outcomes):
    """Count the responses of each status."""
    answered = [outcome.what.status for outcome in outcomes]
    return {status: answered.count(status) for status in set(answered)}


@pytest.mark.parametrize("path, customer", [("/appointment/hold", None), ("/appointment", CUSTOMER)])
def test_hundred_onsched_clients_for_one_time_have_one_winner(
    path, customer, crowd, key, consultation, dana, harbour, at
):
    body = {
        "ServiceId": str(consultation.pk),
        "LocationId": str(harbour.pk),
        "ResourceIds": [str(dana.pk)],
        "Unavailability": {"startTime": at(9).isoformat()},
        "Customer": customer,
    }
    act = {"method": "POST", "base": "/onsched/v3", "path": path, "key": key, "body": json.dumps(body)}

    outcomes = crowd.race([(call, act)] * SIZE)

    assert count_statuses(outcomes) == {201: 1, 409: SIZE - 1}
    assert (Hold.objects.count(), double_bookings()) == (1, 0)


def test_hundred_junction_bookings_of_one_order_have_one_winner(crowd, key, alice, consultation, dana, harbour, at):
    starts = [at(hour, minute) for hour in (9, 10, 11, 13, 14, 15, 16) for minute in (0, 30)]
    order = create_order(patient=alice, service=consultation, actor="erin")
    sign = Signer(
        service_id=consultation.pk, clinician_id=None, location_id=harbour.pk, is_remote=False, now=database_now()
    ).sign
    acts = [
        {
            "method": "POST",
            "base": "/junction/v3",
            "path": f"/order/{order.pk}/psc/appointment/book",
            "key": key,
            "body": json.dumps({"booking_key": sign(int(start.timestamp()))}),
        }
        for start in starts
    ]

    outcomes = crowd.race([(call, acts[number % len(acts)]) for number in range(SIZE)])

    assert count_statuses(outcomes) == {200: 1, 409: SIZE - 1}
    assert (Appointment.objects.count(), double_bookings()) == (1, 0)
