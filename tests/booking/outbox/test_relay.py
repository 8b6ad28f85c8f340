"""What a worker's process does beside its tasks: run what is due, a lot of it at once, and none at others' cost."""

import pytest
from django.db import connection

from booking.access.signatures import make_secret
from booking.domain.audit import describe_subject
from booking.domain.direct_booking import book_directly
from booking.domain.holds import Holder
from booking.domain.slot_selection import OpeningRequest
from booking.integrations.webhooks.connections import MAX_CONNECTIONS
from booking.models import OutboxMessage, WebhookEndpoint
from booking.outbox.relay import MAX_ROOM, MIN_ROOM, Runner
from tests.receivers import Receiver, answer, hang, in_turn
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runner():
    """A Runner, not yet at work."""
    runner = Runner()
    yield runner
    runner.stop(timeout=10)


@pytest.fixture
def listening(settings, runner):
    """Start a receiver that behaves so, and return it: ``listening(answer(204))``. It ends before the runner."""
    receivers = []

    def listening(behave):
        receivers.append(Receiver(behave).__enter__())
        settings.PRIVATE_HOSTS = [*settings.PRIVATE_HOSTS, receivers[-1].netloc]
        return receivers[-1]

    yield listening
    for receiver in receivers:
        receiver.__exit__()


def write(number, receiver, payload=None, **fields):
    """Write so many deliveries to an endpoint of their own."""
    endpoint = WebhookEndpoint.objects.create(url=receiver.url, secret=make_secret(), **fields)
    payload = payload or {"type": "hold.placed", "data": {}}
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="webhook.event", endpoint=endpoint, payload=payload) for _ in range(number)
    )
    return endpoint


def statuses(endpoint):
    return set(endpoint.deliveries.values_list("status", flat=True))


def at_once(endpoint):
    return endpoint.deliveries.filter(status="running").count()


def test_receivers_that_hang_delay_neither_other_receivers_nor_mail(runner, listening, book, at, mailoutbox):
    dead = [write(100, listening(hang)) for _ in range(3)]
    runner.start()
    wait_until(lambda: all(map(at_once, dead)))

    alive = write(300, listening(answer(204, body=b"")))
    book(at(9))

    wait_until(lambda: statuses(alive) == {"done"} and mailoutbox, timeout=10)
    assert [at_once(endpoint) for endpoint in dead] == [MIN_ROOM] * 3


def test_an_endpoint_that_answers_soon_is_sent_more_at_once(runner, listening):
    endpoint = write(300, listening(answer(204, after=0.1, body=b"")))

    runner.start()

    wait_until(lambda: MIN_ROOM < at_once(endpoint) <= MAX_ROOM)
    wait_until(lambda: statuses(endpoint) == {"done"})


def test_an_endpoint_that_begins_to_fail_is_sent_fewer_at_once_and_nobody_waits_for_it(runner, listening, caplog):
    fine, broken = answer(204, after=0.02, body=b""), answer(500, after=0.3)
    failing = write(600, listening(in_turn(*[fine] * 200, broken)))
    alive = write(600, listening(answer(204, after=0.02, body=b"")))

    runner.start()

    wait_until(lambda: failing.deliveries.filter(attempts=1, status="waiting").count() > MAX_ROOM)
    wait_until(lambda: at_once(failing) <= MIN_ROOM)
    wait_until(lambda: statuses(alive) == {"done"})
    assert "waits for the database" not in caplog.text


def test_what_was_done_while_the_database_was_away_is_written_down_when_it_is_back(runner, listening, caplog):
    receiver = listening(answer(204, after=0.3, body=b""))
    endpoint = write(1, receiver)
    runner.start()
    wait_until(lambda: receiver.requests)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        )

    wait_until(lambda: statuses(endpoint) == {"done"})
    assert len(receiver.requests) == 1
    assert "the outbox waits for the database" in caplog.text


def test_whoever_stops_finishes_what_is_under_way_and_begins_nothing(runner, listening):
    receiver = listening(answer(204, after=0.3, body=b""))
    endpoint = write(100, receiver)
    runner.start()
    wait_until(lambda: receiver.requests)

    runner.stop(timeout=10)

    assert statuses(endpoint) == {"done", "waiting"}
    assert endpoint.deliveries.filter(status="done").count() == len(receiver.requests)


def test_deliveries_that_ask_the_database_have_few_connections(
    runner, listening, order, consultation, dana, harbour, at, monkeypatch
):
    """While a receiver takes its time a delivery has none, and of those that fail together few ask at once."""
    opening = {"clinician": dana, "location": harbour, "is_remote": False, "starts_at": at(9)}
    booked = describe_subject(
        book_directly(
            OpeningRequest(order.service, **opening),
            patient=order.patient,
            order=order,
            actor="erin",
            holder=Holder("erin"),
        )
    )
    event = {"type": "appointment.created", "timestamp": at(9).isoformat(), "data": booked | {"sequence": 9}}
    fine, broken = answer(204, after=0.8, body=b""), answer(500, after=0.8)
    endpoints = [
        write(60, listening(in_turn(*[fine] * 30, broken)), format="junction", payload=event) for _ in range(8)
    ]
    threads, connections = [], []
    monkeypatch.setattr(
        "booking.outbox.relay.SLOW_THRESHOLD", 60
    )  # however slow this machine is, they are answered soon

    def all_are_tried():
        threads.append(sum(map(at_once, endpoints)))
        connections.append(others())
        return not OutboxMessage.objects.filter(endpoint__in=endpoints, attempts=0).exists()

    runner.start()
    wait_until(all_are_tried)

    assert max(threads) > 64
    assert max(connections) <= 2 * MAX_CONNECTIONS  # PostgreSQL takes a moment to notice that one is closed


def test_no_connection_to_the_database_is_left_behind(runner, listening):
    endpoint = write(50, listening(answer(500)))
    runner.start()
    wait_until(lambda: not endpoint.deliveries.filter(attempts=0).exists() and not at_once(endpoint))
    runner.stop(timeout=10)

    wait_until(lambda: others() == 0)


def others():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        )
        return cursor.fetchone()[0]
