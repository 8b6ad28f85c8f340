"""All rows and all checks of a pair in the fewest round trips: what is written and read for it, without our verbs.

The rows are copies of those of a booking that the verbs have made, so that they have whatever columns those have.
"""

from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from uuid import uuid4

from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from booking.access.tokens import hash_token, new_token
from booking.domain.patient_conflicts import FIND_CONFLICTS
from booking.integrations.approvers import RESPONSIBLE
from booking.models import Appointment, Hold, OutboxMessage
from booking.models.enums import Job
from patients.matching import LIST_NEAR_MATCHES, NAMESAKES
from patients.models import Patient
from scheduling.availability.queries import BUSY_ROWS_OF_ONE, HOURS
from scheduling.models import Calendar, Slot
from scheduling.slots import LOCK_CLINICIAN

NAMED = """
    SELECT service.*, clinician.*, location.*
      FROM scheduling_service AS service, scheduling_clinician AS clinician, scheduling_location AS location
     WHERE service.id = %(appointment_type_id)s AND clinician.id = %(clinician_id)s AND location.id = %(location_id)s
"""
TAKE = """
    INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at, expires_at, lane, is_double)
    SELECT %(clinician_id)s, %(location_id)s, tstzrange(%(start_time)s, %(start_time)s + interval '30 minutes'),
           clock_timestamp(), clock_timestamp() + interval '15 minutes', 0, false
     WHERE NOT EXISTS (SELECT FROM scheduling_slot
                        WHERE clinician_id = %(clinician_id)s AND lane = 1
                          AND period && tstzrange(%(start_time)s, %(start_time)s + interval '30 minutes'))
        ON CONFLICT DO NOTHING RETURNING id
"""
EVENTS = """
    INSERT INTO booking_event
           (kind, subject_type, subject_id, location_id, sequence, created_at, actor, from_status, to_status, data,
            announcement)
    SELECT new.kind, new.subject_type, new.subject_id::uuid, new.location_id::uuid,
           (SELECT coalesce(max(sequence), 0) FROM booking_event WHERE subject_id = new.subject_id::uuid) + new.nth,
           clock_timestamp(), 'bench', new.from_status, new.to_status, '{}', new.announcement
      FROM jsonb_to_recordset(%(events)s)
        AS new (kind text, subject_type text, subject_id text, location_id text, nth int, from_status text,
                to_status text, announcement jsonb)
 RETURNING kind, sequence, announcement
"""
DELIVERIES = f"""
    INSERT INTO booking_outboxmessage (id, kind, payload, endpoint_id, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), '{Job.WEBHOOK_EVENT}', announcement, endpoint.id, 'waiting', now(), 0, '', now()
      FROM events, booking_webhookendpoint AS endpoint
     WHERE endpoint.disabled_at IS NULL AND (endpoint.events = '{{}}' OR kind = ANY(endpoint.events))
       FOR KEY SHARE OF endpoint
"""
PUSHES = f"""
    INSERT INTO booking_outboxmessage (id, kind, payload, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), '{Job.CALENDAR_PUSH}', '{{}}', 'waiting', now(), 0, '', now()
      FROM scheduling_calendar WHERE clinician_id = %(clinician_id)s AND kind = 'caldav' AND is_active
"""


def place(fields):
    """Write a hold as place_hold does, of what a body of POST /holds names; return its id."""
    raw, hold_id = get_connection(), uuid4()
    start = datetime.fromisoformat(fields["start_time"])
    raw.execute(NAMED, fields).fetchone()
    with one_transaction(raw) as pipeline:
        checks = [
            raw.execute(LOCK_CLINICIAN, [fields["clinician_id"]]),
            raw.execute(TAKE, fields | {"start_time": start}),
            raw.execute(HOURS[True, True], describe_hours(fields, start)),
            raw.execute(BUSY_ROWS_OF_ONE, describe(fields, start)),
        ]
        pipeline.sync()
        _, [(slot_id,)], _, _ = [check.fetchall() for check in checks]
        copy = {
            "id": hold_id,
            "token_hash": hash_token(new_token()),
            "clinician_id": fields["clinician_id"],
            "slot_id": slot_id,
            "starts_at": start,
            "ends_at": start + timedelta(minutes=30),
            "status": "active",
            "created_at": timezone.now(),
            "expires_at": timezone.now() + timedelta(minutes=15),
        }
        hold_insert, parameters = insert(Hold, copy)
        sql = f"WITH hold AS ({hold_insert}), events AS ({EVENTS}) {DELIVERIES}"
        raw.execute(sql, parameters | {"events": Jsonb([write_event("hold.placed", "booking", hold_id)])})
    return {"id": str(hold_id)}


def confirm(hold_id, fields):
    """Write an appointment as confirm_hold does, for a new patient; return its id."""
    raw, person = get_connection(), fields["patient"]
    found = raw.execute(FIND_HOLD, [hold_id])
    columns = [column.name for column in found.description]
    hold = dict(zip(columns, found.fetchone(), strict=True))
    name = f"{person['first_name']} {person['last_name']}".lower()
    patient_id = uuid4()
    with one_transaction(raw) as pipeline:
        raw.execute(LOCK_CLINICIAN, [hold["clinician_id"]])
        raw.execute(REREAD_HOLD, [hold_id])
        raw.execute(RESPONSIBLE, [hold["service_id"], hold["location_id"]])
        pipeline.sync()
        raw.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        raw.execute(NAMESAKES, [name, person["email"]])
        raw.execute(FIND_CONFLICTS, describe_visit(hold, patient_id))
        pipeline.sync()
        write_confirmed(raw, hold, patient_id, name, person)
    return {"id": str(hold_id)}


