"""A group of clinics of any size with years behind it, written by COPY.

What was booked in the last months was booked here: it has a hold, three events, an outbox and reminders. What is older
was brought along, as an import does it: a slot, an appointment and an event. Hashes decide what is booked and by whom.
"""

from math import ceil

from django.db import connection

from booking.models import WebhookEndpoint
from scheduling.models import Clinician, Location, Service
from tests.bench.patients import make_patients

VISITS_A_DAY = 8.4  # of each clinician: of 14 half hours 60 %; of the days ahead about half of that by now
DAYS_AHEAD = 45
DAYS_BOOKED_HERE = 120
AT_LOCATION = 10  # clinicians

PREPARE = [
    """CREATE UNLOGGED TABLE bench_clinician AS
       SELECT clinician.id, location.id AS location_id, clinician.name
         FROM (SELECT id, name, row_number() OVER (ORDER BY name) - 1 AS n FROM scheduling_clinician) AS clinician
         JOIN (SELECT id, row_number() OVER (ORDER BY name) - 1 AS n FROM scheduling_location) AS location
           ON location.n = clinician.n / %(at_location)s""",
    """INSERT INTO scheduling_workinghours (clinician_id, location_id, weekday, start_time, end_time, is_remote)
       SELECT id, location_id, weekday, spell.start_time, spell.end_time, false
         FROM bench_clinician, generate_series(0, 4) AS weekday,
              (VALUES (time '09:00', time '12:30'), ('13:30', '17:00')) AS spell(start_time, end_time)""",
    """CREATE UNLOGGED TABLE bench_patient AS
       SELECT row_number() OVER () AS n, id, first_name || ' ' || last_name AS name, email, phone
         FROM patients_patient""",
    # In the order in which they were booked, as they would be.
    """CREATE UNLOGGED TABLE bench_visit AS
       SELECT gen_random_uuid() AS id, row_number() OVER () AS number, visit.*,
              CASE WHEN status <> 'cancelled' THEN row_number() OVER () END AS slot_id,
              booked_at > now() - %(booked_here)s * interval '1 day' AS is_ours
         FROM (SELECT clinician.id AS clinician_id, location_id, starts_at, hash, booked_at,
                      starts_at + interval '30 minutes' AS ends_at,
                      CASE WHEN hash %% 12 = 0 THEN 'cancelled' WHEN starts_at > now() THEN 'confirmed'
                           WHEN hash %% 12 = 1 THEN 'no_show' ELSE 'completed' END AS status
                 FROM bench_clinician AS clinician,
                      generate_series(current_date - %(past)s::int, current_date + %(ahead)s::int, interval '1 day')
                      AS day,
                      generate_series(0, 15) AS half_hour,
              LATERAL (SELECT (day + interval '9 hours' + half_hour * interval '30 minutes')
                              AT TIME ZONE 'Europe/London' AS starts_at,
                              abs(hashtext(name || day || half_hour)::bigint) AS hash) AS start,
              LATERAL (SELECT starts_at - (hash / 100 %% 40 + 1) * interval '1 day'
                              + hash / 4000 %% 36000 * interval '1 second' AS booked_at) AS booking
                WHERE extract(isodow FROM day) < 6 AND half_hour NOT IN (7, 8) AND hash %% 100 < 60
                  AND booked_at < now()
                ORDER BY booked_at) AS visit""",
]

