"""Managers find failed outbox messages and run them again."""

import pytest

from booking.models import OutboxMessage
from tests.booking.admin.pages import get_rows, list_messages, run_action, url

OUTBOX = "booking_outboxmessage"


@pytest.fixture
def failed(db):
    """A message whose last attempt failed."""
    return OutboxMessage.objects.create(kind="email.x", status="failed", attempts=8, last_error="OSError: no route")


def test_failed_outbox_message_is_found_by_error_and_run_again(morgan, failed):
    done = OutboxMessage.objects.create(kind="email.x", status="done")
    running = OutboxMessage.objects.create(kind="email.x", status="running")

    assert len(get_rows(morgan.get(url(OUTBOX), {"q": "no route", "status__exact": "failed"}))) == 1
    response = run_action(morgan, OUTBOX, "retry", failed, done, running)

    assert sorted(list_messages(response)) == sorted(
        [
            f"{failed} is due now.",
            f"{done} was not run again: it is done.",
            f"{running} was not run again: it is being run.",
        ]
    )
    assert list(OutboxMessage.objects.order_by("status").values_list("status", "attempts")) == [
        ("done", 0),
        ("running", 0),
        ("waiting", 0),
    ]


def test_outbox_messages_are_for_managers_only(erin, failed):
    assert erin.get(url(OUTBOX)).status_code == 403
    assert run_action(erin, OUTBOX, "retry", failed).status_code == 403
    failed.refresh_from_db()
    assert failed.status == "failed"
