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


@pytest.mark.proof
def test_redis_away_bookings_go_on_and_mail_follows_once_when_it_is_back(running, book, hold_time, at):
    """What has run out is free meanwhile, too."""
    for fail, hours, hour_held in ((freeze, (9, 10), 11), (kill, (13, 14), 15)):
        sent_before = list(OutboxMessage.objects.values_list("pk", flat=True))
        lapsed = hold_time(at(hour_held), holder="bob's phone")
        come_back = fail(running.redis)
        lapse(lapsed)

        for hour in hours:
            book(at(hour))
        hold_time(at(hour_held), holder="alice's phone")

        assert Hold.objects.get(pk=lapsed.pk).slot is None
        assert running.mailbox.accepted == []
        come_back()
        wait_until(all_is_done, timeout=90)
        wait_until_a_beat_arrives()
        messages = OutboxMessage.objects.exclude(pk__in=sent_before)
        assert sorted(running.mailbox.named()) == sorted(f"<{message.pk}@localhost>" for message in messages)
        assert [program.process.poll() for program in running.programs] == [None, None, None]
        running.mailbox.accepted.clear()


@pytest.mark.proof
def test_redis_away_relay_ends_soon_and_run_outbox_sends_what_is_due(clinic, book, at):
    """No workers run: one might have taken the message from Redis before that failed."""
    for fail, hour in ((freeze, 9), (kill, 10)):
        wait_until(clinic.redis.answers)
        come_back = fail(clinic.redis)
        book(at(hour))
        due = OutboxMessage.objects.values().get(status="waiting")

        with assert_time_limit(10):
            relay = clinic.manage("shell", "-c", "from booking.tasks import relay_outbox; relay_outbox()")
            assert relay.process.wait(60) == 0
        assert OutboxMessage.objects.values().get(status="waiting") == due
        assert clinic.mailbox.accepted == []

        assert clinic.manage("run_outbox", "--once").process.wait(60) == 0
        assert len(clinic.mailbox.accepted) == 1
        assert all_is_done()
        clinic.mailbox.accepted.clear()
        come_back()


@pytest.mark.proof
def test_redis_that_lost_its_data_stops_neither_email_nor_beat(running, book, at):
    running.mailbox.answers.clear()
    book(at(9))
    wait_until(lambda: running.mailbox.callers == 2)  # the first was the fixture's

    for hour in (10, 11, 13, 14, 15):
        running.redis.forget()
        book(at(hour))
    running.mailbox.answers.set()

    wait_until(all_is_done, timeout=90)  # the claim of a lost task lapses after a minute
    assert sorted(running.mailbox.named()) == sorted(
        f"<{message.pk}@localhost>" for message in OutboxMessage.objects.order_by("created_at")[1:]
    )
    wait_until_a_beat_arrives()


def wait_until_a_beat_arrives():
    last = Heartbeat.objects.get(id=1).seen_at
    wait_until(lambda: Heartbeat.objects.get(id=1).seen_at > last)


def test_web_bookings_go_on_while_redis_fails(clinic, dana, day):
    """A page that published to a frozen Redis would wait for most of a minute: here none may take five seconds."""
    _, address = clinic.serve()
    pages = {book_on_the_web(address, day, "alice@example.org")}

    for fail, email in ((freeze, "bob@example.org"), (kill, "carol@example.org")):
        come_back = fail(clinic.redis)
        pages.add(book_on_the_web(address, day, email))
        come_back()

    assert len(pages) == 3
    assert list(OutboxMessage.objects.values_list("status", flat=True)) == ["waiting"] * 3
