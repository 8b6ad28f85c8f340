"""A worker is killed in the middle of a task. In the end the task is done, once.

A claim lapses a minute after it was made. The tests do not sit that minute out, they move the
message's ``due_at``: the outbox knows time from nowhere else, and asks the database.
"""

import signal

from booking import tasks
from booking.models import OutboxMessage
from scheduling.slots import database_now
from tests.ledger import nothing_changes
from tests.waiting import wait_until


def statuses():
    return sorted(OutboxMessage.objects.values_list("status", flat=True))


def let_the_claim_lapse():
    OutboxMessage.objects.filter(status__in=["queued", "running"]).update(due_at=database_now())


def test_a_task_whose_worker_is_killed_is_done_once_in_the_end(clinic, book, at):
    clinic.mailbox.answers.clear()
    worker = clinic.run("worker")
    clinic.run("beat")
    book(at(9))
    wait_until(lambda: clinic.mailbox.callers)

    worker.kill()  # it was waiting for the mail server to speak

    assert statuses() == ["running"]
    assert clinic.mailbox.accepted == []
    clinic.mailbox.answers.set()
    clinic.run("worker")
    let_the_claim_lapse()
    wait_until(lambda: statuses() == ["done"])
    message = OutboxMessage.objects.get()
    assert clinic.mailbox.named() == [f"<{message.pk}@holdfast>"]

    with nothing_changes():  # when at last the broker delivers again what the dead worker had taken
        tasks.run_message(str(message.pk))
    assert len(clinic.mailbox.accepted) == 1


def test_a_worker_that_lost_its_claim_and_wakes_up_sends_the_same_mail_and_undoes_nothing(clinic, book, at):
    """It cannot know. A mailbox can: both mails have one Message-ID."""
    clinic.mailbox.answers.clear()
    frozen = clinic.run("worker")
    clinic.run("beat")
    book(at(9))
    wait_until(lambda: clinic.mailbox.callers)
    frozen.signal(signal.SIGSTOP)
    clinic.mailbox.answers.set()
    clinic.run("worker")
    let_the_claim_lapse()
    wait_until(lambda: statuses() == ["done"])

    frozen.signal(signal.SIGCONT)
    wait_until(lambda: len(clinic.mailbox.accepted) == 2)

    assert clinic.mailbox.named() == [f"<{OutboxMessage.objects.get().pk}@holdfast>"] * 2
    assert statuses() == ["done"]


def test_two_beats_at_once_send_nothing_twice(clinic, book, at):
    clinic.run("beat")
    clinic.run("beat")
    for hour in (9, 10, 11, 13, 14, 15, 16):
        for minute in (0, 30):
            book(at(hour, minute))

    clinic.run("worker")

    wait_until(lambda: statuses() == ["done"] * 14)
    wanted = {f"<{message.pk}@holdfast>" for message in OutboxMessage.objects.all()}
    assert sorted(clinic.mailbox.named()) == sorted(wanted)
