"""Webhook deliveries to real receivers: what is sent, what is stored, and when it is retried."""

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone
from standardwebhooks import Webhook

from booking.integrations.webhooks.delivery import ATTEMPT_DELAYS, RETRY_DELAYS, TIMEOUT, deliver
from booking.integrations.webhooks.endpoints import change_endpoint, create_endpoint, disable, redeliver, rotate_secret
from booking.models import Hold, OutboxMessage, WebhookEndpoint
from booking.outbox import queue
from booking.outbox.handlers import HANDLERS
from booking.outbox.queue import Handler, Status
from scheduling.lib import addresses
from scheduling.lib.safe_http import NotPublic
from tests.outbox import run_what_is_due, start_what_is_due
from tests.receivers import answer, drip, hang, in_turn, reset
from tests.scheduling.lib.test_safe_http import LITERALS, OTHERWISE, nothing_connects
from tests.waiting import assert_time_limit, wait_until

SECOND = timedelta(seconds=1)


@pytest.fixture
def attempt_delivery(listen, endpoint, delivery):
    """Return a function that attempts the delivery once at a receiver with this behaviour and returns its row."""

    def attempt_delivery(behave, *, timeout=TIMEOUT, **options):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url=listen(behave, **options).url)
        handler = Handler(partial(deliver, timeout=timeout), RETRY_DELAYS)
        queue.settle([queue.attempt(message, handler) for message in start_what_is_due()])
        delivery.refresh_from_db()
        endpoint.refresh_from_db()
        return delivery

    return attempt_delivery


def is_tried_again(delivery, *, after):
    wait = (delivery.due_at - timezone.now()).total_seconds()
    assert after.total_seconds() - 5 < wait <= after.total_seconds()
    return delivery.status == Status.WAITING


# Requests


def test_delivery_sends_signed_event(receiver, endpoint, delivery):
    assert run_what_is_due() == 1
    [(method, path, headers, body)] = receiver.requests
    assert (method, path) == ("POST", "/")
    assert Webhook(endpoint.secret).verify(body, dict(headers)) == delivery.payload
    assert dict(headers) == {
        "Host": receiver.netloc,
        "User-Agent": "Holdfast",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": headers["webhook-timestamp"],
        "webhook-signature": headers["webhook-signature"],
    }
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.response_status, delivery.last_error) == ("done", 1, 204, "")
    assert run_what_is_due() == 0


def test_retry_and_redelivery_send_same_id_and_body(listen, endpoint, delivery):
    receiver = listen(in_turn(answer(500), answer(200)))
    change_endpoint(endpoint, url=receiver.url)
    run_what_is_due()
    OutboxMessage.objects.update(due_at=timezone.now())
    run_what_is_due()
    delivery.refresh_from_db()
    redeliver(delivery)
    run_what_is_due()
    assert {(headers["webhook-id"], body) for _, _, headers, body in receiver.requests} == {
        (str(delivery.pk), receiver.requests[0][3])
    }
    assert len(receiver.requests) == 3


def test_delivery_during_rotation_is_signed_with_both_secrets(receiver, endpoint, delivery):
    old = endpoint.secret
    rotate_secret(endpoint)
    run_what_is_due()
    [(_, _, headers, body)] = receiver.requests
    assert endpoint.secret != old
    for secret in (endpoint.secret, old):
        Webhook(secret).verify(body, dict(headers))
    redeliver(delivery)
    WebhookEndpoint.objects.update(old_secret_ends_at=timezone.now())
    run_what_is_due()
    assert [len(headers["webhook-signature"].split()) for _, _, headers, _ in receiver.requests] == [2, 1]


# Answers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivery_answered_with_2xx_succeeds(attempt_delivery, status):
    delivery = attempt_delivery(answer(status, body=b""))
    assert (delivery.status, delivery.response_status, delivery.last_error) == ("done", status, "")


@pytest.mark.parametrize("status", [101, 300, 301, 302, 307, 308, 400, 401, 404, 409, 422, 429, 500, 502, 503, 999])
def test_delivery_answered_with_other_status_is_retried(attempt_delivery, endpoint, status):
    delivery = attempt_delivery(answer(status))
    assert (delivery.response_status, delivery.last_error) == (status, f"HTTP {status}")
    assert is_tried_again(delivery, after=5 * SECOND)
    assert endpoint.failing_since


