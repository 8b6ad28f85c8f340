"""What Celery runs, called as functions: the thin layer between the outbox and the handlers."""

import pytest

from booking import outbox, tasks
from booking.messages import HANDLERS
from booking.models import Heartbeat, Hold, OutboxMessage
from scheduling.slots import database_now
from tests.ledger import lapse, nothing_changes

pytestmark = pytest.mark.django_db


def state():
    message = OutboxMessage.objects.get()
    return message.status, message.attempts, message.last_error


def run_what_is_due():
    for message_id in outbox.claim_due():
        tasks.run_message(str(message_id))


def test_a_booking_is_followed_by_its_mail(book, at, mailoutbox):
    book(at(9))
    assert mailoutbox == []

    run_what_is_due()

    assert [mail.to for mail in mailoutbox] == [["alice@example.org"]]
    assert state() == ("done", 1, "")


def test_a_message_delivered_twice_is_sent_once(book, at, mailoutbox):
    book(at(9))
    [message_id] = outbox.claim_due()
    tasks.run_message(str(message_id))

    with nothing_changes():
        tasks.run_message(str(message_id))

    assert len(mailoutbox) == 1


def test_a_message_that_cannot_be_sent_is_kept_for_later_without_personal_data_in_the_log(book, at, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    book(at(9))

    run_what_is_due()

    assert state() == ("waiting", 1, "ConnectionRefusedError")
    assert "ConnectionRefusedError" in caplog.text
    assert "alice" not in caplog.text


def test_an_unknown_kind_of_message_fails_visibly():
    outbox.enqueue("pigeon.sent", appointment="of alice")

    run_what_is_due()

    assert state() == ("waiting", 1, "KeyError")


def test_a_message_about_nothing_fails_visibly():
    outbox.enqueue("email.appointment_confirmed", appointment="00000000-0000-0000-0000-000000000000")

    run_what_is_due()

    status, attempts, error = state()
    assert (status, attempts) == ("waiting", 1)
    assert error == "DoesNotExist"


@pytest.mark.parametrize("message_id", ["00000000-0000-0000-0000-000000000000"])
def test_a_message_that_was_deleted_is_nothing_to_do(message_id):
    tasks.run_message(message_id)


def test_every_kind_of_message_that_is_written_has_a_handler(book, at):
    book(at(9))

    assert set(OutboxMessage.objects.values_list("kind", flat=True)) <= set(HANDLERS)


def test_the_sweeper_is_a_task(hold_time, at):
    lapse(hold_time(at(9)))

    tasks.expire_holds()

    assert Hold.objects.get().status == "expired"


def test_each_beat_is_written_down():
    before = database_now()

    tasks.beat()
    tasks.beat()

    assert Heartbeat.objects.get().seen_at >= before
