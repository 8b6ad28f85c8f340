"""Outbox messages: claims, attempts, retries and final failure; one claim never runs twice.

Tests move ``due_at`` to let time pass: the outbox takes time from nowhere else.
"""

import smtplib
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from booking.models import OutboxMessage, WebhookEndpoint
from booking.outbox import handlers, queue
from booking.outbox.queue import Handler
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes

SECOND = timedelta(seconds=1)
KINDS = ["email.appointment_confirmed", "provider.sync", "webhook.event"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    """Return a message that is due."""
    queue.enqueue("email.appointment_confirmed", appointment="of alice")
    return OutboxMessage.objects.get()


@pytest.fixture
def endpoints():
    """Return two subscribed webhook endpoints."""
    return [
        WebhookEndpoint.objects.create(url=f"https://{name}.example", secret="whsec_c2VjcmV0", description=name)
        for name in ("east", "west")
    ]


def get_state(message):
    message.refresh_from_db()
    return message.status, message.attempts, message.last_error


def get_seconds_until_due(message):
    message.refresh_from_db()
    return (message.due_at - database_now()).total_seconds()


def make_all_due():
    """Make every message due now."""
    OutboxMessage.objects.update(due_at=database_now())


def claim(**changes):
    """Claim and start due messages; return them."""
    batches = queue.claim(jobs=KINDS, **changes)
    return [message for batch in batches for message in queue.start(batch.ids, batch.claimed_until)]


def claim_one():
    """Claim the one due message and return it as an object of its own, as another process would."""
    [message] = claim()
    return message


def make_failing_run(error):
    def run(message):
        raise error

    return run


def fail_attempt(error, waits=queue.BACKOFF):
    """Claim the one due message and fail its attempt with ``error``."""
    queue.settle([queue.attempt(claim_one(), Handler(make_failing_run(error), waits))])


def succeed(message):
    queue.settle([queue.attempt(message, Handler(lambda message: None))])


def add_messages(number, kind="webhook.event", **members):
    """Write ``number`` messages whose due times lie one second apart; the newest is due now."""
    now = database_now()
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind=kind, due_at=now - after * SECOND, **members) for after in range(number)
    )


def test_enqueue_rejects_unknown_job():
    with nothing_changes(), pytest.raises(ValueError, match="appointment_forgotten"):
        queue.enqueue("email.appointment_forgotten", appointment="of alice")


def test_enqueued_message_is_waiting_and_due_immediately(message):
    assert get_state(message) == ("waiting", 0, "")
    assert message.payload == {"appointment": "of alice"}
    assert get_seconds_until_due(message) <= 0


def test_enqueue_rolls_back_with_its_transaction():
    with nothing_changes(), transaction.atomic():
        queue.enqueue("email.appointment_confirmed", appointment="of alice")
        transaction.set_rollback(True)


# Claims


def test_due_message_is_claimed_once(message):
    assert claim() == [message]
    assert get_state(message) == ("running", 1, "")
    assert 55 < get_seconds_until_due(message) <= 60

    with nothing_changes():
        assert claim() == []


def test_message_due_later_is_not_claimed(message):
    OutboxMessage.objects.update(due_at=database_now() + SECOND)

    with nothing_changes():
        assert claim() == []


def test_attempt_at_job_of_a_newer_release_is_retried_later(message):
    """While a new release is rolled out, its relay may hand a new job to an old worker."""
    message.kind = "email.of_tomorrow"

    outcome = handlers.attempt(message)

    assert (outcome.status, outcome.error) == ("waiting", "This worker is of a release that does not know that job.")


def test_message_of_unknown_job_is_not_claimed(message):
    with nothing_changes():
        assert queue.claim(jobs=["email.birthday", "webhook.event"]) == []


def test_claim_takes_longest_due_messages_up_to_room():
    add_messages(50, kind="email.appointment_confirmed")
    by_due = list(OutboxMessage.objects.order_by("due_at"))

    assert claim(room=30) == sorted(by_due[:30], key=lambda message: message.due_at)
    assert claim(room=15) == by_due[30:45]
    assert claim(room=30) == by_due[45:]