def write_confirmed(raw, hold, patient_id, name, person):
    hold_id = hold["id"]
    of_person = {key: person[key] for key in ("first_name", "last_name", "date_of_birth", "email", "phone")}
    patient, of_patient = insert(
        Patient, {"id": patient_id, "normalized_name": name, "name_words": name, "name_spellings": [], **of_person}
    )
    appointment, of_appointment = insert(
        Appointment,
        {
            **{key: hold[key] for key in ("id", "clinician_id", "slot_id", "starts_at", "ends_at")},
            "patient_id": patient_id,
            "reference": new_token()[:8],
            "attendee_name": name,
            "attendee_email": person["email"],
        },
    )
    mail, of_mail = insert(OutboxMessage, {"id": uuid4(), "payload": Jsonb({"appointment": str(hold_id)})})
    sql = f"""WITH patient AS ({patient}), appointment AS ({appointment}), mail AS ({mail}),
        hold AS (UPDATE booking_hold SET status = 'confirmed', updated_at = clock_timestamp() WHERE id = %(hold)s),
        slot AS (UPDATE scheduling_slot SET expires_at = NULL WHERE id = %(slot)s),
        events AS ({EVENTS}), pushes AS ({PUSHES}) {DELIVERIES}"""
    events = [
        write_event("hold.confirmed", "booking", hold_id),
        write_event("appointment.confirmed", "booking", hold_id, nth=2),
        write_event("patient.created", "patient", patient_id),
    ]
    ids = {"hold": hold_id, "slot": hold["slot_id"], "clinician_id": hold["clinician_id"], "events": Jsonb(events)}
    raw.execute(sql, of_patient | of_appointment | of_mail | ids)
    near = {"id": patient_id, "name": name, "names": [name], "born": person["date_of_birth"], "email": person["email"]}
    raw.execute(LIST_NEAR_MATCHES, near)


FIND_HOLD = """
    SELECT service.*, location.*, booking_hold.* FROM booking_hold
      JOIN scheduling_service AS service ON service.id = service_id
      JOIN scheduling_location AS location ON location.id = location_id
     WHERE booking_hold.id = %s
"""
REREAD_HOLD = "SELECT * FROM booking_hold WHERE id = %s"


@contextmanager
def one_transaction(raw):
    """Run a pipeline that begins and commits along with its first and last statements; yield it."""
    # raw.transaction() would wait once more for each of them.
    try:
        with raw.pipeline() as pipeline:
            raw.execute("BEGIN")
            yield pipeline
            raw.execute("COMMIT")
    except BaseException:
        raw.rollback()
        raise


def get_connection():
    connection.ensure_connection()
    return connection.connection


def insert(model, values):
    """Return a statement that inserts a copy of the model's template with other ``values``, and its parameters."""
    table, template = model._meta.db_table, get_template(model)
    names = {column: f"{table}_{column}" for column in template}
    sql = f"INSERT INTO {table} ({', '.join(template)}) VALUES ({', '.join(f'%({name})s' for name in names.values())})"
    return sql, {names[column]: value for column, value in (template | values).items()}


@cache
def get_template(model):
    """Return the columns of the oldest booking's row of a model."""
    columns = [field.column for field in model._meta.concrete_fields]
    condition = f"WHERE kind = '{Job.EMAIL_APPOINTMENT_CONFIRMED}'" if model is OutboxMessage else ""
    row = get_connection().execute(
        f"SELECT {', '.join(columns)} FROM {model._meta.db_table} {condition} ORDER BY created_at LIMIT 1"
    )
    return dict(zip(columns, row.fetchone(), strict=True))


def write_event(kind, subject_type, subject_id, nth=1):
    """Return an event with an announcement as long as a hold's."""
    template = get_template(Hold)
    announcement = {
        "id": str(subject_id),
        "status": "active",
        "appointment_type_id": str(template["service_id"]),
        "clinician_id": str(template["clinician_id"]),
        "location_id": str(template["location_id"]),
        "start_time": template["starts_at"].isoformat(),
        "end_time": template["ends_at"].isoformat(),
        "is_remote": False,
        "expires_at": template["expires_at"].isoformat(),
    }
    return {
        "kind": kind,
        "subject_type": subject_type,
        "subject_id": str(subject_id),
        "location_id": str(template["location_id"]),
        "nth": nth,
        "from_status": "",
        "to_status": "active",
        "announcement": announcement,
    }


def describe_hours(fields, start):
    """Return the parameters of HOURS."""
    return {
        "service": fields["appointment_type_id"],
        "clinicians": [fields["clinician_id"]],
        "location": fields["location_id"],
        "ways": [False],
        "first": start.date(),
        "last": start.date(),
    }


def describe(fields, start):
    """Return the parameters of BUSY_ROWS_OF_ONE."""
    return {
        "clinician": fields["clinician_id"],
        "location": fields["location_id"],
        "start": start,
        "end": start + timedelta(minutes=30),
        "now": timezone.now(),
        "first_day": start.date(),
        "last_day": start.date(),
        "longest": Slot.MAX_DURATION,
        "ignored_slot_id": None,
        "stale": Calendar.STALE_AFTER,
    }


def describe_visit(hold, patient_id):
    """Return the parameters of FIND_CONFLICTS."""
    return {
        "patient": patient_id,
        "id": hold["id"],
        "statuses": [*Appointment.STANDING, "completed"],
        "starts_at": hold["starts_at"],
        "ends_at": hold["ends_at"],
        "service": hold["service_id"],
        "day_starts_at": None,
        "day_ends_at": None,
    }
