"""Celery's tasks, called as functions, and the outbox's handlers."""

from datetime import timedelta

import pytest

from booking import tasks
from booking.models import Heartbeat, OutboxMessage
from booking.outbox import queue
from booking.outbox.handlers import HANDLERS
from scheduling.lib.clock import database_now
from scheduling.models import Calendar
from tests.outbox import run_what_is_due

pytestmark = pytest.mark.django_db


def get_message_state():
    message = OutboxMessage.objects.get()
    return message.status, message.attempts, message.last_error


def test_booking_sends_confirmation_email_when_outbox_runs(book, at, mailoutbox):
    book(at(9))
    assert mailoutbox == []

    run_what_is_due()

    assert [mail.to for mail in mailoutbox] == [["alice@example.org"]]
    assert get_message_state() == ("done", 1, "")


def test_email_that_cannot_be_sent_is_kept_for_retry_and_logs_no_personal_data(book, at, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nothing listens on this port
    book(at(9))

    run_what_is_due()

    assert get_message_state() == ("waiting", 1, "ConnectionRefusedError")
    assert "ConnectionRefusedError" in caplog.text
    assert "alice" not in caplog.text


def test_message_about_missing_appointment_waits_with_its_error():
    queue.enqueue("email.appointment_confirmed", appointment="00000000-0000-0000-0000-000000000000")

    run_what_is_due()

    status, attempts, error = get_message_state()
    assert (status, attempts) == ("waiting", 1)
    assert error == "DoesNotExist"


def test_booking_enqueues_only_jobs_that_have_a_handler(book, at):
    book(at(9))

    assert set(OutboxMessage.objects.values_list("kind", flat=True)) <= set(HANDLERS)


def test_sync_due_calendars_records_error_of_unusable_address(dana):
    calendar = Calendar.objects.create(clinician=dana, name="Own calendar", url="https://127.0.0.1/")

    tasks.sync_due_calendars()

    calendar.refresh_from_db()
    assert calendar.last_error == (
        "That address cannot be used: it must be https on port 443 or 8443, and on the public internet."
    )


def test_forget_old_messages_deletes_finished_message_after_31_days():
    queue.enqueue("email.appointment_confirmed", appointment="of alice")
    OutboxMessage.objects.update(status="done", created_at=database_now() - timedelta(days=31))

    tasks.forget_old_messages()

    assert not OutboxMessage.objects.exists()


def test_beat_task_twice_updates_one_heartbeat():
    before = database_now()

    tasks.beat()
    tasks.beat()

    assert Heartbeat.objects.get().seen_at >= before
