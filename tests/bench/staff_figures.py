"""Managers' figures of 30 clinicians who had 117,000 visits in a year, their holds, and the events of cancellations."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

from django.db import connection

from booking.domain.figures import Period, Selection, compute_figures
from scheduling.models import Clinician, Location, Service

CLINICIANS = 30
LAST = date(2026, 11, 30)
STATEMENTS = [
    """INSERT INTO patients_patient
              (id, first_name, last_name, email, phone, nhs_number, external_id, metadata, created_at, updated_at,
               normalized_name, name_words, name_spellings)
       SELECT gen_random_uuid(), 'Pat', 'Person', 'pat' || n || '@patients.example', '', '', '', '{}', now(), now(), '',
              '', '{}' FROM generate_series(1, 20000) AS n""",
    """INSERT INTO scheduling_workinghours (clinician_id, location_id, weekday, start_time, end_time, is_remote)
       SELECT clinician.id, location.id, weekday, spell.start_time, spell.end_time, false
         FROM scheduling_clinician AS clinician, scheduling_location AS location, generate_series(0, 4) AS weekday,
              (VALUES (time '09:00', time '13:00'), ('13:30', '17:30')) AS spell(start_time, end_time)""",
    """CREATE TEMPORARY TABLE visit AS
       SELECT gen_random_uuid() AS id, clinician.id AS clinician_id, location.id AS location_id,
              (day + spell * interval '30 minutes' + interval '9 hours') AT TIME ZONE 'Europe/London' AS starts_at,
              abs(hashtext(clinician.name || day || spell)) AS number
         FROM scheduling_clinician AS clinician, scheduling_location AS location,
              generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS day, generate_series(0, 14) AS spell
        WHERE extract(isodow FROM day) < 6""",
    "ALTER TABLE visit ADD COLUMN slot_id bigint, ADD COLUMN patient_id uuid, ADD COLUMN booked_at timestamptz",
    """UPDATE visit SET slot_id = nextval('scheduling_slot_id_seq'), patient_id = patient.id,
              booked_at = starts_at - (number %% 40) * interval '1 day'
         FROM (SELECT id, row_number() OVER () AS row FROM patients_patient) AS patient
        WHERE patient.row = number %% 20000 + 1""",
    """INSERT INTO scheduling_slot (id, clinician_id, location_id, period, taken_at)
       SELECT slot_id, clinician_id, location_id, tstzrange(starts_at, starts_at + interval '30 minutes'), booked_at
         FROM visit WHERE number %% 12 > 0""",
    """INSERT INTO booking_hold
              (id, service_id, clinician_id, location_id, starts_at, ends_at, is_remote, price, currency, external_id,
               metadata, created_at, updated_at, status, expires_at, lifetime, extensions, holder, network, token_hash)
       SELECT id, %(service)s, clinician_id, location_id, starts_at, starts_at + interval '30 minutes', false, 60,
              'GBP', '', '{}', booked_at, booked_at, 'confirmed', booked_at, interval '15 minutes', 0,
              (ARRAY['visitor', 'staff:1', 'visitor', 'order:7', 'key:5d2f4e8a-3b1c-4d6f-a7e9-8c0b1a2d3f04'])[
                  number %% 5 + 1],
              '', sha256(id::text::bytea)
         FROM visit ORDER BY booked_at""",
    """INSERT INTO booking_hold
              (id, service_id, clinician_id, location_id, starts_at, ends_at, is_remote, price, currency, external_id,
               metadata, created_at, updated_at, status, expires_at, lifetime, extensions, holder, network, token_hash)
       SELECT gen_random_uuid(), service_id, clinician_id, location_id, starts_at, ends_at, false, 60, 'GBP', '', '{}',
              created_at, created_at, 'expired', created_at, lifetime, 0, 'visitor', '', sha256(token_hash)
         FROM booking_hold ORDER BY created_at LIMIT 50000""",
    """INSERT INTO booking_appointment
              (id, service_id, clinician_id, location_id, starts_at, ends_at, is_remote, price, currency, external_id,
               metadata, created_at, updated_at, slot_id, reference, status, patient_id, attendee_name, attendee_email,
               attendee_phone, notes, meeting_url, cancellation_reason, cancellation_note, provider_reference,
               arrived_at, seen_at)
       SELECT id, %(service)s, clinician_id, location_id, starts_at, starts_at + interval '30 minutes', false, 60,
              'GBP', '', '{}', booked_at, booked_at, CASE WHEN number %% 12 > 0 THEN slot_id END,
              'R' || lpad(slot_id::text, 9, '0'),
              CASE number %% 12 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'no_show' ELSE 'completed' END, patient_id,
              'Pat Person', 'pat@patients.example', '', '', '',
              CASE number %% 12 WHEN 0 THEN 'patient_request' ELSE '' END, '', '',
              CASE WHEN number %% 12 > 1 THEN starts_at - interval '5 minutes' END,
              CASE WHEN number %% 12 > 1 THEN starts_at + (number %% 20) * interval '1 minute' END
         FROM visit ORDER BY booked_at""",
    """INSERT INTO booking_event
              (kind, subject_type, subject_id, sequence, created_at, actor, from_status, to_status, data,
               transaction_id)
       SELECT kind, 'booking', id, sequence, at, 'patient', '', '', '{}', pg_current_xact_id()
         FROM (SELECT 'hold.placed' AS kind, id, 1 AS sequence, booked_at AS at FROM visit
               UNION ALL SELECT 'appointment.created', id, 2, booked_at FROM visit
               UNION ALL SELECT 'appointment.cancelled', id, 3, starts_at - (number %% 9) * interval '12 hours'
                           FROM visit WHERE number %% 12 = 0) AS told
        ORDER BY at""",
    "DROP TABLE visit",
]


def make_measures():
    """Return the measures of what the page of figures computes, for its shortest, usual and longest period."""
    make_visits()
    locations = [location.pk for location in Location.objects.all()]
    now = datetime(2026, 12, 1, tzinfo=UTC)
    return {
        f"figures of {days} days": partial(
            compute_figures, Selection(Period(LAST - timedelta(days=days - 1), LAST), locations, now)
        )
        for days in (7, 30, 365)
    }


def make_visits():
    """Replace the clinic by one that is nearly full, for a year until LAST."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE scheduling_location, scheduling_clinician, scheduling_service CASCADE")
    Location.objects.create(name="Harbour Street", address_line_1="12 Harbour Street", city="London")
    service = Service.objects.create(name="Consultation", slug="consultation")
    Clinician.objects.bulk_create(Clinician(name=f"Clinician {n:02}") for n in range(CLINICIANS))
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement, {"service": service.pk, "first": LAST - timedelta(days=364), "last": LAST})
        cursor.execute("VACUUM ANALYZE")
