"""Asking another system to approve a booking while its time is still held.

The hold has the id that the appointment will have, so asking twice books once. In three steps, none of which waits
for an answer in a transaction: what is asked is recorded, with a message that withdraws it unless an appointment
comes of it (approval_sync runs that); the approver is asked; confirm_hold makes an appointment of the Approval.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.domain.audit import get_latest_sequence, record_event
from booking.domain.scarcity import get_verification
from booking.domain.transitions import check_live, lock_and_refresh
from booking.integrations.approvers import get_approver, get_provider, was_any_remote
from booking.integrations.approvers.base import Answer, Attendee, NotAnswered, Request
from booking.models import Acknowledgement, Appointment, Event, Hold, Provider
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.slots import set_slot_expiry

GRACE = timedelta(seconds=10)  # a caller that is not back this long after its timeout has crashed
POLL_INTERVAL = 0.25  # seconds between two tries within one timeout
# So often asking extends a hold: nobody keeps a time by asking for it again and again.
MAX_PROLONGATIONS = 5

Status = Appointment.Status


class ProviderRefused(Exception):
    """The approver declined the booking."""

    message = _("The provider has refused that booking.")


class ProviderUnavailable(Exception):
    """The approver gave no usable answer in time."""

    message = _("The provider has not answered in time.")


@dataclass(frozen=True)
class ApprovalTimeouts:
    """How long a caller waits for an answer: ``sync`` now. With ``is_async`` the appointment is pending after
    that, for as long as ``answer_within`` says (None: as the provider is set)."""

    sync: timedelta = timedelta(seconds=2.5)
    is_async: bool = False
    answer_within: timedelta | None = None


@dataclass(frozen=True)
class Approval:
    """Who is responsible for a booking (None: the clinic itself) and, where that is another system, what it said.

    With ``is_open`` it is somebody at the clinic, and confirm_hold finds out who, once the location is chosen.
    """

    provider: Provider | None = None
    acknowledgement: Acknowledgement | None = None
    is_open: bool = False


DEFAULT_TIMEOUTS = ApprovalTimeouts()


def obtain_approval(
    hold: Hold,
    *,
    patient: Patient,
    actor: str,
    attendee: dict | None = None,
    timeouts: ApprovalTimeouts = DEFAULT_TIMEOUTS,
) -> Approval:
    """Return the Approval for confirm_hold of a live hold, asking for it where another system must approve.

    Takes up to ``timeouts.sync``: call it outside any transaction. ``patient`` and ``attendee`` are as for
    confirm_hold. Asks nobody for a hold that is confirmed already, nor for a booking that has to be verified first:
    verify_appointment does then. Raises ProviderRefused or ProviderUnavailable, and
    then the hold lives on; HoldExpired or HoldNotFound.
    """
    if not was_any_remote():
        return Approval(is_open=True)
    provider = get_provider(hold.service_id, hold.location_id)
    must_verify = get_verification(hold, attendee or patient.contact) == Appointment.Verification.REQUIRED
    if must_verify or not get_approver(provider).is_remote:
        return Approval(provider)
    return Approval(provider, _ask(hold, provider, Attendee.from_patient(patient, attendee), timeouts, actor))


def check_approval(approval: Approval, hold: Hold) -> None:
    """Raise ProviderUnavailable if what another system approved is no longer what is booked, or not its to approve.

    Call it under the clinician's lock. What it approved is then withdrawn by the message that asking has left.
    """
    if get_provider(hold.service_id, hold.location_id) != approval.provider or _is_void(approval.acknowledgement, hold):
        raise ProviderUnavailable


def _is_void(acknowledgement, hold):
    since = Event.objects.filter(subject_id=hold.pk, sequence__gt=acknowledgement.asked)
    is_withdrawn = Q(kind=EventKind.APPROVER_WITHDRAWN, data__provider=acknowledgement.provider.slug)
    return since.filter(is_withdrawn | Q(kind=EventKind.HOLD_MOVED)).exists()


def withdraw_soon(hold: Hold) -> None:
    """Withdraw a hold's request from its approver now: the next claim on the time may ask for it too."""
    asked = Event.objects.filter(subject_id=hold.pk, kind=EventKind.APPROVER_ASKED).order_by("-sequence").first()
    if asked:
        provider = Provider.objects.get(slug=asked.data["provider"])
        queue.enqueue(Job.APPROVER_WITHDRAW, hold=hold.pk, provider=provider.pk, asked=asked.sequence)


def _ask(hold, provider, attendee, timeouts, actor):
    """Return the provider's Acknowledgement of a hold; None for one that is confirmed already."""
    asked = _record_asking(hold, provider, timeout=timeouts.sync, actor=actor)
    if asked is None:
        return None
    answer = _poll_answer(provider, Request(hold, attendee, version=asked), timeouts)
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


@transaction.atomic
def _record_asking(hold, provider, *, timeout, actor):
    """Record that the provider is being asked and return the event's sequence; None if it is confirmed already."""
    now = lock_and_refresh(hold)
    if hold.status == Hold.Status.CONFIRMED:
        return None
    check_live(hold, now)
    until = min(now + timeout + GRACE, hold.starts_at)
    times = Event.objects.filter(subject_id=hold.pk, kind=EventKind.APPROVER_ASKED).count()
    if hold.expires_at < until and times < MAX_PROLONGATIONS:
        hold.expires_at = until
        hold.save(update_fields=["expires_at", "updated_at"])
        set_slot_expiry(hold.slot_id, expires_at=until)
    record_event(hold, EventKind.APPROVER_ASKED, actor=actor, at=now, data={"provider": provider.slug})
    asked = get_latest_sequence(hold.pk)
    queue.enqueue(Job.APPROVER_WITHDRAW, due_at=until, hold=hold.pk, provider=provider.pk, asked=asked)
    return asked


def _poll_answer(provider, request, timeouts):
    """Return the provider's Answer, pending if it has none by the end of the timeout."""
    approver, deadline = get_approver(provider), time.monotonic() + timeouts.sync.total_seconds()
    while True:
        try:
            answer = approver.ask(provider, request, timeout=deadline - time.monotonic())
        except NotAnswered:
            answer = Answer(Status.PENDING)
        is_last = timeouts.is_async or deadline - time.monotonic() < 2 * POLL_INTERVAL
        if answer.status != Status.PENDING or is_last:
            return answer
        time.sleep(POLL_INTERVAL)
