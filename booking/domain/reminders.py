"""Reminders of visits: written with a due time when a visit is confirmed, handed to the outbox when they are due."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from booking.access.phone_numbers import can_be_texted
from booking.domain.audit import record_event
from booking.domain.text_messages import may_be_texted
from booking.domain.transitions import WrongState, lock_and_refresh
from booking.integrations.email.appointment_emails import send_reminder_email
from booking.integrations.sms.appointment_texts import send_reminder_text
from booking.models import Appointment, OutboxMessage, Reminder
from booking.models.enums import EventKind, Job
from booking.outbox.queue import CLAIM, RetryLater, get_family
from patients.models import Consent
from scheduling.lib.clock import database_now
from scheduling.lib.languages import use_language
from scheduling.lib.pipelined_postgresql import write_later
from scheduling.models import Service

DAY = timedelta(days=1)
# Nobody is woken by a reminder: what is due in the quiet hours comes in the evening before them.
QUIET_FROM, QUIET_UNTIL, EVENING = time(21), time(8), time(20)
# In the outbox at once, of each channel: other mails and codes wait for no more than these.
MAX_QUEUED = 200
REPLAN_BATCH = 1000

Status, Channel, SkipReason = Reminder.Status, Reminder.Channel, Reminder.SkipReason
UNSENT = [Status.WAITING, Status.QUEUED]
JOBS = {Channel.EMAIL: Job.EMAIL_REMINDER, Channel.TEXT: Job.SMS_REMINDER}

# By hand, as each confirmed booking runs it.
WRITE = """
    INSERT INTO booking_reminder (id, appointment_id, channel, due_at)
    SELECT gen_random_uuid(), planned.* FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS planned
        ON CONFLICT DO NOTHING
"""


def is_quiet(moment: datetime, zone: ZoneInfo) -> bool:
    """Return whether a moment is in the quiet hours of a zone."""
    return not QUIET_UNTIL <= moment.astimezone(zone).time() < QUIET_FROM


def get_due_at(starts_at: datetime, before: timedelta, zone: ZoneInfo) -> datetime:
    """Return when a visit's reminder is due: so long ``before`` it, or the evening ahead of the quiet hours."""
    due_at = starts_at - before
    if not is_quiet(due_at, zone):
        return due_at
    local = due_at.astimezone(zone)
    day = local.date() if local.time() >= QUIET_FROM else local.date() - DAY
    return datetime.combine(day, EVENING, zone)


def list_due_times(appointment: Appointment, *, now: datetime) -> set[tuple[str, datetime]]:
    """Return the channels and due times of an appointment's reminders, none of which is past."""
    service, zone = appointment.service, appointment.patient_zone
    befores = []
    if appointment.attendee_email:
        befores += [(Channel.EMAIL, before) for before in service.email_reminders]
    if appointment.attendee_phone and settings.SMS_BACKEND != "none":
        befores += [(Channel.TEXT, before) for before in service.text_reminders]
    planned = {(str(channel), get_due_at(appointment.starts_at, before, zone)) for channel, before in befores}
    return {(channel, due_at) for channel, due_at in planned if due_at > now}


def write_reminders(appointments: Iterable[Appointment], *, now: datetime) -> None:
    """Write the reminders of appointments; those that are there stay as they are."""
    planned = [(each.pk, *due) for each in appointments for due in list_due_times(each, now=now)]
    if planned:
        write_later(WRITE, [list(column) for column in zip(*planned, strict=True)])


def plan_reminders(appointment: Appointment, *, is_new: bool) -> None:
    """Write the reminders of a visit that was confirmed, or, if it is not new, moved: instead of those not sent."""
    if not is_new:
        drop_reminders(appointment)
    write_reminders([appointment], now=timezone.now())


def add_reminders(appointment: Appointment) -> None:
    """Write the reminders that a visit lacks, as now there is an address or a number to send them to."""
    if appointment.status == Appointment.Status.CONFIRMED:
        write_reminders([appointment], now=timezone.now())


def drop_reminders(appointment: Appointment) -> None:
    """Delete the reminders of a visit that were not sent."""
    Reminder.objects.filter(appointment=appointment, status__in=UNSENT).delete()


