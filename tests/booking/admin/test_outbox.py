"""Managers find failed outbox messages and run them again; every page says when messages are held up."""

from datetime import timedelta

import pytest

from booking.models import OutboxMessage
from booking.ops.health import describe_waiting
from scheduling.lib.clock import database_now
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


def test_admin_pages_show_since_when_messages_wait(erin, db):
    assert b"outbox-waiting" not in erin.get(url("booking_hold")).content
    since = database_now() - timedelta(minutes=5)
    OutboxMessage.objects.create(kind="email.appointment_confirmed", due_at=since)

    page = erin.get(url("booking_hold")).content.decode()

    assert f'<p id="outbox-waiting" role="status">{describe_waiting(since)}</p>' in page