COLUMNS = {
    "scheduling_slot": "id, clinician_id, location_id, lane, is_double, period, taken_at",
    "booking_hold": """id, service_id, clinician_id, location_id, starts_at, ends_at, is_remote, price, currency,
        created_at, updated_at, status, expires_at, lifetime, extensions, holder, network, token_hash, slot_id""",
    "booking_appointment": """id, service_id, clinician_id, location_id, starts_at, ends_at, is_remote, price, currency,
        created_at, updated_at, slot_id, reference, status, patient_id, attendee_name, attendee_email, attendee_phone,
        notes, meeting_url, cancellation_reason, cancellation_note, provider_reference, verification""",
    "booking_event": """id, kind, subject_type, subject_id, location_id, sequence, created_at, actor, from_status,
        to_status, data, announcement, transaction_id""",
    "booking_outboxmessage": """id, kind, payload, endpoint_id, status, due_at, attempts, last_error, response_status,
        created_at, done_at""",
    "booking_reminder": "id, appointment_id, channel, due_at, status, skip_reason, settled_at",
    "booking_idempotentanswer": """id, api_key_holder, route, idempotency_key, request_hash, status, body, headers,
        about, created_at""",
}
# Of three holds that are confirmed one more runs out; where they came from is forgotten after two days.
ROWS = {
    "scheduling_slot": """
        SELECT slot_id, clinician_id, location_id, 0, false, tstzrange(starts_at, ends_at), booked_at
          FROM bench_visit WHERE slot_id IS NOT NULL""",
    "booking_hold": """
        SELECT CASE WHEN lapsed THEN gen_random_uuid() ELSE id END, {service}, clinician_id, location_id, starts_at,
               ends_at, false, 60, 'GBP', booked_at, booked_at, CASE WHEN lapsed THEN 'expired' ELSE 'confirmed' END,
               booked_at + interval '15 minutes', interval '15 minutes', 0, 'visitor',
               CASE WHEN booked_at > now() - interval '2 days' THEN 'network ' || hash % 5000 ELSE '' END,
               sha256((id || lapsed::text)::bytea), CASE WHEN NOT lapsed THEN slot_id END
          FROM bench_visit, (VALUES (false), (true)) AS copy(lapsed)
         WHERE is_ours AND (NOT lapsed OR number % 3 = 0)""",
    "booking_appointment": """
        SELECT visit.id, {service}, clinician_id, location_id, starts_at, ends_at, false, 60, 'GBP', booked_at,
               CASE WHEN status = 'confirmed' THEN booked_at ELSE ends_at END, slot_id,
               'R' || lpad(number::text, 9, '0'), status, patient.id, name, email, phone, '', '',
               CASE status WHEN 'cancelled' THEN 'patient_request' ELSE '' END, '', '',
               CASE WHEN is_ours THEN 'waived' ELSE '' END
          FROM bench_visit AS visit JOIN bench_patient AS patient ON n = hash % {patients} + 1""",
    # As if a transaction had written each: the planner is to see how many there are.
    "booking_event": """
        SELECT row_number() OVER (), kind, 'booking', id, location_id, sequence, booked_at, 'patient', '', '', '{{}}',
               CASE WHEN is_ours AND kind <> 'hold.confirmed' THEN
                    jsonb_build_object('id', id, 'status', visit.status, 'appointment_type_id', {service},
                                       'clinician_id', clinician_id, 'location_id', location_id, 'start_time',
                                       starts_at, 'end_time', ends_at, 'is_remote', false, 'order_id', NULL) END,
               (100 + number * 600 / {visits})::text::xid8
          FROM bench_visit AS visit,
               (VALUES ('hold.placed', 1), ('hold.confirmed', 2), ('appointment.created', 3)) AS told(kind, sequence)
         WHERE is_ours OR sequence = 3""",
    # An e-mail and two deliveries of each booking, for thirty days.
    "booking_outboxmessage": """
        SELECT gen_random_uuid(), CASE copy WHEN 1 THEN 'email.appointment_confirmed' ELSE 'webhook.event' END,
               CASE copy WHEN 1 THEN jsonb_build_object('appointment', id)
                         ELSE jsonb_build_object('type', 'appointment.created', 'timestamp', booked_at, 'data',
                                                 jsonb_build_object('id', id, 'status', status, 'clinician_id',
                                                                    clinician_id, 'location_id', location_id,
                                                                    'sequence', copy)) END,
               CASE WHEN copy > 1 THEN {endpoint} END, 'done', booked_at, 1, '', CASE WHEN copy > 1 THEN 200 END,
               booked_at, booked_at
          FROM bench_visit, generate_series(1, 3) AS copy WHERE booked_at > now() - interval '30 days'""",
    "booking_reminder": """
        SELECT gen_random_uuid(), id, 'email', starts_at - interval '24 hours',
               CASE WHEN starts_at - interval '24 hours' < now() THEN 'sent' ELSE 'waiting' END, '',
               CASE WHEN starts_at - interval '24 hours' < now() THEN starts_at - interval '24 hours' END
          FROM bench_visit WHERE is_ours AND slot_id IS NOT NULL AND booked_at < starts_at - interval '24 hours'""",
    "booking_idempotentanswer": """
        SELECT number * 2 + copy, {endpoint}, 'POST /api/v1/holds', id::text || copy, sha256(id::text::bytea), 201,
               sha256(id::text::bytea), '{{}}', ARRAY[id], booked_at
          FROM bench_visit, generate_series(0, 1) AS copy WHERE booked_at > now() - interval '24 hours'""",
}


