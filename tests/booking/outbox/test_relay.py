"""The outbox relay: what it hands to Celery, how much at once, and how a task works through a batch."""

import threading
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from booking.access.signatures import make_secret
from booking.models import Heartbeat, OutboxMessage, WebhookEndpoint
from booking.outbox import heartbeats, queue, relay
from booking.outbox.queue import DueEndpoint, Running
from booking.outbox.relay import ENDPOINT_ROOM, FAMILY_ROOM, FAST_BATCH, SLOW_BATCH, SLOW_ROOM, WEBHOOK_ROOM
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes
from tests.receivers import Receiver, answer, in_turn
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def start_receiver(settings):
    """Return a function that starts a receiver with this behaviour: ``start_receiver(answer(204))``."""
    receivers = []

    def start_receiver(behave):
        receivers.append(Receiver(behave).__enter__())
        settings.PRIVATE_HOSTS = [*settings.PRIVATE_HOSTS, receivers[-1].netloc]
        return receivers[-1]

    yield start_receiver
    for receiver in receivers:
        receiver.__exit__()


@pytest.fixture
def published():
    """Return the published batches, as a list with a method ``publish``."""

    class Published(list):
        publish = list.append

    return Published()


def write_deliveries(number, url="https://clinic.example", **fields):
    """Write ``number`` deliveries to a new endpoint and return the endpoint."""
    endpoint = WebhookEndpoint.objects.create(url=url, secret=make_secret(), **fields)
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="webhook.event", endpoint=endpoint, payload={"type": "hold.placed", "data": {}})
        for _ in range(number)
    )
    return endpoint


def count(endpoint, status):
    return endpoint.deliveries.filter(status=status).count()


def count_by_queue(batches):
    return {batch.queue: len(batch.ids) for batch in batches}


def run_batches(batches):
    return [relay.run(batch.ids, batch.claimed_until) for batch in batches]


# Publishing


def test_relay_publishes_mail_singly_and_deliveries_per_endpoint(book, at, published):
    endpoint = write_deliveries(40, answers_fast=True)
    book(at(9))

    relay.relay_due(published.publish, timeout=0)

    assert {relay.get_celery_queue(batch): len(batch.ids) for batch in published} == {
        "webhooks": FAST_BATCH,
        "email": 1,
    }
    assert count(endpoint, "running") == FAST_BATCH


def test_relay_unclaims_batch_that_cannot_be_published():
    endpoint = write_deliveries(1)
    before = OutboxMessage.objects.get().due_at

    def refuse(batch):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        relay.relay_due(refuse, timeout=0)

    delivery = endpoint.deliveries.get()
    assert (delivery.status, delivery.attempts, delivery.due_at) == ("waiting", 0, before)


@pytest.mark.django_db(transaction=True)
def test_relay_claims_nothing_while_another_relay_is_counting():
    write_deliveries(1)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [relay.LOCK])
            with nothing_changes():
                assert relay.claim_batches() == []
            cursor.execute("SELECT pg_advisory_unlock(%s)", [relay.LOCK])
        assert len(relay.claim_batches()) == 1
    finally:
        other.close()


def test_relay_looks_again_while_there_is_work(published):
    endpoint = write_deliveries(3 * FAST_BATCH, answers_fast=True)

    relay.relay_due(published.publish, timeout=0.5)

    assert count(endpoint, "running") == 3 * FAST_BATCH
    assert len(published) == 3


# Room


def test_endpoint_without_history_gets_one_small_task(published):
    endpoint = write_deliveries(100)

    relay.relay_due(published.publish, timeout=0.2)

    assert count_by_queue(published) == {endpoint.pk: SLOW_BATCH}
    assert count(endpoint, "running") == SLOW_BATCH


def test_fast_endpoint_gets_several_tasks_up_to_its_room():
    write_deliveries(20 * FAST_BATCH, answers_fast=True)

    claimed = [len(relay.claim_batches()) for _ in range(ENDPOINT_ROOM + 2)]

    assert claimed == [1] * ENDPOINT_ROOM + [0, 0]


def test_slow_endpoints_together_leave_room_to_fast_ones():
    for _ in range(2 * WEBHOOK_ROOM):
        write_deliveries(1)
    assert len(relay.claim_batches()) == SLOW_ROOM

    fast = write_deliveries(20 * FAST_BATCH, answers_fast=True)

    assert count_by_queue(relay.claim_batches()) == {fast.pk: FAST_BATCH}