def test_claim_counts_room_per_endpoint_and_job_family(endpoints):
    for endpoint in endpoints:
        add_messages(9, endpoint=endpoint)
    add_messages(9, kind="email.appointment_confirmed")
    add_messages(9, kind="provider.sync")

    claimed = claim(rooms={endpoints[0].pk: 0, "provider": 5}, room=3)

    assert sorted(message.kind for message in claimed) == (
        ["email.appointment_confirmed"] * 3 + ["provider.sync"] * 5 + ["webhook.event"] * 3
    )
    assert {message.endpoint for message in claimed} == {None, endpoints[1]}


def test_claim_batches_messages_to_one_endpoint_and_no_others(endpoints):
    for endpoint in endpoints:
        add_messages(9, endpoint=endpoint)
    add_messages(3, kind="provider.sync")

    batches = queue.claim(jobs=KINDS)

    assert sorted((str(batch.queue), len(batch.ids)) for batch in batches) == sorted(
        [*[(str(endpoint.pk), 9) for endpoint in endpoints], *[("provider", 1)] * 3]
    )


def test_claim_and_start_of_batch_cost_three_statements(endpoints, django_assert_num_queries):
    add_messages(20, endpoint=endpoints[0])

    with django_assert_num_queries(1):
        [batch] = queue.claim(jobs=KINDS)
    with django_assert_num_queries(2):
        messages = queue.start(batch.ids, batch.claimed_until)

    assert len({id(message.endpoint) for message in messages}) == 1


def test_claim_counts_attempt_only_when_started(message):
    [batch] = queue.claim(jobs=KINDS)
    assert get_state(message) == ("running", 0, "")

    queue.start(batch.ids, batch.claimed_until)

    assert get_state(message) == ("running", 1, "")


def test_unclaim_restores_due_time(message):
    before = message.due_at
    [batch] = queue.claim(jobs=KINDS)

    queue.unclaim(batch)

    assert get_state(message) == ("waiting", 0, "")
    assert message.due_at == before


def test_give_back_makes_started_message_due_without_attempt(message):
    claimed = claim()

    queue.give_back(claimed)

    assert get_state(message) == ("waiting", 0, "")
    assert get_seconds_until_due(message) <= 0


def test_lapsed_claim_taken_by_another_is_neither_started_nor_given_back(message):
    [late] = queue.claim(jobs=KINDS)
    make_all_due()
    claimed = claim()

    with nothing_changes():
        assert queue.start(late.ids, late.claimed_until) == []
        queue.unclaim(late)
    make_all_due()
    claim()
    with nothing_changes():
        queue.give_back(claimed)


def test_claim_from_long_queue_reads_index_without_sorting(endpoints):
    add_messages(3_000, kind="email.appointment_confirmed")
    add_messages(3_000, endpoint=endpoints[0])
    with CaptureQueriesContext(connection) as captured:
        claim()
    [claiming] = [query["sql"] for query in captured if "SKIP LOCKED" in query["sql"]]

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE booking_outboxmessage")
        cursor.execute(f"EXPLAIN {claiming}")
        plan = "\n".join(line for (line,) in cursor)

    assert "Index Scan using outbox_family_due" in plan
    assert "Index Scan using outbox_open_due" in plan
    assert "Sort Key: booking_outboxmessage" not in plan


def test_endpoint_with_unreadable_secret_does_not_block_other_messages(endpoints, message, settings):
    add_messages(1, endpoint=endpoints[0])
    settings.SECRET_KEY = "another one" * 5

    assert {one.endpoint for one in claim()} == {None, endpoints[0]}


def test_unsettled_claim_lapses_and_message_is_claimed_again(message):
    claim()
    make_all_due()

    assert claim() == [message]


@pytest.mark.parametrize("end", ["done", "failed"])
def test_done_or_failed_message_is_never_claimed(end, message):
    OutboxMessage.objects.update(status=end)
    make_all_due()

    with nothing_changes():
        assert claim() == []


