"""Receivers that accept connections and never answer do not delay deliveries to others."""

import pytest

from booking.access.signatures import make_secret
from booking.models import Heartbeat, OutboxMessage, WebhookEndpoint
from booking.outbox.relay import SLOW_ROOM
from tests.receivers import Receiver, answer, hang
from tests.waiting import GRACE, wait_until

PROMPT_SECONDS = 5 + GRACE  # seconds


@pytest.mark.parametrize("number", [2, 2 * SLOW_ROOM])
def test_mail_and_other_endpoints_do_not_wait_for_endpoints_that_hang(number, clinic, book, at):
    with Receiver(hang) as silent, Receiver(answer(204, body=b"")) as receiver:
        clinic.run_workers(PRIVATE_HOSTS=f"{silent.netloc},{receiver.netloc}")
        wait_until(Heartbeat.objects.exists)
        alive = create_endpoint(receiver)
        write(alive, 1)
        wait_until(lambda: receiver.requests)
        for endpoint in [create_endpoint(silent) for _ in range(number)]:
            write(endpoint, 50)
        wait_until(lambda: silent.connections >= min(number, SLOW_ROOM))

        write(alive, 100)
        book(at(9))

        wait_until(lambda: len(receiver.requests) > 100 and clinic.mailbox.accepted, timeout=PROMPT_SECONDS)
        assert OutboxMessage.objects.filter(status="running").exclude(endpoint=alive).exists()


def create_endpoint(receiver):
    return WebhookEndpoint.objects.create(url=receiver.url, secret=make_secret(), events=["patient.merged"])


def write(endpoint, number):
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="webhook.event", endpoint=endpoint, payload={"type": "hold.placed", "data": {}})
        for _ in range(number)
    )