def test_fast_endpoint_with_stalled_task_gets_no_other():
    endpoint = write_deliveries(100, answers_fast=True)
    relay.claim_batches()
    OutboxMessage.objects.filter(status="running").update(due_at=database_now() + queue.CLAIM - relay.SLOW_AFTER)

    assert relay.claim_batches() == []
    assert count(endpoint, "running") == FAST_BATCH


def test_job_family_gets_no_more_tasks_than_its_room():
    for _ in range(FAMILY_ROOM + 3):
        queue.enqueue("email.order_link", order=uuid4())
    queue.enqueue("provider.sync", appointment=uuid4())

    claimed = relay.claim_batches()

    assert sorted(batch.queue for batch in claimed) == ["email"] * FAMILY_ROOM + ["provider"]
    assert relay.claim_batches() == []


def test_webhooks_never_take_more_than_half_of_the_workers():
    due = [DueEndpoint(uuid4(), answers_fast=True) for _ in range(200)]
    busy = {uuid4(): Running(ENDPOINT_ROOM, is_slow=number < 2) for number in range(3)}

    rooms = relay.allot_room(due, busy)

    assert len(rooms) - len(relay.QUEUES) == WEBHOOK_ROOM - 3 * ENDPOINT_ROOM


def test_endpoints_that_fail_come_after_those_without_history():
    failing = [write_deliveries(1, failing_since=database_now()) for _ in range(2 * SLOW_ROOM)]
    new = write_deliveries(1)

    claimed = count_by_queue(relay.claim_batches())

    assert new.pk in claimed
    assert len(claimed.keys() & {endpoint.pk for endpoint in failing}) == SLOW_ROOM - 1


# Tasks


def test_task_delivers_batch_and_marks_endpoint_fast(start_receiver):
    receiver = start_receiver(answer(204, body=b""))
    endpoint = write_deliveries(SLOW_BATCH, receiver.url)

    assert run_batches(relay.claim_batches()) == [SLOW_BATCH]

    assert len(receiver.requests) == count(endpoint, "done") == SLOW_BATCH
    endpoint.refresh_from_db()
    assert endpoint.answers_fast is True


def test_task_gives_back_rest_of_batch_after_first_slow_answer(start_receiver, monkeypatch):
    monkeypatch.setattr("booking.outbox.relay.SLOW_THRESHOLD", 0.2)
    receiver = start_receiver(in_turn(answer(204, body=b""), answer(204, body=b"", after=0.5)))
    endpoint = write_deliveries(5, receiver.url, answers_fast=True)

    assert run_batches(relay.claim_batches()) == [2]

    assert (count(endpoint, "done"), count(endpoint, "waiting")) == (2, 3)
    assert set(endpoint.deliveries.filter(status="waiting").values_list("attempts", flat=True)) == {0}
    endpoint.refresh_from_db()
    assert endpoint.answers_fast is False


def test_task_gives_back_rest_of_batch_at_its_timeout(start_receiver):
    endpoint = write_deliveries(50, start_receiver(answer(204, after=0.1, body=b"")).url, answers_fast=True)

    [batch] = relay.claim_batches()
    attempted = relay.run(batch.ids, batch.claimed_until, timeout=0.25)

    assert 1 <= attempted < FAST_BATCH
    assert (count(endpoint, "done"), count(endpoint, "running")) == (attempted, 0)


def test_fast_endpoint_that_fails_is_marked_slow(start_receiver):
    endpoint = write_deliveries(1, start_receiver(answer(500)).url, answers_fast=True)

    run_batches(relay.claim_batches())

    endpoint.refresh_from_db()
    assert endpoint.answers_fast is False
    assert count(endpoint, "waiting") == 1


def test_task_delivered_twice_sends_once(start_receiver):
    receiver = start_receiver(answer(204, body=b""))
    write_deliveries(SLOW_BATCH, receiver.url)
    batches = relay.claim_batches()
    run_batches(batches)

    with nothing_changes():
        assert run_batches(batches) == [0]

    assert len(receiver.requests) == SLOW_BATCH


