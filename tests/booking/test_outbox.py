"""What must follow a commit: claimed, run, tried again, given up, and never done twice for one claim.

Time passes in these tests by moving ``due_at``: the outbox knows time from nowhere else.
"""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from booking import outbox
from booking.models import OutboxMessage
from scheduling.slots import database_now
from tests.ledger import nothing_changes

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    """A message that is due."""
    outbox.enqueue("email.appointment_confirmed", appointment="of alice")
    return OutboxMessage.objects.get()


def state(message):
    message.refresh_from_db()
    return message.status, message.attempts, message.last_error


def due_in(message):
    message.refresh_from_db()
    return (message.due_at - database_now()).total_seconds()


def let_come_due():
    """Let as much time pass as every message waits for."""
    OutboxMessage.objects.update(due_at=database_now())


def start(message):
    outbox.claim_due()
    return outbox.start(message.pk)


def test_a_message_waits_and_is_due_at_once(message):
    assert state(message) == ("waiting", 0, "")
    assert message.payload == {"appointment": "of alice"}
    assert due_in(message) <= 0


def test_a_message_is_written_with_its_cause_or_not_at_all():
    with nothing_changes(), transaction.atomic():
        outbox.enqueue("email.appointment_confirmed", appointment="of alice")
        transaction.set_rollback(True)


# Claiming


def test_a_due_message_is_claimed_once(message):
    assert outbox.claim_due() == [message.pk]
    assert state(message) == ("queued", 0, "")
    assert 55 < due_in(message) <= 60

    with nothing_changes():
        assert outbox.claim_due() == []


def test_a_message_that_is_not_due_is_left_alone(message):
    OutboxMessage.objects.update(due_at=database_now() + SECOND)

    with nothing_changes():
        assert outbox.claim_due() == []


def test_the_longest_due_come_first_and_not_too_many_at_once(message):
    now = database_now()
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="email.appointment_confirmed", due_at=now - number * SECOND) for number in range(250)
    )
    by_due = list(OutboxMessage.objects.order_by("due_at").values_list("pk", flat=True))

    assert set(outbox.claim_due()) == set(by_due[:200])
    assert set(outbox.claim_due()) == set(by_due[200:])


@pytest.mark.parametrize("claimed", [True, False])
def test_a_claim_that_nobody_finished_lapses(claimed, message):
    if claimed:
        outbox.claim_due()
    else:
        start(message)
    let_come_due()

    assert outbox.claim_due() == [message.pk]


@pytest.mark.parametrize("end", ["done", "failed"])
def test_what_is_done_or_given_up_is_never_claimed(end, message):
    OutboxMessage.objects.update(status=end)
    let_come_due()

    with nothing_changes():
        assert outbox.claim_due() == []


# Running


def test_a_claimed_message_is_started_once_however_often_it_is_delivered(message):
    outbox.claim_due()

    assert outbox.start(message.pk) == message
    assert state(message) == ("running", 1, "")
    with nothing_changes():
        assert outbox.start(message.pk) is None


def test_a_message_nobody_claimed_is_not_started(message):
    with nothing_changes():
        assert outbox.start(message.pk) is None


def test_a_message_that_kills_its_worker_every_time_fails_in_the_end(message):
    for _ in range(outbox.MOST_ATTEMPTS):
        let_come_due()
        outbox.claim_due()
        assert outbox.start(message.pk) == message  # and nobody finishes it

    let_come_due()
    outbox.claim_due()
    assert outbox.start(message.pk) is None

    assert state(message) == ("failed", outbox.MOST_ATTEMPTS + 1, "Its worker died every time.")


def test_of_two_deliveries_of_a_lapsed_claim_one_runs(message):
    outbox.claim_due()
    let_come_due()
    outbox.claim_due()

    assert [outbox.start(message.pk), outbox.start(message.pk)] == [message, None]


def test_a_finished_message_is_done_and_is_not_started_again(message):
    running = start(message)
    outbox.finish(running)

    assert state(message) == ("done", 1, "")
    assert message.done_at is not None
    with nothing_changes():
        assert outbox.start(message.pk) is None


# Failing


def test_a_failed_try_is_tried_again_later_and_later_and_then_given_up(message):
    waits = []
    for _ in range(7):
        outbox.fail(start(message), "SMTPServerDisconnected")
        assert message.status != "failed"
        waits.append(round(due_in(message)))
        let_come_due()
    assert waits == [5, 30, 300, 1_800, 7_200, 28_800, 86_400]
    assert state(message) == ("waiting", 7, "SMTPServerDisconnected")

    outbox.fail(start(message), "SMTPServerDisconnected")

    assert state(message) == ("failed", 8, "SMTPServerDisconnected")
    let_come_due()
    assert outbox.claim_due() == []


def test_success_after_failure_clears_the_error(message):
    outbox.fail(start(message), "SMTPServerDisconnected")
    let_come_due()
    outbox.finish(start(message))

    assert state(message) == ("done", 2, "")


def test_a_long_reason_is_cut(message):
    outbox.fail(start(message), "x" * 10_000)

    assert state(message) == ("waiting", 1, "x" * 500)


def test_whoever_lost_the_claim_cannot_undo_what_another_has_done(message):
    """A worker that was frozen wakes up and fails, after another has done its work."""
    frozen = start(message)
    let_come_due()
    outbox.finish(start(message))

    with nothing_changes():
        outbox.fail(frozen, "TimeoutError")


def test_whoever_lost_the_claim_does_not_cut_short_another_who_runs(message):
    frozen = start(message)
    let_come_due()
    start(message)

    with nothing_changes():
        outbox.fail(frozen, "TimeoutError")


def test_work_that_was_done_counts_even_if_the_claim_was_lost(message):
    """Otherwise what was sent would be sent again."""
    slow = start(message)
    let_come_due()
    outbox.claim_due()

    outbox.finish(slow)

    assert state(message) == ("done", 1, "")
    assert outbox.start(message.pk) is None


# Running it again


@pytest.mark.parametrize("status", ["waiting", "queued", "failed"])
def test_staff_can_run_an_unfinished_message_again_with_all_its_tries(status, message):
    OutboxMessage.objects.update(status=status, attempts=8, due_at=database_now() + timedelta(days=1))

    outbox.retry(message)

    assert state(message)[:2] == ("waiting", 0)
    assert outbox.claim_due() == [message.pk]


def test_what_is_done_is_not_run_again(message):
    outbox.finish(start(message))

    with nothing_changes():
        outbox.retry(message)


@pytest.mark.django_db(transaction=True)
def test_a_relay_skips_what_another_is_claiming(message):
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as elsewhere:
            elsewhere.execute("BEGIN")
            elsewhere.execute("SELECT FROM booking_outboxmessage FOR UPDATE")
            with connection.cursor() as here:
                here.execute("SET LOCAL lock_timeout = '1s'")  # to wait for it would be wrong
            assert outbox.claim_due() == []
            elsewhere.execute("ROLLBACK")
        assert outbox.claim_due() == [message.pk]
    finally:
        other.close()
