"""More requests than one process can answer, of clients that do not wait for each other."""

from collections import Counter

import pytest

from booking.access.waiting_line import KEY, waiting_line
from tests.bench.open_loop import Arrivals, send
from tests.failures.test_slow_clients import ask, server  # noqa: F401
from tests.waiting import wait_until

PER_SECOND, SECONDS = 600, 5


def write(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def line():
    """The Redis of the line, in which nobody stands before and after."""
    redis = waiting_line().redis.client
    redis.delete(KEY)
    yield redis
    redis.delete(KEY)


@pytest.mark.proof
def test_rush_is_refused_but_for_probes_and_holders_and_newcomers_stand_in_line(server, line):  # noqa: F811
    arrivals = [
        Arrivals("look", PER_SECOND, [write("/problems/busy")]),
        Arrivals("newcomer", 20, [write("/book/consultation/?day=2027-01-04")]),
        Arrivals("probe", 10, [write("/healthz/live")]),
        Arrivals("file", 10, [write("/static/widget/icon.svg")]),
    ]

    results = send(server, arrivals, SECONDS).results

    found = {kind: Counter(each.status for each in results if each.kind == kind) for kind, *_ in arrivals}
    assert set(found["look"]) == {200, 503}
    assert (set(found["probe"]), set(found["file"])) == ({200}, {200})
    assert found["newcomer"][303]  # in line
    wait_until(lambda: ask(server, "GET", "/problems/busy")[0] == 200)
    assert line.exists(KEY)
