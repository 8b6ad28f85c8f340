"""What must follow a commit: claimed, run, tried again, given up, and never done twice for one claim.

Time passes in these tests by moving ``due_at``: the outbox knows time from nowhere else.
"""

import smtplib
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from booking.models import OutboxMessage, WebhookEndpoint
from booking.outbox import queue
from booking.outbox.handlers import Handler
from scheduling.lib.clock import database_now
from tests.ledger import nothing_changes

SECOND = timedelta(seconds=1)
KINDS = ["email.appointment_confirmed", "provider.sync", "webhook.event"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    """A message that is due."""
    queue.enqueue("email.appointment_confirmed", appointment="of alice")
    return OutboxMessage.objects.get()


@pytest.fixture
def endpoints():
    """Two addresses that are told of events."""
    return [
        WebhookEndpoint.objects.create(url=f"https://{name}.example", secret="whsec_c2VjcmV0", description=name)
        for name in ("east", "west")
    ]


def state(message):
    message.refresh_from_db()
    return message.status, message.attempts, message.last_error


def due_in(message):
    message.refresh_from_db()
    return (message.due_at - database_now()).total_seconds()


def let_come_due():
    """Let as much time pass as every message waits for."""
    OutboxMessage.objects.update(due_at=database_now())


def claim(**changes):
    """Claim what is due, and start it; return the messages."""
    batches = queue.claim(jobs=KINDS, **changes)
    return [message for batch in batches for message in queue.start(batch.ids, batch.claimed_until)]


def claim_one():
    """As another process would have it: an object of its own."""
    [message] = claim()
    return message


def raising(error):
    def run(message):
        raise error

    return run


def fail_with(error, waits=queue.BACKOFF):
    """Claim the one message and try it in vain."""
    queue.settle([queue.attempt(claim_one(), Handler(raising(error), waits))])


def succeed(message):
    queue.settle([queue.attempt(message, Handler(lambda message: None))])


def add(number, kind="webhook.event", **members):
    """Write so many messages, one second after the other, the last due now."""
    now = database_now()
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind=kind, due_at=now - after * SECOND, **members) for after in range(number)
    )


def test_enqueue_rejects_unknown_job():
    with nothing_changes(), pytest.raises(ValueError, match="appointment_forgotten"):
        queue.enqueue("email.appointment_forgotten", appointment="of alice")


def test_a_message_waits_and_is_due_at_once(message):
    assert state(message) == ("waiting", 0, "")
    assert message.payload == {"appointment": "of alice"}
    assert due_in(message) <= 0


def test_a_message_is_written_with_its_cause_or_not_at_all():
    with nothing_changes(), transaction.atomic():
        queue.enqueue("email.appointment_confirmed", appointment="of alice")
        transaction.set_rollback(True)


# Claiming


def test_a_due_message_is_claimed_once(message):
    assert claim() == [message]
    assert state(message) == ("running", 1, "")
    assert 55 < due_in(message) <= 60

    with nothing_changes():
        assert claim() == []


def test_a_message_that_is_not_due_is_left_alone(message):
    OutboxMessage.objects.update(due_at=database_now() + SECOND)

    with nothing_changes():
        assert claim() == []


def test_a_message_of_a_kind_this_program_does_not_know_is_left_to_one_that_does(message):
    with nothing_changes():
        assert queue.claim(jobs=["email.birthday", "webhook.event"]) == []


def test_the_longest_due_come_first_and_not_too_many_at_once():
    add(50, kind="email.appointment_confirmed")
    by_due = list(OutboxMessage.objects.order_by("due_at"))

    assert claim(room=30) == sorted(by_due[:30], key=lambda message: message.due_at)
    assert claim(room=15) == by_due[30:45]
    assert claim(room=30) == by_due[45:]


def test_every_endpoint_and_every_family_of_kinds_is_a_queue_of_its_own(endpoints):
    for endpoint in endpoints:
        add(9, endpoint=endpoint)
    add(9, kind="email.appointment_confirmed")
    add(9, kind="provider.sync")

    claimed = claim(rooms={endpoints[0].pk: 0, "provider": 5}, room=3)

    assert sorted(message.kind for message in claimed) == (
        ["email.appointment_confirmed"] * 3 + ["provider.sync"] * 5 + ["webhook.event"] * 3
    )
    assert {message.endpoint for message in claimed} == {None, endpoints[1]}


def test_messages_to_one_endpoint_are_a_batch_and_each_of_the_others_is_one(endpoints):
    for endpoint in endpoints:
        add(9, endpoint=endpoint)
    add(3, kind="provider.sync")

    batches = queue.claim(jobs=KINDS)

    assert sorted((str(batch.queue), len(batch.ids)) for batch in batches) == sorted(
        [*[(str(endpoint.pk), 9) for endpoint in endpoints], *[("provider", 1)] * 3]
    )