def make_group(visits):
    """Replace the clinic by a group of about so many ``visits``, and return the service of all its clinicians."""
    clinicians = min(2_000, max(20, visits // 5_000))
    days = ceil(visits / clinicians / VISITS_A_DAY * 7 / 5)
    patients = max(2_000, visits // 5)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(ROWS)}, patients_patient CASCADE")
        cursor.execute("TRUNCATE scheduling_location, scheduling_clinician, scheduling_service CASCADE")
    make_patients(patients, others=0)
    Location.objects.bulk_create(
        Location(name=f"Clinic {n:04}", address_line_1=f"{n} Harbour Street", city="London")
        for n in range(clinicians // AT_LOCATION)
    )
    service = Service.objects.create(name="Consultation", slug="consultation")
    people = Clinician.objects.bulk_create(Clinician(name=f"Clinician {n:04}") for n in range(clinicians))
    service.clinicians.set(people)
    WebhookEndpoint.objects.all().delete()
    endpoint = WebhookEndpoint.objects.create(url="http://127.0.0.1:9/", secret="whsec_bench", answers_fast=True)
    with connection.cursor() as cursor:
        for statement in PREPARE:
            cursor.execute(
                statement,
                {
                    "at_location": AT_LOCATION,
                    "booked_here": DAYS_BOOKED_HERE,
                    "past": max(0, days - DAYS_AHEAD // 2),
                    "ahead": DAYS_AHEAD,
                },
            )
        cursor.execute("ANALYZE bench_clinician, bench_patient, bench_visit")
        cursor.execute("SELECT count(*) FROM bench_visit")
        [made] = cursor.fetchone()
    names = {"service": f"'{service.pk}'::uuid", "endpoint": f"'{endpoint.pk}'::uuid"}
    fill_tables({name: rows.format(**names, patients=patients, visits=made) for name, rows in ROWS.items()})
    return service


def fill_tables(rows):
    """Fill each table with the rows of its query, and build its indexes afterwards: minutes instead of hours."""
    connection.ensure_connection()
    other = connection.copy()
    with connection.cursor() as reader, other.cursor() as writer:
        # What stands in the order of time stays so: no workers, and a hash that fits into memory.
        reader.execute("SET max_parallel_workers_per_gather = 0")
        reader.execute("SET work_mem = '1GB'")
        # As their owner, and as a replica does: the triggers of slots and foreign keys would ask of each row whether it
        # is right. The log's triggers forbid only to change it.
        writer.execute("SET session_replication_role = replica")
        writer.execute("SET maintenance_work_mem = '1GB'")
        for table, query in rows.items():
            # An index that is not ready is not written to, until REINDEX makes it anew.
            writer.execute("UPDATE pg_index SET indisready = false WHERE indrelid = %s::regclass", [table])
            copy(reader, query, writer, table)
            if table == "scheduling_slot":  # REINDEX would compare each slot with all others of its clinician
                writer.execute(f"VACUUM FULL {table}")
                writer.execute("UPDATE pg_index SET indisready = true WHERE indrelid = %s::regclass", [table])
            else:
                writer.execute(f"REINDEX TABLE {table}")
            writer.execute(f"VACUUM ANALYZE {table}")
        for table in ("scheduling_slot", "booking_event", "booking_idempotentanswer"):
            last = f"(SELECT max(id) FROM {table})"
            writer.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")
        writer.execute("DROP TABLE bench_clinician, bench_patient, bench_visit")
        writer.execute("VACUUM ANALYZE scheduling_clinician, scheduling_clinician_services, scheduling_workinghours")
    other.close()
    connection.close()  # what was set goes with it


def copy(reader, query, writer, table):
    """Copy the rows of a query into a table."""
    with (
        reader.copy(f"COPY ({query}) TO STDOUT") as rows,
        writer.copy(f"COPY {table} ({COLUMNS[table]}) FROM STDIN") as into,
    ):
        for row in rows:
            into.write(row)
