"""Keeping an approver's system in line with ours: asking again, withdrawing, and applying what it decides later.

What is sent is always the present state, with a version that grows. So it does not matter how often a message is
run, nor in which order two of them arrive.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction

from booking.domain.appointments import (
    TooEarly,
    acknowledge,
    cancel,
    check_begun,
    complete,
    decline,
    mark_arrived,
    mark_no_show,
)
from booking.domain.audit import get_latest_sequence, record_event
from booking.domain.transitions import ChangedMeanwhile, WrongState, lock_and_refresh
from booking.integrations.approvers import get_approver
from booking.integrations.approvers.base import Attendee, NotAnswered, Request
from booking.models import Appointment, Event, Hold, OutboxMessage, Provider
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from scheduling.lib.clock import database_now

TIMEOUT = 10.0  # seconds that a worker waits for an answer
# Between the tries while an appointment is pending; the last repeats, and one more comes just before the deadline.
ASK_INTERVALS = [timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30, 60)]
SAFETY_MARGIN = timedelta(seconds=5)

Status = Appointment.Status
REFUSED, ENDS_OF_REFUSAL = EventKind.APPROVER_REFUSED, [EventKind.APPROVER_AGREED, EventKind.APPOINTMENT_RESCHEDULED]
ACKNOWLEDGED = (Status.CONFIRMED, Status.RESERVED)


def sync(message: OutboxMessage) -> None:
    """Bring the approver in line with an appointment: ask for one that stands, withdraw one that is cancelled.

    Raises RetryLater or PermanentError.
    """
    # The version first: what is read after it is at least as new.
    version = get_latest_sequence(message.payload["appointment"])
    related = ("service", "clinician", "location", "patient", "order", "provider")
    appointment = Appointment.objects.select_related(*related).get(pk=message.payload["appointment"])
    if appointment.status == Status.CANCELLED:
        _withdraw_booking(message, appointment.provider, appointment.pk, version)
    elif appointment.status in Appointment.UPCOMING:
        _ask_again(message, appointment, version)


def withdraw(message: OutboxMessage) -> None:
    """Withdraw what an approver was asked for, unless an appointment came of it; runs obtain_approval's message."""
    hold = Hold.objects.select_related("location").get(pk=message.payload["hold"])
    provider = Provider.objects.get(pk=message.payload["provider"])
    version = _record_withdrawal(hold, provider, asked=int(message.payload["asked"]))
    if version:
        _withdraw_booking(message, provider, hold.pk, version)


def forget(message: OutboxMessage) -> None:
    """Have an approver erase who came to an erased patient's appointment; raises RetryLater or PermanentError."""
    appointment = Appointment.objects.select_related("provider").get(pk=message.payload["appointment"])
    approver, version = get_approver(appointment.provider), get_latest_sequence(appointment.pk)
    provider: Any = appointment.provider  # it had one when the message was written, and keeps it
    try:
        approver.forget(provider, appointment.pk, version=version, timeout=TIMEOUT)
    except NotAnswered as error:
        _retry_later(message, error)


@transaction.atomic
def _record_withdrawal(hold, provider, *, asked):
    """Record a withdrawal and return its sequence, or None if there is nothing to withdraw."""
    now = lock_and_refresh(hold)
    # The hold may have been moved since, and be an appointment that another approver, or nobody, had to approve.
    if Appointment.objects.filter(pk=hold.pk, provider=provider).exists():
        return None
    since = Event.objects.filter(subject_id=hold.pk, sequence__gt=asked, data__provider=provider.slug)
    if since.filter(kind=EventKind.APPROVER_ASKED).exists():  # its own message withdraws that
        return None
    if not since.filter(kind=EventKind.APPROVER_WITHDRAWN).exists():
        # A caller that was only slow finds this event, and books nothing.
        record_event(hold, EventKind.APPROVER_WITHDRAWN, actor="worker", at=now, data={"provider": provider.slug})
    return since.filter(kind=EventKind.APPROVER_WITHDRAWN).values_list("sequence", flat=True).get()


def _withdraw_booking(message, provider, booking_id, version):
    try:
        get_approver(provider).withdraw(provider, booking_id, version=version, timeout=TIMEOUT)
    except NotAnswered as error:
        _retry_later(message, error)


def _ask_again(message, appointment, version):
    attendee = Attendee.from_patient(
        appointment.patient,
        {
            "name": appointment.attendee_name,
            "email": appointment.attendee_email,
            "phone": appointment.attendee_phone,
        },
    )
    try:
        request = Request(appointment, attendee, version=version)
        answer = get_approver(appointment.provider).ask(appointment.provider, request, timeout=TIMEOUT)
    except NotAnswered as error:
        if appointment.status == Status.PENDING:
            _ask_again_soon(message, appointment, error)
        else:
            _retry_later(message, error)
        return
    actor, is_pending = get_actor_name(appointment.provider), appointment.status == Status.PENDING
    try:
        if answer.status in ACKNOWLEDGED:
            _agree(
                appointment,
                answer.status,
                actor=actor,
                reference=answer.reference,
                expected_version=appointment.updated_at,
            )
        elif answer.status == "refused":
            _refuse(appointment, actor=actor, expected_version=appointment.updated_at)
            if not is_pending:
                raise queue.PermanentError("The provider refuses what we have: somebody has to talk to them.")
        elif is_pending:
            _ask_again_soon(message, appointment, "not decided yet")
    except ChangedMeanwhile as error:  # the answer is to an earlier state
        raise queue.RetryLater("changed meanwhile", after=ASK_INTERVALS[0]) from error
    except WrongState:
        pass  # it was cancelled since, with a message of its own


