"""Write what a run has left, in the database and at the receivers, to files that the checker reads."""

import json
from email import message_from_string
from email.policy import default

import psycopg
from psycopg.rows import dict_row

from tests.proof.history import write_rows

TABLES = {
    "moment": "SELECT clock_timestamp() AS now",
    "holds": "SELECT id, status, external_id FROM booking_hold",
    "appointments": "SELECT id, status, reference, attendee_email FROM booking_appointment",
    "events": """SELECT subject_type, subject_id, sequence, kind, created_at, from_status, to_status, announcement
                   FROM booking_event ORDER BY id""",
    "slots": """SELECT clinician_id, lower(period) AS "from", upper(period) AS until, expires_at
                  FROM scheduling_slot""",
    "services": "SELECT id, buffer_before, buffer_after FROM scheduling_service",
    "patients": "SELECT id, last_name FROM patients_patient",
}


def write_everything(folder, installation):
    """Write tables, mails and deliveries to ``folder``."""
    primary = installation.cluster.primary
    with psycopg.connect(primary.url(installation.database), row_factory=dict_row) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name, statement in TABLES.items():
            write_rows(folder / f"{name}.jsonl", connection.execute(statement))
    write_rows(folder / "mails.jsonl", map(read_mail, installation.mailbox.accepted))
    write_rows(folder / "deliveries.jsonl", map(read_delivery, installation.receiver.requests))


def read_mail(text):
    headers = message_from_string(text.split("\n\n", 1)[0], policy=default)
    return {"id": headers["Message-ID"], "to": headers["To"], "subject": headers["Subject"]}


def read_delivery(request):
    _, _, headers, body = request
    return {"id": headers["webhook-id"], **json.loads(body)}