def test_a_batch_costs_few_statements(endpoints, django_assert_num_queries):
    add(20, endpoint=endpoints[0])

    with django_assert_num_queries(1):
        [batch] = queue.claim(jobs=KINDS)
    with django_assert_num_queries(2):
        messages = queue.start(batch.ids, batch.claimed_until)

    assert len({id(message.endpoint) for message in messages}) == 1


def test_a_claim_counts_no_attempt_until_it_is_started(message):
    [batch] = queue.claim(jobs=KINDS)
    assert state(message) == ("running", 0, "")

    queue.start(batch.ids, batch.claimed_until)

    assert state(message) == ("running", 1, "")


def test_what_was_claimed_but_not_handed_over_is_due_as_before(message):
    before = message.due_at
    [batch] = queue.claim(jobs=KINDS)

    queue.unclaim(batch)

    assert state(message) == ("waiting", 0, "")
    assert message.due_at == before


def test_what_was_started_but_not_attempted_is_given_back(message):
    claimed = claim()

    queue.give_back(claimed)

    assert state(message) == ("waiting", 0, "")
    assert due_in(message) <= 0


def test_what_another_has_claimed_since_is_neither_started_nor_given_back(message):
    [late] = queue.claim(jobs=KINDS)
    let_come_due()
    claimed = claim()

    with nothing_changes():
        assert queue.start(late.ids, late.claimed_until) == []
        queue.unclaim(late)
    let_come_due()
    claim()
    with nothing_changes():
        queue.give_back(claimed)


def test_a_long_queue_is_not_read_to_its_end(endpoints):
    add(3_000, kind="email.appointment_confirmed")
    add(3_000, endpoint=endpoints[0])
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


def test_a_secret_that_cannot_be_read_any_more_stops_no_other_message(endpoints, message, settings):
    add(1, endpoint=endpoints[0])
    settings.SECRET_KEY = "another one" * 5

    assert {one.endpoint for one in claim()} == {None, endpoints[0]}


def test_a_claim_that_nobody_settled_lapses(message):
    claim()
    let_come_due()

    assert claim() == [message]


@pytest.mark.parametrize("end", ["done", "failed"])
def test_what_is_done_or_given_up_is_never_claimed(end, message):
    OutboxMessage.objects.update(status=end)
    let_come_due()

    with nothing_changes():
        assert claim() == []


@pytest.mark.django_db(transaction=True)
def test_whoever_claims_skips_what_another_is_claiming(message):
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as elsewhere:
            elsewhere.execute("BEGIN")
            elsewhere.execute("SELECT FROM booking_outboxmessage FOR UPDATE")
            with connection.cursor() as here:
                here.execute("SET LOCAL lock_timeout = '1s'")  # to wait for it would be wrong
            assert claim() == []
            elsewhere.execute("ROLLBACK")
        assert claim() == [message]
    finally:
        other.close()


# Trying


def test_what_a_handler_returned_from_is_done(message):
    succeed(claim_one())

    assert state(message) == ("done", 1, "")
    assert message.done_at is not None


def test_a_failed_try_is_tried_again_later_and_later_and_then_given_up(message):
    waits = []
    for _ in range(7):
        fail_with(smtplib.SMTPServerDisconnected("alice@example.org"))
        waits.append(round(due_in(message)))
        assert message.status == "waiting"
        let_come_due()
    assert waits == [5, 30, 300, 1_800, 7_200, 28_800, 86_400]
    assert state(message) == ("waiting", 7, "SMTPServerDisconnected")

    fail_with(smtplib.SMTPServerDisconnected("alice@example.org"))

    assert state(message) == ("failed", 8, "SMTPServerDisconnected")
    let_come_due()
    assert claim() == []


def test_a_kind_can_have_waits_of_its_own(message):
    fail_with(OSError(), waits=[3 * SECOND])
    assert (message.pk, round(due_in(message))) == (message.pk, 3)

    let_come_due()
    fail_with(OSError(), waits=[3 * SECOND])

    assert state(message) == ("failed", 2, "OSError")


@pytest.mark.parametrize(("after", "wait"), [(None, 5), (2 * SECOND, 5), (90 * SECOND, 90)])
def test_a_handler_can_name_the_soonest_next_try(after, wait, message):
    fail_with(queue.RetryLater("It is busy.", after=after))

    assert state(message) == ("waiting", 1, "It is busy.")
    assert round(due_in(message)) == wait


def test_a_handler_that_gives_up_is_not_tried_again(message):
    fail_with(queue.PermanentError("It is gone."))

    assert state(message) == ("failed", 1, "It is gone.")