def test_redirect_to_private_address_is_not_followed(attempt_delivery, listen, settings):
    secret = listen(answer(200))
    settings.PRIVATE_HOSTS = []
    delivery = attempt_delivery(answer(307, Location=secret.url))
    assert (delivery.response_status, delivery.last_error) == (307, "HTTP 307")
    assert secret.connections == 0


FAILING = {
    "hangs": (hang, "no answer in time"),
    "drips": (drip([b"HTTP/1.1 200 OK\r\n"], b"X: y\r\n", every=0.02), "no answer in time"),
    "resets": (reset, "ConnectionResetError"),
    "says nothing": (drip([], None), "RemoteDisconnected"),
    "speaks another language": (drip([b"220 mail.example ESMTP\r\n"], None), "BadStatusLine"),
}


@pytest.mark.parametrize("behave, error", FAILING.values(), ids=FAILING)
def test_delivery_without_answer_is_retried(attempt_delivery, endpoint, behave, error):
    with assert_time_limit(0.4):
        delivery = attempt_delivery(behave, timeout=0.4)
    assert (delivery.response_status, delivery.last_error) == (None, error)
    assert is_tried_again(delivery, after=5 * SECOND)
    assert endpoint.failing_since


def test_delivery_to_closed_port_is_retried(attempt_delivery, endpoint, settings):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        netloc = f"127.0.0.1:{nobody.getsockname()[1]}"
        settings.PRIVATE_HOSTS = [netloc]
        WebhookEndpoint.objects.update(url=f"http://{netloc}/")
        run_what_is_due()
    delivery = OutboxMessage.objects.get()
    assert delivery.last_error == "ConnectionRefusedError"
    assert is_tried_again(delivery, after=5 * SECOND)


def test_slow_answer_is_success(attempt_delivery):
    delivery = attempt_delivery(answer(200, after=1))
    assert (delivery.status, delivery.response_status) == ("done", 200)
    assert TIMEOUT == 15


def test_answer_of_50_mb_is_neither_read_nor_stored(attempt_delivery, endpoint):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"
    delivery = attempt_delivery(drip([head], b"alice@example.org" * 4_096, times=718))
    assert (delivery.status, delivery.response_status, delivery.last_error) == ("done", 200, "")


@pytest.mark.parametrize("rest", [b"", b"x"])
def test_delivery_does_not_wait_for_answer_body(attempt_delivery, rest):
    delivery = attempt_delivery(drip([b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], rest, every=0.02), timeout=5)
    assert (delivery.status, delivery.response_status) == ("done", 200)


def test_failed_delivery_stores_and_logs_only_answer_status(attempt_delivery, caplog):
    attempt_delivery(answer(500, body=b"alice@example.org is unknown", X_Patient="alice@example.org"))
    assert "alice" not in str(OutboxMessage.objects.values_list().get())
    assert "alice" not in caplog.text
    assert "HTTP 500" in caplog.text


def test_delivery_fails_after_ten_attempts(attempt_delivery, delivery):
    waits = []
    for wait in RETRY_DELAYS:
        assert is_tried_again(attempt_delivery(answer(500)), after=wait)
        waits.append(wait)
        OutboxMessage.objects.update(due_at=timezone.now())
    assert attempt_delivery(answer(500)).status == Status.FAILED
    assert delivery.attempts == len(ATTEMPT_DELAYS) == 10
    assert [str(tried) for tried in ATTEMPT_DELAYS] == [
        "0:00:00",
        "0:00:05",
        "0:05:00",
        "0:30:00",
        "2:00:00",
        "5:00:00",
        "10:00:00",
        "14:00:00",
        "20:00:00",
        "1 day, 0:00:00",
    ]
    assert run_what_is_due() == 0


# Retry-After


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked, seconds", [("120", 120), ("0", 5), ("3", 5), ("86400", 86_400), ("999999999", 86_400)])
def test_retry_after_of_overloaded_receiver_is_respected(attempt_delivery, status, asked, seconds):
    assert is_tried_again(attempt_delivery(answer(status, Retry_After=asked)), after=seconds * SECOND)


@pytest.mark.parametrize("hours, seconds", [(1, 3_600), (-1, 5), (48, 86_400)])
def test_retry_after_may_be_a_date(attempt_delivery, hours, seconds):
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    assert is_tried_again(attempt_delivery(answer(503, Retry_After=moment)), after=seconds * SECOND)


