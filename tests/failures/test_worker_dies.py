"""A worker is killed in the middle of its work. In the end the work is done.

A claim lapses a minute after it was made. The tests do not sit that minute out, they move the
message's ``due_at``: the outbox knows time from nowhere else, and asks the database.
"""

import signal
from collections import Counter
from datetime import timedelta

import pytest

from booking.access.signatures import make_secret
from booking.models import Event, Hold, OutboxMessage, WebhookEndpoint
from scheduling.lib.clock import database_now
from tests.ledger import lapse
from tests.receivers import Receiver, answer
from tests.waiting import wait_until


def statuses():
    return sorted(OutboxMessage.objects.values_list("status", flat=True))


def let_the_claim_lapse():
    OutboxMessage.objects.filter(status="running").update(due_at=database_now())


@pytest.mark.proof
def test_message_of_killed_worker_is_done_once_by_one_that_is_told_to_stop(clinic, book, at):
    clinic.mailbox.answers.clear()
    killed = clinic.run_workers()["delivery"]
    book(at(9))
    wait_until(lambda: clinic.mailbox.callers)

    killed.kill()  # it was waiting for the mail server to speak

    assert statuses() == ["running"]
    worker = clinic.run("delivery")
    let_the_claim_lapse()
    wait_until(lambda: clinic.mailbox.callers == 2, timeout=150)
    assert clinic.mailbox.accepted == []
    worker.process.terminate()
    clinic.mailbox.answers.set()
    assert worker.process.wait(30) == 0  # it ends what it was doing first
    assert statuses() == ["done"]
    message = OutboxMessage.objects.get()
    assert clinic.mailbox.named() == [f"<{message.pk}@localhost>"]


@pytest.mark.proof
def test_woken_worker_that_lost_its_claim_undoes_nothing(clinic, book, at):
    """The worker cannot know. A mailbox can: both mails have one Message-ID."""
    clinic.mailbox.answers.clear()
    workers = clinic.run_workers()
    book(at(9))
    wait_until(lambda: clinic.mailbox.callers)
    workers["delivery"].signal(signal.SIGSTOP)
    for name in ("beat", "worker"):  # or the broker would hand the message to the frozen worker again
        workers[name].kill()
    clinic.mailbox.answers.set()
    let_the_claim_lapse()
    assert clinic.manage("run_outbox", "--once").process.wait(60) == 0
    assert (statuses(), len(clinic.mailbox.accepted)) == (["done"], 1)

    workers["delivery"].signal(signal.SIGCONT)
    workers["delivery"].process.terminate()
    assert workers["delivery"].process.wait(60) == 0  # it ends what it was doing first

    assert clinic.mailbox.named() == [f"<{OutboxMessage.objects.get().pk}@localhost>"] * 2
    assert statuses() == ["done"]


@pytest.mark.proof
def test_two_beats_and_workers_do_nothing_twice(clinic, book, hold_time, at):
    lapse(hold_time(at(17) - timedelta(minutes=30), holder="bob's phone"))
    for _ in range(2):
        clinic.run_workers()
    for hour in (9, 10, 11, 13, 14, 15):
        for minute in (0, 30):
            book(at(hour, minute))

    wait_until(lambda: statuses() == ["done"] * 12)
    wanted = {f"<{message.pk}@localhost>" for message in OutboxMessage.objects.all()}
    assert sorted(clinic.mailbox.named()) == sorted(wanted)
    wait_until(lambda: Hold.objects.filter(status="expired").exists())
    assert Event.objects.filter(kind="hold.expired").count() == 1


@pytest.mark.proof
def test_deliveries_all_arrive_although_workers_are_killed(clinic):
    """What a dead worker had been handed may arrive again, under the same id, and nothing else does."""
    handed_over = 0
    with Receiver(answer(204, body=b"")) as receiver:
        endpoints = [WebhookEndpoint.objects.create(url=receiver.url, secret=make_secret()) for _ in range(3)]
        written = OutboxMessage.objects.bulk_create(
            OutboxMessage(kind="webhook.event", endpoint=endpoint, payload={"type": "hold.placed", "data": {}})
            for endpoint in endpoints
            for _ in range(400)
        )
        worker = clinic.run_workers(PRIVATE_HOSTS=receiver.netloc)["delivery"]
        for killed_after in (0, 500):
            wait_until(lambda: len(receiver.requests) > killed_after)  # noqa: B023
            worker.kill()
            handed_over += statuses().count("running")
            let_the_claim_lapse()
            worker = clinic.run("delivery", PRIVATE_HOSTS=receiver.netloc)
        wait_until(lambda: statuses() == ["done"] * 1_200)

    arrived = Counter(headers["webhook-id"] for _, _, headers, _ in receiver.requests)
    assert arrived.keys() == {str(message.pk) for message in written}
    assert arrived.total() - len(written) <= handed_over
    assert max(arrived.values()) <= 3
