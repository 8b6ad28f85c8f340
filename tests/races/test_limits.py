"""Rate limits count exactly across processes."""

import pytest

from booking.access.api_keys import create_key
from tests.races import client
from tests.races.crowd import SIZE

pytestmark = pytest.mark.django_db(transaction=True)


def make_key(limit):
    return create_key(name="busy", kind="secret", scopes=["read_availability"], requests_per_minute=limit)[1]


@pytest.mark.parametrize("limit", [10, 1, SIZE - 1])
def test_hundred_concurrent_requests_pass_up_to_limit(limit, crowd):
    key = make_key(limit)

    outcomes = crowd.race([(client.call, {"method": "GET", "path": "/me", "key": key})] * SIZE)

    statuses = [outcome.what.status for outcome in outcomes]
    assert (statuses.count(200), statuses.count(429)) == (limit, SIZE - limit)
    refused = [dict(outcome.what.headers) for outcome in outcomes if outcome.what.status == 429]
    assert all(1 <= int(headers["Retry-After"]) <= 60 for headers in refused)


def test_keys_have_separate_limits(crowd):
    keys = [make_key(10), make_key(10)]

    outcomes = crowd.race([(client.call, {"method": "GET", "path": "/me", "key": keys[n % 2]}) for n in range(SIZE)])

    assert [outcome.what.status for outcome in outcomes].count(200) == 20
