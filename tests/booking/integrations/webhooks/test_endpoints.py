"""Webhook endpoints: creation, secrets, disabling, redelivery and concurrent bookings."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.integrations.webhooks import endpoints
from booking.integrations.webhooks.endpoints import (
    AlreadyOnItsWay,
    EndpointDisabled,
    change_endpoint,
    create_endpoint,
    disable,
    enable,
    get_secrets,
    redeliver,
    redeliver_failed,
    remove_endpoint,
    rotate_secret,
    send_test,
)
from booking.models import Hold, OutboxMessage, WebhookEndpoint
from booking.outbox import queue
from booking.outbox.handlers import HANDLERS
from booking.outbox.queue import Status
from scheduling.lib.safe_http import NotPublic
from tests.ledger import nothing_changes, rows
from tests.outbox import run_what_is_due, start_what_is_due
from tests.receivers import answer
from tests.waiting import somebody_waits_for_us, wait_until


def reload(thing):
    return type(thing).objects.get(pk=thing.pk)


# Create and change


def test_endpoints_get_different_secrets(receiver, db):
    one, other = create_endpoint(url=receiver.url), create_endpoint(url=receiver.url)
    assert one.secret.startswith("whsec_")
    assert one.secret != other.secret
    assert reload(one).secret == one.secret


def test_endpoint_secrets_are_encrypted_in_database(endpoint):
    rotate_secret(endpoint)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, old_secret FROM booking_webhookendpoint")
        assert not any(text.startswith("whsec_") for text in cursor.fetchone())


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "x",
        "",
        "https://user@8.8.8.8/",
        "https://localhost/",
    ],
)
def test_endpoint_with_private_address_is_refused(endpoint, url):
    before = rows(WebhookEndpoint)
    with pytest.raises((NotPublic, ValidationError)):
        create_endpoint(url=url)
    with pytest.raises((NotPublic, ValidationError)):
        change_endpoint(endpoint, url=url, description="another")
    assert rows(WebhookEndpoint) == before


def test_unknown_event_kind_is_refused(receiver, db):
    with pytest.raises(ValidationError):
        create_endpoint(url=receiver.url, events=["hold.placed", "hold.dropped"])
    assert not WebhookEndpoint.objects.exists()


def test_change_endpoint_changes_only_given_fields(endpoint, settings):
    [before] = rows(WebhookEndpoint)
    settings.PRIVATE_HOSTS = []  # an unchanged address is not checked again
    change_endpoint(endpoint, events=["hold.placed", "hold.expired", "hold.placed"])
    [after] = rows(WebhookEndpoint)
    assert after == before | {"events": ["hold.expired", "hold.placed"], "updated_at": after["updated_at"]}


# Subscriptions


def list_delivered_types(endpoint):
    return sorted(delivery.payload["type"] for delivery in endpoint.deliveries.all())


def test_endpoint_gets_only_subscribed_events(receiver, book, at):
    everything = create_endpoint(url=receiver.url)
    some = create_endpoint(url=receiver.url, events=["hold.placed", "appointment.cancelled"])
    off = create_endpoint(url=receiver.url)
    disable(off)
    book(at(9))
    assert list_delivered_types(everything) == ["appointment.created", "hold.placed", "patient.created"]
    assert list_delivered_types(some) == ["hold.placed"]
    assert list_delivered_types(off) == []


def test_delivery_rolls_back_with_its_event(endpoint, hold_time, at):
    with nothing_changes(), transaction.atomic():
        hold_time(at(9))
        assert list_delivered_types(endpoint) == ["hold.placed"]
        transaction.set_rollback(True)


# Secrets


def test_old_secret_signs_until_overlap_ends(endpoint):
    old, now = endpoint.secret, timezone.now()
    rotate_secret(endpoint, overlap=timedelta(hours=1))
    endpoint = reload(endpoint)
    assert get_secrets(endpoint, now=now) == [endpoint.secret, old]
    assert get_secrets(endpoint, now=now + timedelta(hours=1, seconds=5)) == [endpoint.secret]


def test_leaked_secret_is_revoked_at_once(endpoint):
    old = endpoint.secret
    rotate_secret(endpoint, overlap=timedelta(0))
    endpoint = reload(endpoint)
    assert get_secrets(endpoint, now=timezone.now()) == [endpoint.secret]
    assert old not in (endpoint.secret, endpoint.old_secret)


def test_secret_rotated_twice_signs_with_last_two(endpoint):
    rotate_secret(endpoint)
    second = endpoint.secret
    rotate_secret(reload(endpoint))
    endpoint = reload(endpoint)
    assert get_secrets(endpoint, now=timezone.now()) == [endpoint.secret, second]


# Disable and enable


def test_events_while_endpoint_is_disabled_are_not_delivered(endpoint, receiver, hold_time, at):
    hold_time(at(9))
    disable(endpoint)
    hold_time(at(10), holder="bob's phone")
    run_what_is_due()
    enable(endpoint)
    hold_time(at(11), holder="erin's phone")
    run_what_is_due()
    assert len(receiver.requests) == 1
    assert sorted(delivery.status for delivery in endpoint.deliveries.all()) == ["done", "failed"]
    assert redeliver_failed(reload(endpoint), since=timezone.now() - timedelta(hours=1)) == 1
    run_what_is_due()
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    "verb, left, statement, times",
    [
        (disable, ["failed"] * 5, "UPDATE", 3),
        (remove_endpoint, [], "DELETE FROM", 4),
    ],  # the last deletes with the endpoint
)
def test_disable_and_remove_endpoint_write_deliveries_in_batches(
    endpoint, make_delivery, monkeypatch, verb, left, statement, times
):
    for _ in range(5):
        make_delivery(endpoint)
    monkeypatch.setattr(endpoints, "BATCH_SIZE", 2)

    with CaptureQueriesContext(connection) as captured:
        verb(endpoint)

    assert list(OutboxMessage.objects.values_list("status", flat=True)) == left
    portions = [query["sql"] for query in captured if query["sql"].startswith(f'{statement} "booking_outboxmessage"')]
    assert len(portions) == times


def test_disable_endpoint_keeps_deliveries_of_others(endpoint, receiver, hold_time, at):
    hold_time(at(9))
    run_what_is_due()
    other = create_endpoint(url=receiver.url)
    hold_time(at(10), holder="bob's phone")
    disable(other)
    assert sorted(delivery.status for delivery in endpoint.deliveries.all()) == ["done", "waiting"]
    assert [delivery.status for delivery in other.deliveries.all()] == ["failed"]


def test_enable_endpoint_resets_failures(endpoint):
    WebhookEndpoint.objects.update(
        failing_since=timezone.now() - timedelta(days=9), disabled_at=timezone.now(), disabled_because="It failed."
    )
    enable(endpoint)
    endpoint = reload(endpoint)
    assert (endpoint.failing_since, endpoint.disabled_at, endpoint.disabled_because) == (None, None, "")


def test_disable_endpoint_twice_keeps_first_reason(endpoint):
    disable(endpoint, because="It answered 410.")
    disable(endpoint, because="For five days every delivery failed.")
    assert reload(endpoint).disabled_because == "It answered 410."
    assert OutboxMessage.objects.filter(kind="email.endpoint_disabled").count() == 1


def test_endpoint_disabled_by_staff_sends_no_mail(endpoint):
    disable(endpoint)
    assert not OutboxMessage.objects.exists()


# Test events and redelivery


def test_test_event_reaches_endpoint_not_subscribed_to_it(receiver, endpoint):
    change_endpoint(endpoint, events=["hold.placed"])
    delivery = send_test(endpoint)
    run_what_is_due()
    assert reload(delivery).status == Status.DONE
    assert delivery.payload["type"] == "webhook.test"
    assert delivery.payload["data"] == {"endpoint_id": str(endpoint.pk)}
    assert len(receiver.requests) == 1


def test_redeliver_sends_done_delivery_again(receiver, delivery):
    for times in (1, 2):
        run_what_is_due()
        assert len(receiver.requests) == times
        redeliver(reload(delivery))
        assert reload(delivery).status == Status.WAITING
        assert reload(delivery).done_at is None


def test_redeliver_resets_attempts(listen, endpoint, make_delivery):
    WebhookEndpoint.objects.update(url=listen(answer(500)).url)
    delivery = make_delivery(endpoint, status=Status.FAILED, attempts=10)
    redeliver(delivery)
    run_what_is_due()
    assert (reload(delivery).status, reload(delivery).attempts) == (Status.WAITING, 1)


def test_delivery_in_flight_is_not_redelivered(receiver, delivery):
    [message] = start_what_is_due()
    with nothing_changes(), pytest.raises(AlreadyOnItsWay):
        redeliver(message)


def test_redelivery_to_disabled_endpoint_is_refused(endpoint, delivery):
    disable(endpoint)
    endpoint = reload(endpoint)
    with nothing_changes():
        for again in (
            lambda: redeliver(reload(delivery)),
            lambda: send_test(endpoint),
            lambda: redeliver_failed(endpoint, since=timezone.now() - timedelta(days=1)),
        ):
            with pytest.raises(EndpointDisabled):
                again()


def test_redeliver_failed_sends_failures_since_given_time(endpoint, make_delivery):
    now = timezone.now()
    made = {
        (status, days): make_delivery(endpoint, status=status, created_at=now - timedelta(days=days))
        for status in ("failed", "done", "waiting", "running")
        for days in (1, 3)
    }
    other = create_endpoint(url=endpoint.url)
    make_delivery(other, status="failed")
    assert redeliver_failed(endpoint, since=now - timedelta(days=2)) == 1
    assert {key: reload(delivery).status for key, delivery in made.items()} == {
        (status, days): "waiting" if (status, days) == ("failed", 1) else status for status, days in made
    }
    assert list_delivered_types(other)
    assert other.deliveries.get().status == "failed"


# Concurrent bookings


def test_delete_endpoint_deletes_its_deliveries(endpoint, delivery, receiver):
    [message] = start_what_is_due()
    remove_endpoint(endpoint)
    assert not WebhookEndpoint.objects.exists()
    assert not OutboxMessage.objects.exists()
    queue.settle([queue.attempt(message, HANDLERS[message.kind])])  # it was in flight
    assert not OutboxMessage.objects.exists()
    remove_endpoint(endpoint)


def test_booking_survives_concurrent_endpoint_deletion(elsewhere, endpoint, hold_time, at):
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get()
        booked = elsewhere(hold_time, at(9))
        wait_until(somebody_waits_for_us)
        locked.delete()
    assert isinstance(booked.result(10), Hold)
    assert not OutboxMessage.objects.exists()


def test_endpoint_deletion_survives_concurrent_booking(elsewhere, endpoint, hold_time, at):
    with transaction.atomic():
        hold_time(at(9))
        removed = elsewhere(remove_endpoint, endpoint)
        wait_until(somebody_waits_for_us)
    assert removed.result(10) is None
    assert not WebhookEndpoint.objects.exists()
    assert not OutboxMessage.objects.exists()
    assert Hold.objects.exists()


@pytest.mark.parametrize("change, told", [("description", 1), ("disabled_at", 0), ("events", 0)])
def test_booking_uses_endpoint_state_after_waiting_for_lock(elsewhere, endpoint, hold_time, at, change, told):
    values = {"description": "the surgery", "disabled_at": timezone.now(), "events": ["hold.expired"]}
    with transaction.atomic():
        WebhookEndpoint.objects.select_for_update().get()
        booked = elsewhere(hold_time, at(9))
        wait_until(somebody_waits_for_us)
        WebhookEndpoint.objects.update(**{change: values[change]})
    assert isinstance(booked.result(10), Hold)
    assert OutboxMessage.objects.count() == told


def test_booking_does_not_wait_while_endpoint_is_disabled(elsewhere, endpoint, hold_time, at):
    with transaction.atomic():
        disable(endpoint, because="It answered 410.")
        booked = elsewhere(hold_time, at(9))
        assert isinstance(booked.result(10), Hold)