@pytest.mark.parametrize(
    "asked",
    ["", "soon", "-5", "1.5", "1e3", "٣٠", "Mon, 30 Mar 2026", "Mon, 30 Mar 99999999999 08:00:00 GMT", "9" * 5000],
)
def test_malformed_retry_after_is_ignored(attempt_delivery, asked):
    assert is_tried_again(attempt_delivery(answer(503, Retry_After=asked)), after=5 * SECOND)


def test_retry_after_of_other_status_is_ignored(attempt_delivery):
    assert is_tried_again(attempt_delivery(answer(500, Retry_After="3600")), after=5 * SECOND)


# Endpoints that keep failing


@pytest.fixture
def morgan(db):
    """Return Morgan, the active manager, who is notified; add others, who are not."""
    for name, group, is_active in [("morgan", "manager", True), ("max", "manager", False), ("erin", "reception", True)]:
        user = User.objects.create_user(name, f"{name}@clinic.example", is_staff=True, is_active=is_active)
        user.groups.add(Group.objects.get(name=group))
    return User.objects.get(username="morgan")


def test_answer_410_disables_endpoint_and_notifies_staff(attempt_delivery, endpoint, make_delivery, morgan):
    others = [make_delivery(endpoint, due_at=timezone.now() + timedelta(hours=1)) for _ in range(3)]
    delivery = attempt_delivery(answer(410))
    assert (delivery.status, delivery.response_status, delivery.last_error) == ("failed", 410, "HTTP 410")
    assert endpoint.disabled_at
    assert endpoint.disabled_because == "It answered 410: it wants no more."
    run_what_is_due()
    [message] = mail.outbox
    assert message.to == ["morgan@clinic.example"]
    told = OutboxMessage.objects.get(kind="email.endpoint_disabled")
    assert message.extra_headers == {"Message-ID": f"<{told.pk}@localhost>", "Auto-Submitted": "auto-generated"}
    assert message.subject == "Webhook endpoint disabled: Bob's practice"
    assert "It answered 410: it wants no more." in message.body
    assert endpoint.secret not in message.body
    assert endpoint.url not in message.body
    OutboxMessage.objects.filter(pk__in=[other.pk for other in others]).update(due_at=timezone.now())
    run_what_is_due()
    assert {other.last_error for other in endpoint.deliveries.all()} == {"HTTP 410", "its endpoint is disabled"}
    assert {other.status for other in endpoint.deliveries.all()} == {"failed"}


def test_five_days_of_failures_disable_endpoint(attempt_delivery, endpoint, morgan):
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5) + timedelta(minutes=1))
    attempt_delivery(answer(500))
    assert not endpoint.disabled_at
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5))
    OutboxMessage.objects.update(due_at=timezone.now())
    attempt_delivery(answer(500))
    assert endpoint.disabled_at
    run_what_is_due()
    assert ["For five days every delivery failed." in message.body for message in mail.outbox] == [True]


def test_success_within_five_days_keeps_endpoint_enabled(attempt_delivery, endpoint, delivery):
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=6))
    attempt_delivery(answer(200))
    assert endpoint.failing_since is None
    redeliver(delivery)
    attempt_delivery(answer(500))
    assert not endpoint.disabled_at


def test_success_during_failing_delivery_keeps_endpoint_enabled(endpoint, delivery, listen):
    receiver = listen(answer(500))
    WebhookEndpoint.objects.update(url=receiver.url, failing_since=timezone.now() - timedelta(days=6))
    [message] = start_what_is_due()
    WebhookEndpoint.objects.update(failing_since=None)  # another delivery has arrived
    queue.settle([queue.attempt(message, HANDLERS[message.kind])])
    endpoint.refresh_from_db()
    assert not endpoint.disabled_at


def test_concurrent_failures_disable_endpoint_and_notify_once(endpoint, make_delivery, listen, morgan):
    WebhookEndpoint.objects.update(url=listen(answer(410)).url)
    for _ in range(5):
        make_delivery(endpoint)
    assert run_what_is_due() == 5
    assert OutboxMessage.objects.filter(kind="email.endpoint_disabled").count() == 1


def test_staff_are_not_told_of_endpoint_enabled_again(attempt_delivery, endpoint, morgan):
    attempt_delivery(answer(410))
    WebhookEndpoint.objects.update(disabled_at=None)
    run_what_is_due()
    assert mail.outbox == []