def replan_reminders(service: Service) -> int:
    """Write the reminders of a service's visits to come anew, as it says now, and return their number."""
    now, last, number = timezone.now(), None, 0
    coming = Appointment.objects.filter(service=service, status=Appointment.Status.CONFIRMED, starts_at__gt=now)
    coming = coming.select_related("service", "location").order_by("pk")
    # Locked: what is moved or cancelled at the same time has its reminders written by that, before or after.
    coming = coming.select_for_update(of=("self",), no_key=True)
    while True:
        with transaction.atomic():
            batch = list((coming.filter(pk__gt=last) if last else coming)[:REPLAN_BATCH])
            Reminder.objects.filter(appointment__in=batch, status=Status.WAITING, due_at__gt=now).delete()
            write_reminders(batch, now=now)
        number += len(batch)
        if len(batch) < REPLAN_BATCH:
            return number
        last = batch[-1].pk


# Nobody is reminded of a visit that is stranded, until it is settled that it stays.
# In one statement: what is claimed is in the outbox, whoever dies. SKIP LOCKED: those who claim at once share the work.
# As an array, since PostgreSQL takes the limit for a tenth of the table, and would read all of it for a join.
ENQUEUE_DUE = """
      WITH due AS (
    SELECT id FROM booking_reminder AS reminder
     WHERE status = 'waiting' AND channel = %(channel)s AND due_at <= %(now)s
       AND NOT EXISTS (SELECT FROM booking_strandedvisit AS stranded
                        WHERE stranded.appointment_id = reminder.appointment_id AND stranded.settled_at IS NULL)
     ORDER BY due_at LIMIT greatest(0, %(room)s - (
           SELECT count(*) FROM booking_outboxmessage
            WHERE endpoint_id IS NULL AND status IN ('waiting', 'running') AND kind = %(job)s
              AND split_part(kind, '.', 1) = %(family)s AND due_at <= clock_timestamp() + %(claim)s))
       FOR UPDATE SKIP LOCKED),
           claimed AS (
    UPDATE booking_reminder SET status = 'queued'
     WHERE id = ANY(ARRAY(SELECT id FROM due)) RETURNING id, appointment_id)
    INSERT INTO booking_outboxmessage (id, kind, payload, status, due_at, attempts, last_error, created_at)
    SELECT id, %(job)s, jsonb_build_object('appointment', appointment_id), 'waiting', clock_timestamp(), 0, '',
           clock_timestamp()
      FROM claimed
"""


def enqueue_due_reminders(*, now: datetime | None = None) -> int:
    """Hand what is due to the outbox, as much of it as there is room for, and return how many reminders."""
    now, enqueued = now or database_now(), 0
    for channel, job in JOBS.items():
        parameters = {"channel": channel, "job": job, "family": get_family(job), "now": now}
        with connection.cursor() as cursor:
            cursor.execute(ENQUEUE_DUE, parameters | {"room": MAX_QUEUED, "claim": CLAIM})
            enqueued += cursor.rowcount
    return enqueued


def send_due_reminder(message: OutboxMessage) -> None:
    """Send the reminder of a message, unless there is a reason by now not to."""
    send_reminder(message, now=timezone.now())


def send_reminder(message: OutboxMessage, *, now: datetime) -> None:
    """Send a reminder, or note why not; in the quiet hours RetryLater puts it off until they end."""
    related = ("service", "clinician", "location", "patient", "provider", "order")
    rows = Reminder.objects.select_related(*[f"appointment__{name}" for name in related])
    reminder = rows.filter(pk=message.pk, status=Status.QUEUED).first()
    if reminder is None:
        return  # sent already, or the visit was moved or cancelled
    reason = find_skip_reason(reminder, now=now)
    zone = reminder.appointment.patient_zone
    if not reason and is_quiet(now, zone):  # it was put off, or nobody was there to send it
        raise RetryLater("It waits for the morning.", after=_get_end_of_quiet(now, zone) - now)
    if not reason:
        with use_language(reminder.appointment.language):
            reason = "" if _send(message, reminder) else SkipReason.LIMIT
    # Of a visit that was moved while it was being sent the row is gone.
    outcome = {"status": Status.SKIPPED if reason else Status.SENT, "skip_reason": reason, "settled_at": now}
    Reminder.objects.filter(pk=reminder.pk).update(**outcome)


