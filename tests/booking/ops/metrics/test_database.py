"""What the database and the broker say in /metrics."""

from datetime import timedelta
from threading import Event as Signal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from booking.celery import app
from booking.domain.expiry import expire_stale_holds
from booking.domain.holds import release_hold
from booking.integrations.webhooks.endpoints import create_endpoint
from booking.models import Heartbeat, Hold, OutboxMessage, WebhookEndpoint
from booking.models.enums import Job
from booking.ops.metrics import database
from booking.outbox import heartbeats, queue
from scheduling.models import Calendar
from tests.waiting import no_event_is_unsettled, wait_until

MINUTE = timedelta(minutes=1)


def get(samples, name, **labels):
    return samples[(name, *sorted(labels.items()))]


def get_by(samples, name):
    """Return the samples of a metric with one label, by that."""
    return {key[1][1]: value for key, value in samples.items() if key[0] == name}


def get_events(samples):
    return {kind: value for kind, value in get_by(samples, "holdfast_events_total").items() if value}


def test_events_are_counted_from_the_first_reading_on(transactional_db, scrape, hold_time, book, at):
    release_hold(hold_time(at(9)), actor="patient")
    wait_until(no_event_is_unsettled)
    assert get_events(scrape()) == {}
    book(at(10))
    lapsed = hold_time(at(11))
    assert get(scrape(), "holdfast_holds_live") == 1

    Hold.objects.filter(pk=lapsed.pk).update(expires_at=timezone.now() - MINUTE)
    expire_stale_holds()

    wait_until(no_event_is_unsettled)
    after = scrape()
    assert get(after, "holdfast_holds_live") == 0
    assert get_events(after) == {
        "hold.placed": 2,
        "hold.confirmed": 1,
        "hold.expired": 1,
        "appointment.created": 1,
        "patient.created": 1,
    }
    assert get_events(scrape()) == get_events(after)


def test_event_whose_transaction_commits_late_is_counted_once(elsewhere, hold_time, at, bea, harbour):
    wait_until(no_event_is_unsettled)
    before = database.count_events(None)
    is_open, may_commit = Signal(), Signal()

    @transaction.atomic
    def hold_slowly():
        hold_time(at(9))
        is_open.set()
        may_commit.wait(60)

    slow = elsewhere(hold_slowly)
    is_open.wait(60)
    Heartbeat.objects.create(seen_at=timezone.now())
    assert database.count_events(before) == before
    may_commit.set()
    slow.result()

    wait_until(no_event_is_unsettled)
    after = database.count_events(before)
    assert after.of_kinds["hold.placed"] == 1
    assert database.count_events(after) == after


def test_more_events_than_are_read_at_once_are_counted_by_the_next_reading(transactional_db, hold_time, at):
    wait_until(no_event_is_unsettled)
    counts = database.count_events(None)
    for hour in (9, 10, 11):
        hold_time(at(hour))
    wait_until(no_event_is_unsettled)

    seen = []
    for _ in range(3):
        counts = database.count_events(counts, limit=2)
        seen.append(counts.of_kinds["hold.placed"])

    assert seen == [2, 3, 3]


