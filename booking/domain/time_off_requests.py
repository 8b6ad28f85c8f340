"""The verbs of clinicians' own time off: ask, approve, decline, take back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.domain.schedule import add_to_schedule, remove_from_schedule
from booking.models import get_branding
from booking.models.enums import Job
from booking.outbox.queue import enqueue
from scheduling.lib.clock import database_now
from scheduling.models import Clinician, TimeOff, TimeOffRequest
from scheduling.slots import lock_clinician

Status = TimeOffRequest.Status


class RequestAnswered(Exception):
    """The request waits no longer: somebody has answered it, or the clinician has taken it back."""

    message = _("That has been answered or taken back already.")


def needs_approval(clinician: Clinician) -> bool:
    """Return whether somebody approves time off that the clinician enters."""
    if clinician.time_off_approval == Clinician.TimeOffApproval.AS_CLINIC:
        return get_branding().approves_time_off
    return clinician.time_off_approval == Clinician.TimeOffApproval.ASKED


@transaction.atomic
def request_time_off(clinician: Clinician, *, starts_at: datetime, ends_at: datetime, reason: str) -> TimeOffRequest:
    """Ask for time off, which counts at once where nobody has to approve it, and return the request.

    A second one for the same time is the first one.
    """
    lock_clinician(clinician.pk)
    same = clinician.time_off_requests.filter(  # pyright: ignore[reportAttributeAccessIssue]
        starts_at=starts_at, ends_at=ends_at, status__in=[Status.WAITING, Status.APPROVED]
    )
    if existing := same.first():
        return existing
    request = TimeOffRequest(clinician=clinician, starts_at=starts_at, ends_at=ends_at, reason=reason)
    if needs_approval(clinician):
        request.save()
        enqueue(Job.EMAIL_TIME_OFF_ASKED, request=str(request.pk))
    else:
        request.answer_seen_at = database_now()
        _grant(request, at=request.answer_seen_at)
    return request


@transaction.atomic
def approve_time_off(request: TimeOffRequest, *, user: User, note: str = "") -> None:
    """Write the time off that was asked for; raises RequestAnswered."""
    _lock_waiting(request)
    request.decided_by, request.note = user, note
    _grant(request, at=database_now())
    enqueue(Job.EMAIL_TIME_OFF_ANSWERED, request=str(request.pk))


@transaction.atomic
def decline_time_off(request: TimeOffRequest, *, user: User, note: str = "") -> None:
    """Say no to a request; raises RequestAnswered."""
    _lock_waiting(request)
    request.status, request.decided_by, request.note = Status.DECLINED, user, note
    request.decided_at = database_now()
    request.save()
    enqueue(Job.EMAIL_TIME_OFF_ANSWERED, request=str(request.pk))


@transaction.atomic
def withdraw_time_off(request: TimeOffRequest) -> None:
    """Take a request back, and its time off if nobody had to approve it; raises RequestAnswered."""
    lock_clinician(request.clinician_id)
    request.refresh_from_db(from_queryset=TimeOffRequest.objects.select_for_update(no_key=True, of=("self",)))
    if request.status == Status.APPROVED and request.decided_by_id is None and request.time_off:  # pyright: ignore
        time_off, request.time_off = request.time_off, None
        _withdraw(request)
        remove_from_schedule(time_off)
    elif request.status == Status.WAITING:
        _withdraw(request)
    elif request.status != Status.WITHDRAWN:
        raise RequestAnswered


@transaction.atomic
def mark_answers_seen(clinician: Clinician) -> None:
    """Note that the clinician has seen the answers to their requests."""
    answered = clinician.time_off_requests.filter(  # pyright: ignore[reportAttributeAccessIssue]
        status__in=[Status.APPROVED, Status.DECLINED], answer_seen_at=None
    )
    answered.update(answer_seen_at=database_now())


def _withdraw(request):
    request.status = Status.WITHDRAWN
    request.save()


def _lock_waiting(request):
    lock_clinician(request.clinician_id)  # before the rows of the schedule
    request.refresh_from_db(from_queryset=TimeOffRequest.objects.select_for_update(no_key=True, of=("self",)))
    if request.status != Status.WAITING:
        raise RequestAnswered


def _grant(request, *, at):
    time_off = TimeOff(
        clinician=request.clinician, starts_at=request.starts_at, ends_at=request.ends_at, reason=request.reason
    )
    request.status, request.decided_at, request.time_off = Status.APPROVED, at, time_off
    add_to_schedule(time_off)
    request.save()