def test_a_handler_without_a_list_of_waits_decides_by_itself_when_and_for_how_long(message):
    waits = []
    for after in [2 * SECOND, 600 * SECOND, None, None]:
        fail_with(queue.RetryLater("not yet", after=after), waits=queue.UNTIL_GIVEN_UP)
        waits.append(round(due_in(message)))
        let_come_due()
    assert waits == [2, 600, 300, 300]

    OutboxMessage.objects.update(attempts=500)
    fail_with(queue.RetryLater("not yet", after=SECOND), waits=queue.UNTIL_GIVEN_UP)
    assert state(message) == ("waiting", 501, "not yet")

    let_come_due()
    fail_with(queue.PermanentError("too late"), waits=queue.UNTIL_GIVEN_UP)
    assert state(message) == ("failed", 502, "too late")


def test_the_log_names_the_message_and_the_error_and_no_address(message, caplog):
    fail_with(smtplib.SMTPRecipientsRefused({"alice@example.org": (550, b"no")}))

    assert f"message email.appointment_confirmed {message.pk} waiting: SMTPRecipientsRefused" in caplog.text
    assert "alice@" not in caplog.text


def test_what_a_mail_server_said_is_kept_as_its_number(message):
    fail_with(smtplib.SMTPDataError(451, b"alice@example.org is greylisted"))

    assert state(message) == ("waiting", 1, "SMTPDataError 451")


def test_a_long_reason_is_cut(message):
    fail_with(queue.RetryLater("x" * 10_000))

    assert state(message) == ("waiting", 1, "x" * 500)


def test_a_reason_that_the_database_would_refuse_is_mended(message):
    fail_with(queue.RetryLater("no\0 an\ud800swer"))

    assert state(message) == ("waiting", 1, "no an?swer")


def test_success_after_failure_clears_the_error(message):
    fail_with(OSError())
    let_come_due()
    succeed(claim_one())

    assert state(message) == ("done", 2, "")


def test_the_status_that_a_receiver_answered_is_kept(endpoints):
    add(1, endpoint=endpoints[0])

    def run(message):
        message.response_status = 503
        raise queue.RetryLater("It answered 503.")

    queue.settle([queue.attempt(claim_one(), Handler(run))])

    assert OutboxMessage.objects.get().response_status == 503


def test_many_are_settled_at_once(django_assert_num_queries):
    add(20, kind="email.appointment_confirmed")
    outcomes = [queue.attempt(message, Handler(lambda message: None)) for message in claim()]

    with django_assert_num_queries(1):
        queue.settle(outcomes)

    assert OutboxMessage.objects.filter(status="done").count() == 20


def test_a_message_that_kills_its_worker_every_time_fails_in_the_end(message):
    for _ in range(len(queue.BACKOFF) + 1):
        let_come_due()
        claim()  # and nobody settles it

    let_come_due()
    succeed(claim_one())

    assert state(message) == ("failed", len(queue.BACKOFF) + 2, "Its worker died every time.")


def test_without_a_list_of_waits_too_it_does_not_go_on_for_ever(message):
    OutboxMessage.objects.update(attempts=queue.MAX_ATTEMPTS)
    fail_with(KeyError("nobody expected it"), waits=queue.UNTIL_GIVEN_UP)

    assert state(message) == ("failed", queue.MAX_ATTEMPTS + 1, "It was tried too often.")


# Claims that were lost


def test_whoever_lost_the_claim_cannot_undo_what_another_has_done(message):
    """A worker that was frozen wakes up and fails, after another has done its work."""
    frozen = claim_one()
    let_come_due()
    succeed(claim_one())

    with nothing_changes():
        queue.settle([queue.attempt(frozen, Handler(raising(TimeoutError())))])


def test_whoever_lost_the_claim_does_not_cut_short_another_who_runs(message):
    frozen = claim_one()
    let_come_due()
    claim()

    with nothing_changes():
        queue.settle([queue.attempt(frozen, Handler(raising(TimeoutError())))])


def test_work_that_was_done_counts_even_if_the_claim_was_lost(message):
    """Otherwise what was sent would be sent again."""
    slow = claim_one()
    let_come_due()
    claim()

    succeed(slow)

    assert state(message) == ("done", 2, "")


# Running it again, and forgetting it


@pytest.mark.parametrize("status", ["waiting", "failed"])
def test_staff_can_run_an_unfinished_message_again_with_all_its_tries(status, message):
    OutboxMessage.objects.update(status=status, attempts=8, due_at=database_now() + timedelta(days=1))

    assert queue.retry(message) is True

    assert state(message)[:2] == ("waiting", 0)
    assert claim() == [message]


@pytest.mark.parametrize("status", ["running", "done"])
def test_what_is_done_or_under_way_is_not_run_again(status, message):
    OutboxMessage.objects.update(status=status)

    with nothing_changes():
        assert queue.retry(message) is False


def test_what_is_over_is_forgotten_after_a_month(endpoints):
    month_ago = database_now() - timedelta(days=30, seconds=1)
    for status in OutboxMessage.Status.values:
        add(1, kind="email.appointment_confirmed", status=status, created_at=month_ago)
        add(1, endpoint=endpoints[0], status=status, created_at=month_ago)
    add(1, endpoint=endpoints[0], status="done")

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