def test_disabled_endpoint_gets_no_delivery(receiver, endpoint, delivery):
    disable(endpoint)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.last_error, delivery.response_status) == (
        "failed",
        "its endpoint is disabled",
        None,
    )
    assert run_what_is_due() == 0
    assert receiver.connections == 0


def test_delivery_in_flight_when_endpoint_is_disabled_is_not_sent(receiver, endpoint, delivery):
    disable(endpoint)
    OutboxMessage.objects.update(status="waiting", last_error="")
    assert run_what_is_due() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.last_error) == ("failed", "its endpoint is disabled")
    assert receiver.connections == 0


# Addresses


def test_endpoint_address_is_checked_at_each_delivery(settings, receiver, endpoint, delivery):
    settings.PRIVATE_HOSTS = []  # the host's address is private now
    run_what_is_due()
    delivery.refresh_from_db()
    assert delivery.last_error == "its address is not public"
    assert is_tried_again(delivery, after=5 * SECOND)
    assert receiver.connections == 0


def test_endpoint_on_refused_port_says_so_in_its_delivery(settings, receiver, endpoint, delivery):
    settings.PRIVATE_HOSTS = []
    WebhookEndpoint.objects.update(url="https://practice.example:9000/hooks")  # as it was stored before
    run_what_is_due()
    delivery.refresh_from_db()
    assert delivery.last_error == "port 9000 is not in use: only 443, 8443 and PRIVATE_HOSTS are"
    assert is_tried_again(delivery, after=5 * SECOND)
    assert receiver.connections == 0


def test_delivery_to_private_address_is_not_sent(settings, endpoint, delivery, receiver, monkeypatch):
    settings.PRIVATE_HOSTS = []
    monkeypatch.setattr(addresses, "PUBLIC_PORTS", range(65536))
    [message] = start_what_is_due()
    with nothing_connects():
        for address in LITERALS + OTHERWISE:
            message.endpoint.url = address.format(port=receiver.port)
            with pytest.raises(queue.RetryLater, match="its address is not public"):
                deliver(message, timeout=10)
            with pytest.raises((NotPublic, ValidationError)):
                create_endpoint(url=message.endpoint.url)
    assert receiver.connections == 0
    assert WebhookEndpoint.objects.count() == 1


def test_event_unknown_to_format_is_done_without_request(monkeypatch, receiver, delivery):
    from booking.integrations.webhooks.formats import FORMATS

    monkeypatch.setitem(FORMATS, "holdfast", lambda message: None)
    run_what_is_due()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.response_status) == ("done", None)
    assert receiver.connections == 0


# Queries


def test_successful_delivery_costs_no_query(django_assert_num_queries, delivery):
    [message] = start_what_is_due()
    with django_assert_num_queries(0):
        HANDLERS[message.kind].run(message)


def test_failed_delivery_costs_one_query(django_assert_num_queries, delivery, listen):
    WebhookEndpoint.objects.update(url=listen(answer(500)).url)
    [message] = start_what_is_due()
    with django_assert_num_queries(1), pytest.raises(queue.RetryLater):
        HANDLERS[message.kind].run(message)


# From the booking to the receiver


@pytest.mark.django_db(transaction=True)
def test_event_reaches_receiver(receiver, endpoint, book, at):
    appointment = book(at(9))
    run_what_is_due()
    wait_until(lambda: len(receiver.requests) == 3)
    bodies = sorted((json.loads(body) for _, _, _, body in receiver.requests), key=lambda body: body["type"])
    start, end = at(9).isoformat(), at(9, 30).isoformat()
    where = {
        "id": str(appointment.pk),
        "appointment_type_id": str(appointment.service_id),
        "clinician_id": str(appointment.clinician_id),
        "location_id": str(appointment.location_id),
        "start_time": start,
        "end_time": end,
        "is_remote": False,
    }
    assert [(body["type"], body["data"]) for body in bodies] == [
        (
            "appointment.created",
            where
            | {
                "status": "confirmed",
                "patient_id": str(appointment.patient_id),
                "order_id": None,
                "sequence": 3,
            },
        ),
        (
            "hold.placed",
            where
            | {
                "status": "active",
                "expires_at": Hold.objects.get().expires_at.isoformat(),
                "sequence": 1,
            },
        ),
        ("patient.created", {"id": str(appointment.patient_id), "sequence": 1}),
    ]
    assert b"lice" not in b"".join(body for _, _, _, body in receiver.requests)