def test_task_with_lapsed_claim_sends_nothing(start_receiver):
    receiver = start_receiver(answer(204, body=b""))
    write_deliveries(1, receiver.url)
    late = relay.claim_batches()
    OutboxMessage.objects.update(due_at=database_now())
    relay.claim_batches()

    with nothing_changes():
        assert run_batches(late) == [0]

    assert receiver.requests == []


@pytest.mark.django_db(transaction=True)
def test_outcome_is_stored_after_database_connection_was_lost(start_receiver, caplog):
    receiver = start_receiver(answer(204, after=0.5, body=b""))
    endpoint = write_deliveries(1, receiver.url)
    [batch] = relay.claim_batches()
    task = threading.Thread(target=run_and_disconnect, args=[batch])
    task.start()
    wait_until(lambda: receiver.requests)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        )
    task.join()

    assert count(endpoint, "done") == len(receiver.requests) == 1
    assert "the outbox waits for the database" in caplog.text


def run_and_disconnect(batch):
    try:
        relay.run(batch.ids, batch.claimed_until)
    finally:
        connection.close()


# Without Celery


def test_run_outbox_once_delivers_only_due_messages(book, at, start_receiver, mailoutbox, capsys):
    write_deliveries(100, start_receiver(answer(204, body=b"")).url)
    book(at(9))
    due = OutboxMessage.objects.count()
    later = OutboxMessage.objects.create(kind="email.order_link", due_at=database_now() + queue.CLAIM)

    call_command("run_outbox", "--once")

    assert capsys.readouterr().out == f"{due} messages tried.\n"
    assert len(mailoutbox) == 1
    assert OutboxMessage.objects.exclude(status="done").get() == later


def test_run_outbox_once_leaves_endpoint_after_first_slow_answer(start_receiver, monkeypatch):
    monkeypatch.setattr("booking.outbox.relay.SLOW_THRESHOLD", 0.1)
    endpoint = write_deliveries(20, start_receiver(answer(500, after=0.2)).url)

    assert relay.run_due() == 1

    assert count(endpoint, "waiting") == 20
    assert endpoint.deliveries.filter(attempts=1).count() == 1


# Waiting since


def test_waiting_since_is_none_while_messages_are_fresh(book, at):
    book(at(9))

    assert queue.get_waiting_since() is None


def test_waiting_since_is_due_time_of_overdue_mail(book, at):
    book(at(9))
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since


def test_waiting_since_counts_long_lapsed_claim(book, at):
    book(at(9))
    relay.claim_batches()
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since


def test_waiting_since_counts_claims_that_nobody_begins_while_their_queue_has_no_worker(book, at):
    heartbeats.record("default")
    heartbeats.record("email")
    since = database_now() - 2 * queue.OVERDUE
    Heartbeat.objects.filter(id=heartbeats.IDS["email"]).update(seen_at=since)
    assert queue.get_waiting_since() is None

    book(at(9))
    relay.claim_batches()
    assert queue.get_waiting_since() == since

    heartbeats.record("email")
    assert queue.get_waiting_since() is None


@pytest.mark.parametrize("state", [{"answers_fast": False}, {"answers_fast": True, "failing_since": database_now}])
def test_waiting_since_ignores_slow_or_failing_endpoint(state):
    write_deliveries(1, **{name: value() if callable(value) else value for name, value in state.items()})
    OutboxMessage.objects.update(due_at=database_now() - 2 * queue.OVERDUE)

    assert queue.get_waiting_since() is None


def test_waiting_since_counts_deliveries_to_fast_endpoint():
    write_deliveries(1, answers_fast=True)
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since


def test_task_sends_nothing_more_to_endpoint_that_answers_410(start_receiver):
    receiver = start_receiver(answer(410))
    endpoint = write_deliveries(3, receiver.url, answers_fast=True)

    run_batches(relay.claim_batches())

    assert (len(receiver.requests), count(endpoint, "failed")) == (1, 3)


def test_task_whose_later_delivery_succeeds_leaves_endpoint_without_failures(start_receiver):
    receiver = start_receiver(in_turn(answer(500), answer(204)))
    endpoint = write_deliveries(2, receiver.url, answers_fast=True)

    run_batches(relay.claim_batches())

    endpoint.refresh_from_db()
    assert (count(endpoint, "done"), endpoint.failing_since) == (1, None)