def test_outbox_is_measured_by_queue(scrape, db):
    create_endpoint(url="https://93.184.215.14/hooks", is_checked=True)
    WebhookEndpoint.objects.update(answers_fast=True)
    now = timezone.now()
    queue.enqueue(Job.EMAIL_BOOKING_LINK, due_at=now - 2 * MINUTE)
    queue.enqueue(Job.EMAIL_BOOKING_LINK, due_at=now + MINUTE)
    OutboxMessage.objects.create(kind=Job.SMS_TEXT, due_at=now + MINUTE, attempts=2)
    OutboxMessage.objects.create(
        kind=Job.WEBHOOK_EVENT, endpoint=WebhookEndpoint.objects.get(), due_at=now - 5 * MINUTE
    )

    samples = scrape()

    nothing = dict.fromkeys(["calendar", "email", "provider", "sms", "stranded", "webhook"], 0)
    assert get_by(samples, "holdfast_outbox_due") == nothing | {"email": 1, "webhook": 1}
    assert get_by(samples, "holdfast_outbox_retried") == nothing | {"sms": 1}
    ages = get_by(samples, "holdfast_outbox_oldest_due_seconds")
    assert {family: age // 60 for family, age in ages.items()} == nothing | {"email": 2, "webhook": 5}


def test_messages_to_endpoint_that_fails_have_no_age(scrape, db):
    create_endpoint(url="https://93.184.215.14/hooks", is_checked=True)
    now = timezone.now()
    WebhookEndpoint.objects.update(answers_fast=True, failing_since=now - MINUTE)
    endpoint = WebhookEndpoint.objects.get()
    OutboxMessage.objects.create(kind=Job.WEBHOOK_EVENT, endpoint=endpoint, due_at=now - 5 * MINUTE)

    samples = scrape()

    assert get_by(samples, "holdfast_outbox_due")["webhook"] == 1
    assert get_by(samples, "holdfast_outbox_oldest_due_seconds")["webhook"] == 0
    assert get(samples, "holdfast_webhook_endpoints_failing") == 1
    assert get(samples, "holdfast_webhook_endpoints_disabled") == 0


def test_beat_that_has_never_come_is_infinitely_old(scrape, db):
    assert get(scrape(), "holdfast_beat_age_seconds") == float("inf")

    Heartbeat.objects.create(seen_at=timezone.now() - MINUTE)

    assert get(scrape(), "holdfast_beat_age_seconds") // 60 == 1


def test_age_of_a_queues_heartbeat_is_told_by_queue(scrape, db):
    heartbeats.record("email")
    Heartbeat.objects.update(seen_at=timezone.now() - MINUTE)

    ages = get_by(scrape(), "holdfast_worker_age_seconds")

    assert ages.pop("email") // 60 == 1
    assert ages == dict.fromkeys(["default", "webhooks", "approvers", "calendars"], float("inf"))


def test_calendars_that_are_not_read_are_counted_with_their_age(scrape, dana):
    now = timezone.now()
    for name, last in [("fresh", now - MINUTE), ("old", now - 120 * MINUTE), ("never", None)]:
        Calendar.objects.create(clinician=dana, name=name, url="https://93.184.215.14/a.ics", last_synced_at=last)
    Calendar.objects.create(
        clinician=dana, name="away", url="https://93.184.215.14/a.ics", last_synced_at=None, is_active=False
    )

    samples = scrape()

    assert get(samples, "holdfast_calendars") == 3
    assert get(samples, "holdfast_calendars_unread") == 2
    assert get(samples, "holdfast_calendars_oldest_seconds") // 60 == 120


def test_connections_are_counted_by_state(scrape, db):
    samples = scrape()

    assert get(samples, "holdfast_database_connections", state="active") >= 1
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        assert get(samples, "holdfast_database_max_connections") == int(cursor.fetchone()[0])


def test_celery_queues_are_as_long_as_the_broker_says(scrape, db, redis, settings):
    settings.BROKER_URL = redis.url
    with app.connection_for_write(redis.url) as broker:
        for name in ("email", "email", "default"):
            app.send_task("booking.tasks.beat", queue=name, connection=broker)

    lengths = get_by(scrape(), "holdfast_celery_queue_length")

    assert lengths == {"approvers": 0, "calendars": 0, "default": 1, "email": 2, "webhooks": 0}


@pytest.mark.parametrize("end", ["kill", "freeze"])
def test_broker_that_is_away_is_said_to_be_and_keeps_nothing_else_back(end, scrape, db, redis, settings):
    settings.BROKER_URL = redis.url
    getattr(redis, end)()

    samples = scrape()

    assert get(samples, "holdfast_broker_up") == 0
    assert get_by(samples, "holdfast_celery_queue_length") == {}
    assert get(samples, "holdfast_database_up") == 1


def test_database_that_cannot_be_read_is_said_to_be_away(scrape, db, dana):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE booking_heartbeat RENAME TO away")
        samples = scrape()
        transaction.set_rollback(True)

    assert get(samples, "holdfast_database_up") == 0
    assert get(samples, "holdfast_broker_up") == 1


def test_readings_are_taken_once_in_some_seconds(db, opened, django_assert_num_queries):
    from booking.ops.metrics.installation import write_readings

    with django_assert_num_queries(5):
        first = write_readings()
    with django_assert_num_queries(0):
        assert write_readings() == first