@transaction.atomic
def _agree(appointment, status, *, actor, reference, expected_version):
    """Acknowledge what the approver agrees to; if it had refused the same time, record that it no longer does."""
    acknowledge(appointment, status, actor=actor, reference=reference, expected_version=expected_version)
    if _is_refused(appointment):
        _record_answer(appointment, EventKind.APPROVER_AGREED, actor=actor, at=database_now())


@transaction.atomic
def _refuse(appointment, *, actor, expected_version=None):
    """Decline a pending appointment that the approver refuses; one that stood stays, and staff are told."""
    now = lock_and_refresh(appointment, expected_version=expected_version)
    if appointment.status == Status.PENDING:
        decline(appointment, actor=actor)
    elif appointment.status in Appointment.UPCOMING and not _is_refused(appointment):
        _record_answer(appointment, REFUSED, actor=actor, at=now)
        queue.enqueue(Job.EMAIL_CHANGE_REFUSED, appointment=appointment.pk)


def _record_answer(appointment, kind, *, actor, at, data=None):
    """Record what changes nothing of an appointment but its events, which are read with it."""
    appointment.save(update_fields=["updated_at"])
    record_event(appointment, kind, actor=actor, at=at, data=data)


def _is_refused(appointment):
    """Return whether the approver has refused the present time, and not agreed since."""
    said = Event.objects.filter(subject_id=appointment.pk, kind__in=[REFUSED, *ENDS_OF_REFUSAL])
    return said.order_by("-sequence").values_list("kind", flat=True).first() == REFUSED


def _ask_again_soon(message, appointment, reason):
    """Raise RetryLater while there is time; after that cancel_unanswered ends it."""
    wait, left = ASK_INTERVALS[min(message.attempts, len(ASK_INTERVALS)) - 1], appointment.answer_by - database_now()
    if left > SAFETY_MARGIN:
        raise queue.RetryLater(str(reason), after=min(wait, left - SAFETY_MARGIN))


def _retry_later(message, reason):
    if message.attempts > len(queue.BACKOFF):
        raise queue.PermanentError(str(reason))
    raise queue.RetryLater(str(reason), after=queue.BACKOFF[message.attempts - 1])


MARKS = {"in_progress": mark_arrived, "completed": complete, "no_show": mark_no_show}
DECISIONS = ["confirmed", "reserved", "refused", "cancelled", *MARKS]


def apply_decision(appointment: Appointment, status: str, *, reference: str = "", version: int | None = None) -> None:
    """Apply what an approver has decided later, by itself; ``status`` is one of DECISIONS.

    A decision that is repeated, late or out of order changes nothing, nor does one that answers a ``version`` from
    before the appointment was last rescheduled. What became of a visit that has not begun is ignored, with an event.
    """
    actor = get_actor_name(appointment.provider)  # pyright: ignore[reportArgumentType]
    try:
        while not _is_outdated(appointment, version):
            try:
                _apply(appointment, status, reference, actor)
                break
            except ChangedMeanwhile:  # perhaps to another time, since it was read
                appointment.refresh_from_db()
    except WrongState:
        appointment.refresh_from_db()
    except TooEarly:
        _ignore(appointment, status, actor=actor)
    if appointment.status == Status.CANCELLED and status not in ("refused", "cancelled"):
        queue.enqueue(Job.APPROVER_SYNC, appointment=appointment.pk)  # the approver seems not to know


def _is_outdated(appointment, version):
    moved = Event.objects.filter(subject_id=appointment.pk, kind=EventKind.APPOINTMENT_RESCHEDULED)
    return version is not None and moved.filter(sequence__gt=version).exists()


def _apply(appointment, status, reference, actor):
    unchanged = {"actor": actor, "expected_version": appointment.updated_at}
    if status == "refused":
        _refuse(appointment, **unchanged)
    elif status == "cancelled":
        cancel(appointment, reason=Appointment.CancellationReason.DECLINED, **unchanged)
    elif status in ACKNOWLEDGED:
        _agree(appointment, status, reference=reference, **unchanged)
    else:
        # Who tries things out with a stand-in does not wait for the day.
        enforce_start = not get_approver(appointment.provider).is_stand_in
        if appointment.status in Appointment.TENTATIVE:  # a patient who came had been confirmed
            if enforce_start:
                check_begun(appointment, status, database_now())
            acknowledge(appointment, Status.CONFIRMED, reference=reference, **unchanged)
        unchanged["expected_version"] = appointment.updated_at
        MARKS[status](appointment, enforce_start=enforce_start, **unchanged)


@transaction.atomic
def _ignore(appointment, status, *, actor):
    """Record once that an approver said too early what became of the visit."""
    appointment.refresh_from_db()
    now, data = lock_and_refresh(appointment), {"status": status}
    latest = Event.objects.filter(subject_id=appointment.pk).order_by("-sequence").first()
    if latest is None or (latest.kind, latest.data) != (EventKind.APPROVER_IGNORED, data):
        _record_answer(appointment, EventKind.APPROVER_IGNORED, actor=actor, at=now, data=data)


def get_actor_name(provider: Provider) -> str:
    """Return how events name a provider that did something."""
    return f"provider:{provider.slug}"