@pytest.mark.django_db(transaction=True)
def test_claim_skips_rows_locked_by_another_claim(message):
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as elsewhere:
            elsewhere.execute("BEGIN")
            elsewhere.execute("SELECT FROM booking_outboxmessage FOR UPDATE")
            with connection.cursor() as here:
                here.execute("SET LOCAL lock_timeout = '1s'")  # fail instead of waiting for the lock
            assert claim() == []
            elsewhere.execute("ROLLBACK")
        assert claim() == [message]
    finally:
        other.close()


# Attempts


def test_message_is_done_when_handler_returns(message):
    succeed(claim_one())

    assert get_state(message) == ("done", 1, "")
    assert message.done_at is not None


def test_failed_attempt_backs_off_until_message_fails(message):
    waits = []
    for _ in range(7):
        fail_attempt(smtplib.SMTPServerDisconnected("alice@example.org"))
        waits.append(round(get_seconds_until_due(message)))
        assert message.status == "waiting"
        make_all_due()
    assert waits == [5, 30, 300, 1_800, 7_200, 28_800, 86_400]
    assert get_state(message) == ("waiting", 7, "SMTPServerDisconnected")

    fail_attempt(smtplib.SMTPServerDisconnected("alice@example.org"))

    assert get_state(message) == ("failed", 8, "SMTPServerDisconnected")
    make_all_due()
    assert claim() == []


def test_handler_with_own_waits_fails_after_the_last(message):
    fail_attempt(OSError(), waits=[3 * SECOND])
    assert (message.pk, round(get_seconds_until_due(message))) == (message.pk, 3)

    make_all_due()
    fail_attempt(OSError(), waits=[3 * SECOND])

    assert get_state(message) == ("failed", 2, "OSError")


@pytest.mark.parametrize(("after", "wait"), [(None, 5), (2 * SECOND, 5), (90 * SECOND, 90)])
def test_retry_later_sets_earliest_next_attempt(after, wait, message):
    fail_attempt(queue.RetryLater("It is busy.", after=after))

    assert get_state(message) == ("waiting", 1, "It is busy.")
    assert round(get_seconds_until_due(message)) == wait


def test_permanent_error_fails_message_at_once(message):
    fail_attempt(queue.PermanentError("It is gone."))

    assert get_state(message) == ("failed", 1, "It is gone.")


def test_handler_without_waits_is_retried_until_permanent_error(message):
    waits = []
    for after in [2 * SECOND, 600 * SECOND, None, None]:
        fail_attempt(queue.RetryLater("not yet", after=after), waits=queue.UNTIL_GIVEN_UP)
        waits.append(round(get_seconds_until_due(message)))
        make_all_due()
    assert waits == [2, 600, 300, 300]

    OutboxMessage.objects.update(attempts=500)
    fail_attempt(queue.RetryLater("not yet", after=SECOND), waits=queue.UNTIL_GIVEN_UP)
    assert get_state(message) == ("waiting", 501, "not yet")

    make_all_due()
    fail_attempt(queue.PermanentError("too late"), waits=queue.UNTIL_GIVEN_UP)
    assert get_state(message) == ("failed", 502, "too late")


def test_failure_log_has_message_and_error_but_no_address(message, caplog):
    fail_attempt(smtplib.SMTPRecipientsRefused({"alice@example.org": (550, b"no")}))

    assert f"message email.appointment_confirmed {message.pk} waiting: SMTPRecipientsRefused" in caplog.text
    assert "alice@" not in caplog.text


def test_smtp_error_is_stored_as_its_code_only(message):
    fail_attempt(smtplib.SMTPDataError(451, b"alice@example.org is greylisted"))

    assert get_state(message) == ("waiting", 1, "SMTPDataError 451")


def test_long_error_is_truncated(message):
    fail_attempt(queue.RetryLater("x" * 10_000))

    assert get_state(message) == ("waiting", 1, "x" * 500)


