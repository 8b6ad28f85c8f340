"""Asking another system for a booking while it is still a hold, without a transaction that waits for the answer.

The hold has the id that the appointment will have, so asking twice books once. In three steps: what is asked is
written down, with a message that takes it back unless an appointment comes of it (booking/answering.py does
that); then the provider is asked; then confirm_hold makes of its Acknowledgement an appointment.
"""

import time
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.domain.audit import get_latest_sequence, record_event
from booking.domain.holds import MustAsk, check_live, confirm_hold
from booking.domain.transitions import ChangedMeanwhile, lock_and_refresh
from booking.integrations.approvers import get_approver
from booking.integrations.approvers.base import Answer, Attendee, NotAnswered
from booking.models import Acknowledgement, Appointment, Event, Hold
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from scheduling.lib.clock import database_now
from scheduling.slots import set_slot_expiry

# A caller that has not come back by then, after its wait, has died.
GRACE = timedelta(seconds=10)
# Between two tries in one wait.
POLL_INTERVAL = 0.25
# So often asking makes a hold last longer: nobody keeps a time by asking for it again and again.
MAX_PROLONGATIONS = 5

Status = Appointment.Status


class ProviderRefused(Exception):
    """The approver declined the booking."""

    message = _("The provider has refused that booking.")


class ProviderUnavailable(Exception):
    """The approver gave no usable answer in time."""

    message = _("The provider has not answered in time.")


class ApprovalTimeouts(NamedTuple):
    """How long a caller waits for an answer: ``sync`` now. With ``is_async`` the appointment is pending after
    that, for as long as ``answer_within`` says (None: as the provider is set)."""

    sync: timedelta = timedelta(seconds=2.5)
    is_async: bool = False
    answer_within: timedelta | None = None


def request_approval(hold, provider, *, patient, actor, attendee=None, timeouts=ApprovalTimeouts()):  # noqa: B008 (it is immutable)
    """Ask the provider whether it agrees to a live hold, and return the Acknowledgement for confirm_hold.

    Takes ``patience.sync``, so call it outside any transaction. ``patient`` and ``attendee`` are as for
    confirm_hold. Returns None for a hold that is confirmed already. Raises ProviderRefused or
    ProviderUnavailable, and then the hold lives on; HoldExpired or HoldNotFound.
    """
    asked = _write_down(hold, provider, timeout=timeouts.sync, actor=actor)
    if asked is None:
        return None
    answer = _answer_of(provider, hold, Attendee.of(patient, attendee), asked, timeouts)
    if answer.status == "refused":
        raise ProviderRefused
    if answer.status != Status.PENDING:
        return Acknowledgement(answer.status, provider, answer.reference, asked=asked)
    if not timeouts.is_async:
        raise ProviderUnavailable
    answer_by = database_now() + (timeouts.answer_within or provider.answer_within)
    return Acknowledgement(
        Status.PENDING, provider, answer.reference, answer_by=min(answer_by, hold.starts_at), asked=asked
    )


def confirm_with_approval(hold, *, timeouts=ApprovalTimeouts(), **details):  # noqa: B008
    """Confirm a hold as confirm_hold does, after asking its provider if there is one to ask.

    Not to be called in a transaction. Raises ProviderRefused and ProviderUnavailable too.
    """
    try:
        return confirm_hold(hold, answer_within=timeouts.answer_within, **details)
    except MustAsk as must:
        known = {name: details[name] for name in ("patient", "actor", "attendee") if name in details}
        acknowledged = request_approval(hold, must.provider, timeouts=timeouts, **known)
    try:
        return confirm_hold(hold, acknowledged=acknowledged, **details)
    except ChangedMeanwhile as error:
        raise ProviderUnavailable from error


@transaction.atomic
def _write_down(hold, provider, *, timeout, actor):
    """Record that the provider is being asked and return the event's sequence; None if it is confirmed already."""
    now = lock_and_refresh(hold)
    if hold.status == Hold.Status.CONFIRMED:
        return None
    check_live(hold, now)
    until = now + timeout + GRACE
    times = Event.objects.filter(booking_id=hold.pk, kind=EventKind.APPROVER_ASKED).count()
    if hold.expires_at < until and times < MAX_PROLONGATIONS:
        hold.expires_at = until
        hold.save(update_fields=["expires_at", "updated_at"])
        set_slot_expiry(hold.slot_id, expires_at=until)
    record_event(hold, EventKind.APPROVER_ASKED, actor=actor, at=now, data={"provider": provider.slug})
    asked = get_latest_sequence(hold.pk)
    queue.enqueue(Job.APPROVER_WITHDRAW, due_at=until, hold=hold.pk, provider=provider.pk, asked=asked)
    return asked


def _answer_of(provider, hold, attendee, asked, timeouts):
    """Return the provider's Answer, pending if it has none by the end of the wait."""
    deadline = time.monotonic() + timeouts.sync.total_seconds()
    while True:
        try:
            answer = get_approver(provider).ask(
                provider, hold, attendee, version=asked, timeout=deadline - time.monotonic()
            )
        except NotAnswered:
            answer = Answer(Status.PENDING)
        is_last = timeouts.is_async or deadline - time.monotonic() < 2 * POLL_INTERVAL
        if answer.status != Status.PENDING or is_last:
            return answer
        time.sleep(POLL_INTERVAL)