def _send(message, reminder):
    if reminder.channel == Channel.EMAIL:
        return send_reminder_email(message, reminder.appointment)
    return send_reminder_text(message, reminder)


def _get_end_of_quiet(moment, zone):
    local = moment.astimezone(zone)
    day = local.date() + DAY if local.time() >= QUIET_FROM else local.date()
    return datetime.combine(day, QUIET_UNTIL, zone)


def find_skip_reason(reminder: Reminder, *, now: datetime) -> str:
    """Return the SkipReason for which a reminder is not sent, or ""."""
    appointment = reminder.appointment
    if appointment.status != Appointment.Status.CONFIRMED or appointment.patient.restricted_at:
        return SkipReason.NOT_CONFIRMED
    if appointment.starts_at <= now or _is_superseded(reminder, now):
        return SkipReason.TOO_LATE
    if not may_be_reminded(appointment):
        return SkipReason.NO_CONSENT
    if reminder.channel == Channel.EMAIL:
        return "" if appointment.attendee_email else SkipReason.NO_CONTACT
    if not appointment.attendee_phone:
        return SkipReason.NO_CONTACT
    if not can_be_texted(appointment.attendee_phone):
        return SkipReason.IMPOSSIBLE
    return "" if may_be_texted(appointment.attendee_phone, appointment) else SkipReason.UNVERIFIED


def _is_superseded(reminder, now):
    """Return whether a later reminder of the same visit is due by now: after a standstill one is enough."""
    others = Reminder.objects.filter(appointment=reminder.appointment_id, channel=reminder.channel)
    return others.filter(due_at__gt=reminder.due_at, due_at__lte=now).exists()


def may_be_reminded(appointment: Appointment) -> bool:
    """Return whether its patient agrees to reminders, or the service needs no consent and they have withdrawn none."""
    consents = Consent.objects.filter(patient=appointment.patient_id, purpose=Consent.Purpose.REMINDERS)
    withdrawn = set(consents.values_list("withdrawn_at", flat=True))
    if appointment.service.reminders_need_consent or withdrawn:
        return None in withdrawn
    return True


@transaction.atomic
def confirm_attendance(appointment: Appointment, *, actor: str) -> None:
    """Note that the patient says that they are coming. Idempotent.

    Raises WrongState unless it is confirmed and has not begun, and ChangedMeanwhile.
    """
    now = lock_and_refresh(appointment)
    if appointment.status != Appointment.Status.CONFIRMED or appointment.starts_at <= now:
        raise WrongState(appointment)
    if appointment.attendance_confirmed_at is None:
        appointment.attendance_confirmed_at = now
        appointment.save(update_fields=["attendance_confirmed_at", "updated_at"])
        kind, data = EventKind.APPOINTMENT_UPDATED, {"changed": ["attendance_confirmed_at"]}
        record_event(appointment, kind, actor=actor, at=now, data=data)


@transaction.atomic
def stop_reminders(appointment: Appointment, *, is_mailed: bool = False) -> None:
    """Send the patient of an appointment no more reminders of this or another visit, until they ask for them anew.

    Who has never agreed to any is written down as having withdrawn: the service may need no consent. Where anybody may
    have booked it who knows the patient's details, reminders end of this visit alone, unless what was pressed
    ``is_mailed`` to the patient's address.
    """
    now = database_now()
    if not appointment.is_of_patient and not (is_mailed and appointment.has_patients_address):
        unsent = Reminder.objects.filter(appointment=appointment, status__in=UNSENT)
        unsent.update(status=Status.SKIPPED, skip_reason=SkipReason.NO_CONSENT, settled_at=now)
        return
    of_patient = {"patient_id": appointment.patient_id, "purpose": Consent.Purpose.REMINDERS}
    is_withdrawn = Consent.objects.filter(**of_patient, withdrawn_at=None).update(withdrawn_at=now)
    if not is_withdrawn and not Consent.objects.filter(**of_patient).exists():
        Consent.objects.create(**of_patient, given_at=now, withdrawn_at=now)
    drop_reminders(appointment)
