"""What is handed to Celery, how much of it at once, and what a task does with it."""

import threading
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from booking.access.signatures import make_secret
from booking.models import OutboxMessage, WebhookEndpoint
from booking.outbox import queue, relay
from booking.outbox.queue import DueEndpoint, Running
from booking.outbox.relay import ENDPOINT_ROOM, FAMILY_ROOM, FAST_BATCH, SLOW_BATCH, SLOW_ROOM, WEBHOOK_ROOM
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes
from tests.receivers import Receiver, answer, in_turn
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def listening(settings):
    """Start a receiver that behaves so, and return it: ``listening(answer(204))``."""
    receivers = []

    def listening(behave):
        receivers.append(Receiver(behave).__enter__())
        settings.PRIVATE_HOSTS = [*settings.PRIVATE_HOSTS, receivers[-1].netloc]
        return receivers[-1]

    yield listening
    for receiver in receivers:
        receiver.__exit__()


@pytest.fixture
def published():
    """The batches that were published, as a list with a method ``publish``."""

    class Published(list):
        publish = list.append

    return Published()


def write(number, url="https://clinic.example", **fields):
    """Write so many deliveries to an endpoint of their own."""
    endpoint = WebhookEndpoint.objects.create(url=url, secret=make_secret(), **fields)
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="webhook.event", endpoint=endpoint, payload={"type": "hold.placed", "data": {}})
        for _ in range(number)
    )
    return endpoint


def count(endpoint, status):
    return endpoint.deliveries.filter(status=status).count()


def sizes(batches):
    return {batch.queue: len(batch.ids) for batch in batches}


def run(batches):
    return [relay.run(batch.ids, batch.claimed_until) for batch in batches]


# What is handed over


def test_relay_publishes_mail_one_by_one_and_deliveries_of_an_endpoint_together(book, at, published):
    endpoint = write(40, answers_fast=True)
    book(at(9))

    relay.relay_due(published.publish, timeout=0)

    assert {relay.get_celery_queue(batch): len(batch.ids) for batch in published} == {
        "webhooks": FAST_BATCH,
        "email": 1,
    }
    assert count(endpoint, "running") == FAST_BATCH


def test_relay_leaves_due_what_cannot_be_published():
    endpoint = write(1)
    before = OutboxMessage.objects.get().due_at

    def refuse(batch):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        relay.relay_due(refuse, timeout=0)

    delivery = endpoint.deliveries.get()
    assert (delivery.status, delivery.attempts, delivery.due_at) == ("waiting", 0, before)


@pytest.mark.django_db(transaction=True)
def test_relay_claims_nothing_while_another_relay_is_counting():
    write(1)
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
    endpoint = write(3 * FAST_BATCH, answers_fast=True)

    relay.relay_due(published.publish, timeout=0.5)

    assert count(endpoint, "running") == 3 * FAST_BATCH
    assert len(published) == 3


# How much at once


def test_an_endpoint_without_history_gets_one_small_task(published):
    endpoint = write(100)

    relay.relay_due(published.publish, timeout=0.2)

    assert sizes(published) == {endpoint.pk: SLOW_BATCH}
    assert count(endpoint, "running") == SLOW_BATCH


def test_a_fast_endpoint_gets_several_tasks_but_not_all():
    write(20 * FAST_BATCH, answers_fast=True)

    claimed = [len(relay.claim_batches()) for _ in range(ENDPOINT_ROOM + 2)]

    assert claimed == [1] * ENDPOINT_ROOM + [0, 0]


def test_slow_endpoints_together_leave_room_to_fast_ones():
    for _ in range(2 * WEBHOOK_ROOM):
        write(1)
    assert len(relay.claim_batches()) == SLOW_ROOM

    fast = write(20 * FAST_BATCH, answers_fast=True)

    assert sizes(relay.claim_batches()) == {fast.pk: FAST_BATCH}


def test_a_fast_endpoint_whose_task_waits_for_an_answer_gets_no_other():
    endpoint = write(100, answers_fast=True)
    relay.claim_batches()
    OutboxMessage.objects.filter(status="running").update(due_at=database_now() + queue.CLAIM - relay.SLOW_AFTER)

    assert relay.claim_batches() == []
    assert count(endpoint, "running") == FAST_BATCH


def test_a_family_gets_no_more_than_its_room():
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
    failing = [write(1, failing_since=database_now()) for _ in range(2 * SLOW_ROOM)]
    new = write(1)

    claimed = sizes(relay.claim_batches())

    assert new.pk in claimed
    assert len(claimed.keys() & {endpoint.pk for endpoint in failing}) == SLOW_ROOM - 1


# What a task does


