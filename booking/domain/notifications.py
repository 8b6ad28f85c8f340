"""The messages that follow a change of an appointment: to its attendee, its approver and calendars."""

from datetime import datetime
from uuid import UUID, uuid5

from django.db import connection

from booking.domain.reminders import drop_reminders, plan_reminders
from booking.integrations.approvers import get_approver
from booking.models import Appointment
from booking.models.enums import Job
from booking.outbox import queue
from scheduling.lib.pipelined_postgresql import write_later
from scheduling.models import Calendar, Clinician, Location, Service

# To the CalDAV calendars that appointments are written into.
PUSH = """
    INSERT INTO booking_outboxmessage (id, kind, payload, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), %(job)s,
           jsonb_build_object('appointment', appointment.id, 'calendar', calendar.id),
           'waiting', now(), 0, '', now()
      FROM scheduling_calendar AS calendar
"""
CHANGED = (
    PUSH
    + """
     CROSS JOIN (VALUES (%(appointment)s::uuid)) AS appointment (id)
     WHERE calendar.clinician_id = ANY(%(clinicians)s) AND calendar.kind = 'caldav' AND calendar.is_active
"""
)
UPCOMING = (
    PUSH
    + """
      JOIN booking_appointment AS appointment USING (clinician_id)
     WHERE %(of)s IN (calendar.id, appointment.clinician_id, appointment.service_id, appointment.location_id)
       AND calendar.kind = 'caldav' AND calendar.is_active
       AND appointment.ends_at > now() AND appointment.status <> 'cancelled'
"""
)


def notify_changed(
    appointment: Appointment,
    *,
    email: Job | None,
    previous_clinician_id: UUID | None = None,
    notify_approver: bool = True,
    due_at: datetime | None = None,
) -> None:
    """Write the messages that a change of an appointment causes, in the change's transaction.

    ``email`` is the Job of the e-mail to its attendee (None: no e-mail); ``previous_clinician_id`` is the clinician
    it was with before, if another; ``notify_approver`` says whether its approver has still to be told. With ``due_at``
    both are told only then, unless delete_postponed is called before. While the link in its e-mail has still to be
    pressed, nobody is told: there is that e-mail alone, and none that it is cancelled.
    """
    if appointment.awaits_verification:
        if email and appointment.status == Appointment.Status.PENDING:
            queue.enqueue(Job.EMAIL_VERIFY_ADDRESS, appointment=appointment.pk)
        return
    if email:
        _enqueue(email, appointment, due_at)
    _adjust_reminders(appointment, email)
    if notify_approver and appointment.provider_id and get_approver(appointment.provider).is_remote:
        _enqueue(Job.APPROVER_SYNC, appointment, due_at)
    _push(appointment, previous_clinician_id)


def _enqueue(job, appointment, due_at):
    id = _get_postponed_id(job, appointment, due_at) if due_at else None
    queue.enqueue(job, id=id, due_at=due_at, appointment=appointment.pk)


def _get_postponed_id(job, appointment, due_at):
    return uuid5(appointment.pk, f"{job} {due_at.timestamp()}")


def delete_postponed(appointment: Appointment, jobs: list[Job], *, due_at: datetime) -> set[str]:
    """Delete those messages that notify_changed put off until ``due_at`` and nobody has begun; return their jobs."""
    ids = [_get_postponed_id(job, appointment, due_at) for job in jobs]
    return set(queue.delete_unattempted(ids))


def _adjust_reminders(appointment, email):
    if appointment.status == Appointment.Status.CANCELLED:
        drop_reminders(appointment)
    elif appointment.status == Appointment.Status.CONFIRMED and email:
        plan_reminders(appointment, is_new=email == Job.EMAIL_APPOINTMENT_CONFIRMED)


def _push(appointment, previous_clinician_id):
    # One statement, whether there are such calendars or none.
    clinicians = [appointment.clinician_id, *([previous_clinician_id] if previous_clinician_id else [])]
    write_later(CHANGED, {"job": Job.CALENDAR_PUSH, "appointment": appointment.pk, "clinicians": clinicians})


def push_upcoming(changed: Clinician | Service | Location | Calendar) -> int:
    """Push the upcoming appointments of a clinician, service or location to their calendars, or all to one calendar.

    Returns the number of pushes enqueued.
    """
    with connection.cursor() as cursor:
        cursor.execute(UPCOMING, {"job": Job.CALENDAR_PUSH, "of": changed.pk})
        return cursor.rowcount
