"""RabbitMQ in Redis' place, where RABBITMQ_URL names one."""

import os

import pytest

from booking.models import Heartbeat, OutboxMessage
from booking.outbox import heartbeats
from tests.waiting import wait_until

URL = os.environ.get("RABBITMQ_URL")

pytestmark = pytest.mark.skipif(not URL, reason="RABBITMQ_URL is not set")


def test_rabbitmq_carries_mail_and_beat(clinic, book, at):
    clinic.run_workers(BROKER_URL=URL)

    for hour in (9, 10, 11):
        book(at(hour))

    wait_until(lambda: set(OutboxMessage.objects.values_list("status", flat=True)) == {"done"})
    wait_until(lambda: Heartbeat.objects.count() == len(heartbeats.IDS))
    assert sorted(clinic.mailbox.named()) == sorted(
        f"<{message.pk}@localhost>" for message in OutboxMessage.objects.all()
    )
