"""Redis dies, freezes or forgets. Bookings go on, what has run out is free, and mail follows when Redis is back."""

import pytest

from booking.models import Heartbeat, Hold, OutboxMessage
from tests.failures.visitor import book_on_the_web
from tests.ledger import lapse
from tests.waiting import assert_time_limit, wait_until


@pytest.fixture
def running(clinic, book, at):
    """Everything runs: the mail of a first booking and the beat have shown it."""
    clinic.run_workers()
    book(at(16), holder="bob's phone")
    wait_until(lambda: all_is_done() and Heartbeat.objects.exists())
    clinic.mailbox.accepted.clear()
    return clinic


def all_is_done():
    return not OutboxMessage.objects.exclude(status="done").exists()


def freeze(redis):
    redis.freeze()
    return redis.thaw


def kill(redis):
    redis.kill()
    return redis.start


@pytest.mark.parametrize("fail", [freeze, kill])
def test_redis_away_bookings_go_on_and_mail_follows_once_when_it_is_back(fail, running, book, at):
    come_back = fail(running.redis)

    for hour in (9, 10, 11):
        book(at(hour))

    assert len(running.mailbox.accepted) == 0
    come_back()
    wait_until(all_is_done, timeout=90)
    wait_until_a_beat_arrives()
    messages = OutboxMessage.objects.order_by("created_at")[1:]  # the first was the fixture's
    assert sorted(running.mailbox.named()) == sorted(f"<{message.pk}@localhost>" for message in messages)
    assert [program.process.poll() for program in running.programs] == [None, None, None]


@pytest.mark.parametrize("fail", [freeze, kill])
def test_redis_away_relay_ends_soon_and_what_is_due_stays_due(fail, clinic, book, at):
    book(at(9))
    before = OutboxMessage.objects.values().get()
    wait_until(clinic.redis.answers)
    fail(clinic.redis)

    with assert_time_limit(10):
        relay = clinic.manage("shell", "-c", "from booking.tasks import relay_outbox; relay_outbox()")
        assert relay.process.wait(60) == 0

    assert OutboxMessage.objects.values().get() == before


@pytest.mark.parametrize("fail", [freeze, kill])
def test_redis_away_run_outbox_sends_what_is_due(fail, clinic, book, at):
    """No workers run: one might have taken the message from Redis before that failed."""
    wait_until(clinic.redis.answers)
    fail(clinic.redis)
    book(at(9))

    program = clinic.manage("run_outbox", "--once")

    assert program.process.wait(60) == 0
    assert len(clinic.mailbox.accepted) == 1
    assert all_is_done()


@pytest.mark.parametrize("fail", [freeze, kill])
def test_redis_away_time_that_has_run_out_is_free(fail, running, hold_time, at):
    held = hold_time(at(10), holder="bob's phone")
    fail(running.redis)
    lapse(held)

    hold_time(at(10), holder="alice's phone")

    assert Hold.objects.get(pk=held.pk).slot is None


def test_redis_that_lost_its_data_stops_neither_email_nor_beat(running, book, at):
    running.mailbox.answers.clear()
    book(at(9))
    wait_until(lambda: running.mailbox.callers == 2)  # the first was the fixture's

    for hour in (10, 11, 13, 14, 15):
        running.redis.forget()
        book(at(hour))
    running.mailbox.answers.set()

    wait_until(all_is_done)
    assert sorted(running.mailbox.named()) == sorted(
        f"<{message.pk}@localhost>" for message in OutboxMessage.objects.order_by("created_at")[1:]
    )
    wait_until_a_beat_arrives()


def wait_until_a_beat_arrives():
    last = Heartbeat.objects.get().seen_at
    wait_until(lambda: Heartbeat.objects.get().seen_at > last)


@pytest.mark.parametrize("fail", [freeze, kill])
def test_web_bookings_go_on_while_redis_fails(fail, clinic, dana, day):
    """A page that published to a frozen Redis would wait for most of a minute: here none may take five seconds."""
    web, address = clinic.serve()
    first = book_on_the_web(address, day, "alice@example.org")
    fail(clinic.redis)

    second = book_on_the_web(address, day, "bob@example.org")

    assert first != second
    assert sorted(OutboxMessage.objects.values_list("status", flat=True)) == ["waiting", "waiting"]
    peers = [
        connection.raddr.port
        for process in web.all_processes()
        for connection in process.net_connections()
        if connection.raddr
    ]
    assert clinic.redis.port not in peers
