"""Receivers that accept connections and never answer do not delay deliveries to others."""

from booking.access.signatures import make_secret
from booking.models import Heartbeat, OutboxMessage, WebhookEndpoint
from booking.outbox.relay import SLOW_ROOM
from tests.receivers import Receiver, answer, hang
from tests.waiting import GRACE, wait_until

PROMPT_SECONDS = 5 + GRACE  # seconds


def test_mail_and_other_endpoints_do_not_wait_for_endpoints_that_hang(clinic, book, at):
    with Receiver(hang) as silent, Receiver(answer(204, body=b"")) as receiver:
        clinic.run_workers(PRIVATE_HOSTS=f"{silent.netloc},{receiver.netloc}")
        wait_until(Heartbeat.objects.exists)
        alive = create_endpoint(receiver)
        write(alive, 1)
        wait_until(lambda: receiver.requests)
        for hour, number in ((9, 2), (10, 2 * SLOW_ROOM)):  # a few, then more than there is room for
            arrived, mailed = len(receiver.requests), len(clinic.mailbox.accepted)
            for endpoint in [create_endpoint(silent) for _ in range(number)]:
                write(endpoint, 50)
            wait_until(lambda: silent.connections >= min(number, SLOW_ROOM))  # noqa: B023

            write(alive, 100)
            book(at(hour))

            wait_until(
                lambda: len(receiver.requests) >= arrived + 100 and len(clinic.mailbox.accepted) > mailed,  # noqa: B023
                timeout=PROMPT_SECONDS,
            )
            assert OutboxMessage.objects.filter(status="running").exclude(endpoint=alive).exists()


def create_endpoint(receiver):
    return WebhookEndpoint.objects.create(url=receiver.url, secret=make_secret(), events=["patient.merged"])


def write(endpoint, number):
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="webhook.event", endpoint=endpoint, payload={"type": "hold.placed", "data": {}})
        for _ in range(number)
    )