def test_error_with_characters_invalid_in_postgres_is_cleaned(message):
    fail_attempt(queue.RetryLater("no\0 an\ud800swer"))

    assert get_state(message) == ("waiting", 1, "no an?swer")


def test_success_after_failure_clears_the_error(message):
    fail_attempt(OSError())
    make_all_due()
    succeed(claim_one())

    assert get_state(message) == ("done", 2, "")


def test_response_status_of_failed_attempt_is_stored(endpoints):
    add_messages(1, endpoint=endpoints[0])

    def run(message):
        message.response_status = 503
        raise queue.RetryLater("It answered 503.")

    queue.settle([queue.attempt(claim_one(), Handler(run))])

    assert OutboxMessage.objects.get().response_status == 503


def test_settle_of_many_outcomes_costs_one_statement(django_assert_num_queries):
    add_messages(20, kind="email.appointment_confirmed")
    outcomes = [queue.attempt(message, Handler(lambda message: None)) for message in claim()]

    with django_assert_num_queries(1):
        queue.settle(outcomes)

    assert OutboxMessage.objects.filter(status="done").count() == 20


def test_message_that_always_kills_its_worker_fails(message):
    for _ in range(len(queue.BACKOFF) + 1):
        make_all_due()
        claim()  # never settled

    make_all_due()
    succeed(claim_one())

    assert get_state(message) == ("failed", len(queue.BACKOFF) + 2, "Its worker died every time.")


def test_handler_without_waits_fails_after_max_attempts(message):
    OutboxMessage.objects.update(attempts=queue.MAX_ATTEMPTS)
    fail_attempt(KeyError("nobody expected it"), waits=queue.UNTIL_GIVEN_UP)

    assert get_state(message) == ("failed", queue.MAX_ATTEMPTS + 1, "It was tried too often.")


# Lost claims


def test_lost_claim_cannot_undo_finished_message(message):
    """A frozen worker wakes up and fails after another worker has done the same message."""
    frozen = claim_one()
    make_all_due()
    succeed(claim_one())

    with nothing_changes():
        queue.settle([queue.attempt(frozen, Handler(make_failing_run(TimeoutError())))])


def test_lost_claim_does_not_interrupt_running_message(message):
    frozen = claim_one()
    make_all_due()
    claim()

    with nothing_changes():
        queue.settle([queue.attempt(frozen, Handler(make_failing_run(TimeoutError())))])


def test_work_done_under_lost_claim_marks_message_done(message):
    """Otherwise the message would be sent twice."""
    slow = claim_one()
    make_all_due()
    claim()

    succeed(slow)

    assert get_state(message) == ("done", 2, "")


# Manual retry and retention


@pytest.mark.parametrize("status", ["waiting", "failed"])
def test_manual_retry_of_unfinished_message_resets_attempts(status, message):
    OutboxMessage.objects.update(status=status, attempts=8, due_at=database_now() + timedelta(days=1))

    assert queue.retry(message) is True

    assert get_state(message)[:2] == ("waiting", 0)
    assert claim() == [message]


@pytest.mark.parametrize("status", ["running", "done"])
def test_manual_retry_of_done_or_running_message_does_nothing(status, message):
    OutboxMessage.objects.update(status=status)

    with nothing_changes():
        assert queue.retry(message) is False


def test_done_messages_are_deleted_after_a_month(endpoints):
    month_ago = database_now() - timedelta(days=30, seconds=1)
    for status in OutboxMessage.Status.values:
        add_messages(1, kind="email.appointment_confirmed", status=status, created_at=month_ago)
        add_messages(1, endpoint=endpoints[0], status=status, created_at=month_ago)
    add_messages(1, endpoint=endpoints[0], status="done")

    queue.forget_old_messages()

    left = OutboxMessage.objects.order_by("kind", "status").values_list("kind", "status")
    assert list(left) == [
        ("email.appointment_confirmed", "failed"),
        ("email.appointment_confirmed", "running"),
        ("email.appointment_confirmed", "waiting"),
        ("webhook.event", "done"),
        ("webhook.event", "running"),
        ("webhook.event", "waiting"),
    ]