def test_a_task_delivers_its_batch_and_remembers_that_the_endpoint_is_fast(listening):
    receiver = listening(answer(204, body=b""))
    endpoint = write(SLOW_BATCH, receiver.url)

    assert run(relay.claim_batches()) == [SLOW_BATCH]

    assert len(receiver.requests) == count(endpoint, "done") == SLOW_BATCH
    endpoint.refresh_from_db()
    assert endpoint.answers_fast is True


def test_a_task_ends_at_the_first_timeout_and_gives_back_the_rest(listening, monkeypatch):
    monkeypatch.setattr("booking.outbox.relay.SLOW_THRESHOLD", 0.2)
    receiver = listening(in_turn(answer(204, body=b""), answer(204, body=b"", after=0.5)))
    endpoint = write(5, receiver.url, answers_fast=True)

    assert run(relay.claim_batches()) == [2]

    assert (count(endpoint, "done"), count(endpoint, "waiting")) == (2, 3)
    assert set(endpoint.deliveries.filter(status="waiting").values_list("attempts", flat=True)) == {0}
    endpoint.refresh_from_db()
    assert endpoint.answers_fast is False


def test_a_task_that_lasts_too_long_gives_back_the_rest(listening):
    endpoint = write(50, listening(answer(204, after=0.1, body=b"")).url, answers_fast=True)

    [batch] = relay.claim_batches()
    attempted = relay.run(batch.ids, batch.claimed_until, timeout=0.25)

    assert 1 <= attempted < FAST_BATCH
    assert (count(endpoint, "done"), count(endpoint, "running")) == (attempted, 0)


def test_a_fast_endpoint_that_fails_is_fast_no_more(listening):
    endpoint = write(1, listening(answer(500)).url, answers_fast=True)

    run(relay.claim_batches())

    endpoint.refresh_from_db()
    assert endpoint.answers_fast is False
    assert count(endpoint, "waiting") == 1


def test_a_task_that_arrives_twice_does_its_work_once(listening):
    receiver = listening(answer(204, body=b""))
    write(SLOW_BATCH, receiver.url)
    batches = relay.claim_batches()
    run(batches)

    with nothing_changes():
        assert run(batches) == [0]

    assert len(receiver.requests) == SLOW_BATCH


def test_a_task_whose_claim_lapsed_and_was_claimed_again_does_nothing(listening):
    receiver = listening(answer(204, body=b""))
    write(1, receiver.url)
    late = relay.claim_batches()
    OutboxMessage.objects.update(due_at=database_now())
    relay.claim_batches()

    with nothing_changes():
        assert run(late) == [0]

    assert receiver.requests == []


@pytest.mark.django_db(transaction=True)
def test_what_was_done_while_the_database_was_away_is_written_down_when_it_is_back(listening, caplog):
    receiver = listening(answer(204, after=0.5, body=b""))
    endpoint = write(1, receiver.url)
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


def test_run_outbox_once_does_all_that_is_due_and_nothing_else(book, at, listening, mailoutbox, capsys):
    write(100, listening(answer(204, body=b"")).url)
    book(at(9))
    due = OutboxMessage.objects.count()
    later = OutboxMessage.objects.create(kind="email.order_link", due_at=database_now() + queue.CLAIM)

    call_command("run_outbox", "--once")

    assert capsys.readouterr().out == f"{due} messages tried.\n"
    assert len(mailoutbox) == 1
    assert OutboxMessage.objects.exclude(status="done").get() == later


def test_run_outbox_once_leaves_an_endpoint_after_its_first_timeout(listening, monkeypatch):
    monkeypatch.setattr("booking.outbox.relay.SLOW_THRESHOLD", 0.1)
    endpoint = write(20, listening(answer(500, after=0.2)).url)

    assert relay.run_due() == 1

    assert count(endpoint, "waiting") == 20
    assert endpoint.deliveries.filter(attempts=1).count() == 1


# Whether anything is held up


def test_nothing_is_held_up_while_messages_are_fresh(book, at):
    book(at(9))

    assert queue.get_waiting_since() is None


def test_mail_is_held_up_since_it_became_due(book, at):
    book(at(9))
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since


def test_a_claim_that_lapsed_long_ago_is_held_up_too(book, at):
    book(at(9))
    relay.claim_batches()
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since


@pytest.mark.parametrize("state", [{"answers_fast": False}, {"answers_fast": True, "failing_since": database_now}])
def test_an_endpoint_that_does_not_answer_holds_up_only_itself(state):
    write(1, **{name: value() if callable(value) else value for name, value in state.items()})
    OutboxMessage.objects.update(due_at=database_now() - 2 * queue.OVERDUE)

    assert queue.get_waiting_since() is None


def test_deliveries_to_an_endpoint_that_answers_are_held_up():
    write(1, answers_fast=True)
    since = database_now() - 2 * queue.OVERDUE
    OutboxMessage.objects.update(due_at=since)

    assert queue.get_waiting_since() == since
