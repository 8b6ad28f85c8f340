"""The audit trail: an event is written in the transaction of what it records."""

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from booking.models import Appointment, Event, Hold, Order, WaitlistEntry
from booking.models.enums import ANNOUNCED_KINDS, EventKind, Job
from booking.ops.tracing import get_carrier
from patients.models import Patient
from scheduling.lib.pipelined_postgresql import write_row_later
from scheduling.models import Location

Subject = Hold | Appointment | Order | Patient | Location | WaitlistEntry

SUBJECT_TYPES = {
    Hold: Event.SubjectType.BOOKING,
    Appointment: Event.SubjectType.BOOKING,
    Order: Event.SubjectType.ORDER,
    Patient: Event.SubjectType.PATIENT,
    Location: Event.SubjectType.LOCATION,
    WaitlistEntry: Event.SubjectType.WAITLIST,
}

# By hand: the ORM takes ten times as long to build this statement, and every verb records an event.
# One statement writes all that a verb records, and their deliveries, one for each subscribed endpoint, so that a crash
# loses no delivery. KEY SHARE waits for an endpoint that is being deleted: otherwise its foreign key would fail at
# commit, and the booking with it.
APPEND = f"""
      WITH event AS MATERIALIZED (
    SELECT new.*,
           (SELECT coalesce(max(sequence), 0) FROM booking_event AS earlier WHERE earlier.subject_id = new.subject_id)
           + row_number() OVER (PARTITION BY subject_id ORDER BY place) AS sequence
      FROM ROWS FROM (jsonb_to_recordset(%(rows)s) AS (
               kind text, subject_type text, subject_id uuid, location_id uuid, created_at timestamptz, actor text,
               from_status text, to_status text, data jsonb, announcement jsonb, payload jsonb))
           WITH ORDINALITY AS new (kind, subject_type, subject_id, location_id, created_at, actor, from_status,
                                   to_status, data, announcement, payload, place)),
           appended AS (
    INSERT INTO booking_event
           (kind, subject_type, subject_id, location_id, sequence, created_at, actor, from_status, to_status, data,
            announcement)
    SELECT kind, subject_type, subject_id, location_id, sequence, created_at, actor, from_status, to_status, data,
           announcement
      FROM event ORDER BY place)
    INSERT INTO booking_outboxmessage
           (id, kind, payload, endpoint_id, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), '{Job.WEBHOOK_EVENT}',
           payload || jsonb_build_object('data', announcement || jsonb_build_object('sequence', sequence)),
           endpoint.id, 'waiting', now(), 0, '', now()
      FROM event, booking_webhookendpoint AS endpoint
     WHERE endpoint.disabled_at IS NULL AND announcement IS NOT NULL
       AND (endpoint.events = '{{}}' OR event.kind = ANY(endpoint.events))
       FOR KEY SHARE OF endpoint
"""  # noqa: S608 (only a name of ours)


def record_event(
    subject: Subject,
    kind: EventKind,
    *,
    actor: str,
    at: datetime,
    from_status: str = "",
    to_status: str = "",
    data: dict | None = None,
    is_announced: bool = True,
) -> None:
    """Append an event of a hold, an appointment, an order, a patient, a location or a wish, and its webhook deliveries.

    ``data`` has ids, times and reasons, never a patient's values: other systems are told it of ANNOUNCED_KINDS,
    unless ``is_announced`` is false.
    """
    announcement = None
    if is_announced and kind in ANNOUNCED_KINDS:
        announcement = {**describe_subject(subject), **({"status": to_status} if to_status else {}), **(data or {})}
    row = {
        "kind": kind,
        "subject_type": SUBJECT_TYPES[subject._meta.concrete_model],
        "subject_id": subject.pk,
        "location_id": get_location_id(subject),
        "created_at": at,
        "actor": actor,
        "from_status": from_status,
        "to_status": to_status,
        "data": data or {},
        "announcement": announcement,
        "payload": {"type": kind, "timestamp": at.isoformat(), **get_carrier()},
    }
    write_row_later(APPEND, row)


def get_location_id(subject: Subject) -> UUID | None:
    """Return where a subject is, or None for an order or a patient."""
    return subject.pk if isinstance(subject, Location) else getattr(subject, "location_id", None)


def get_latest_sequence(subject_id: UUID | str) -> int:
    """Return the sequence of a subject's latest event: it grows with every change."""
    return Event.objects.filter(subject_id=subject_id).aggregate(latest=Max("sequence"))["latest"]


def describe_subject(subject: Subject) -> dict:
    """Return what other systems may be told of a subject: ids, times and the status."""
    if isinstance(subject, Order):
        return {
            "id": str(subject.pk),
            "patient_id": str(subject.patient_id),
            "appointment_type_id": str(subject.service_id),
        }
    if not isinstance(subject, Hold | Appointment):
        return {"id": str(subject.pk)}
    members = {
        "id": str(subject.pk),
        "status": subject.status,
        "appointment_type_id": str(subject.service_id),
        "clinician_id": str(subject.clinician_id),
        "location_id": str(subject.location_id),
        "start_time": subject.local_start.isoformat(),
        "end_time": subject.local_end.isoformat(),
        "is_remote": subject.is_remote,
    }
    if isinstance(subject, Hold):
        members["expires_at"] = subject.expires_at.isoformat()
    if isinstance(subject, Appointment):
        members["patient_id"] = str(subject.patient_id)
        members["order_id"] = subject.order_id and str(subject.order_id)
    return members
