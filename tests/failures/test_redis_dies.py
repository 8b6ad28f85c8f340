"""Redis dies or freezes. Bookings go on as if nothing were; mail follows when it is back."""

import pytest

from booking import outbox
from booking.models import OutboxMessage
from scheduling.slots import database_now
from tests.waiting import wait_until

from .visitor import book_on_the_web


@pytest.fixture
def running(clinic, book, at):
    """Everything runs: the mail of a first booking has shown it."""
    clinic.run("worker")
    clinic.run("beat")
    book(at(16), holder="bob's phone")
    wait_until(all_is_done)
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
def test_bookings_go_on_and_mail_follows(fail, running, book, at):
    come_back = fail(running.redis)

    appointment = book(at(9))

    message = OutboxMessage.objects.get(payload={"appointment": str(appointment.pk)})
    assert (message.status, running.mailbox.accepted) == ("waiting", [])
    come_back()
    wait_until(all_is_done)
    assert running.mailbox.named() == [f"<{message.pk}@holdfast>"]


def test_worker_and_beat_outlive_a_redis_that_dies_in_the_middle_of_a_task(running, book, at):
    running.mailbox.answers.clear()
    book(at(9))
    wait_until(lambda: running.mailbox.callers == 2)  # the first was the fixture's

    running.redis.kill()
    running.redis.start()
    running.mailbox.answers.set()
    book(at(10))

    wait_until(all_is_done)
    assert len(running.mailbox.accepted) == 2
    assert [program.process.poll() for program in running.programs] == [None, None]


@pytest.mark.parametrize("fail", [freeze, kill])
def test_bookings_on_the_web_go_on_because_no_page_has_to_do_with_redis(fail, clinic, dana, day):
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


def test_what_a_redis_forgot_is_handed_out_again(clinic, book, at):
    """The message was claimed and on its way to a worker when Redis lost it. A minute later it is due again."""
    book(at(9))
    outbox.claim_due()
    OutboxMessage.objects.update(due_at=database_now())

    clinic.run("worker")
    clinic.run("beat")

    wait_until(all_is_done)
    assert len(clinic.mailbox.accepted) == 1
