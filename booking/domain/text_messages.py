"""Text messages (SMS): whom the clinic may text, and the one way to have a text sent."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from booking.access.phone_numbers import can_be_texted, get_number_id, is_confirmed
from booking.models import Appointment, OutboxMessage, TextMessage
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.clock import database_now
from scheduling.lib.encrypted_field import encrypt

RETENTION = timedelta(days=90)


def send_text(
    number: str,
    body: str,
    *,
    purpose: str,
    appointment: Appointment | None = None,
    is_proof: bool = False,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> TextMessage | None:
    """Have a text sent after the commit and return its TextMessage; None if that number may not be texted.

    ``number`` is in E.164; ``purpose`` is a TextMessage.Purpose. It goes to a number that is proved, or that staff or
    a program have booked ``appointment`` with. With ``is_proof`` it has a code or link that proves the number: such a
    text may go to any number of an allowed country, but only few a day. It is sent at ``due_at``, by default now,
    and not after ``expires_at``.
    """
    if not can_be_texted(number) or not (is_proof or may_be_texted(number, appointment)):
        return None
    text = TextMessage.objects.create(pk=uuid4(), appointment=appointment, purpose=purpose)
    payload: dict[str, Any] = {"number": encrypt(number), "body": encrypt(body), "is_proof": "yes" if is_proof else ""}
    payload["number_id"] = get_number_id(number)  # for forget_texts, which cannot read the other
    payload |= {"appointment": appointment.pk} if appointment else {}
    payload |= {"expires_at": expires_at.isoformat()} if expires_at else {}
    queue.enqueue(Job.SMS_TEXT, due_at=due_at, id=text.pk, **payload)
    return text


def forget_texts(numbers: Iterable[str]) -> None:
    """Delete the texts to numbers, those that wait to be sent too."""
    ids = [get_number_id(number) for number in numbers]
    OutboxMessage.objects.filter(kind=Job.SMS_TEXT, payload__number_id__in=ids).delete()


def forget_old_texts() -> None:
    """Delete what is known of texts that were sent RETENTION ago."""
    TextMessage.objects.filter(created_at__lt=database_now() - RETENTION).delete()


def may_be_texted(number: str, appointment: Appointment | None) -> bool:
    """Return whether a number is proved, or is that of an appointment that no visitor has typed."""
    is_known = appointment is not None and appointment.attendee_phone == number and not appointment.is_typed
    return is_known or is_confirmed(number)
