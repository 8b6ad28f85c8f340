"""Write a dump of a small filled clinic, as the present release leaves it.

    .venv/bin/python -m tests.upgrade.make_dump tests/upgrade/2026-11-28.sql.gz

A change of the schema adds a dump of its own, made after it, with rows that it brought: the older ones stay, since
there are installations like them. None is ever made again.
"""

import gzip
import os
import subprocess
import sys
import tempfile
from datetime import date, time, timedelta
from pathlib import Path

import django

from booking.dev.postgres import BINARIES, postgres
from booking.dev.pytest_servers import ENVIRONMENT

# Two clinicians and what they do are enough. The log is append-only, unless its trigger is asleep.
TRIM = """
    SET session_replication_role = replica;
    CREATE TEMPORARY TABLE other AS
           SELECT id FROM booking_hold
            WHERE clinician_id NOT IN (SELECT id FROM scheduling_clinician ORDER BY name LIMIT 2)
              AND status = 'confirmed' AND order_id IS NULL;
    DELETE FROM scheduling_slot
     WHERE id IN (SELECT slot_id FROM booking_hold WHERE id IN (SELECT id FROM other));
    DELETE FROM booking_event WHERE subject_id IN (SELECT id FROM other);
    DELETE FROM booking_appointment WHERE id IN (SELECT id FROM other);
    DELETE FROM booking_hold WHERE id IN (SELECT id FROM other);
    DROP TABLE other;
    SET session_replication_role = DEFAULT;
"""


def fill_clinic():
    """Have the demo's clinic, and a row or two of what it lacks."""
    from django.core.management import call_command
    from django.db import connection

    from booking.access.access_tokens import issue_token
    from booking.access.api_keys import create_key
    from booking.access.signatures import make_secret
    from booking.dev.clinic import create_clinic, create_staff
    from booking.domain import patients
    from booking.domain.appointments import annotate
    from booking.domain.client_users import create_client_user
    from booking.domain.patient_drafts import write_draft
    from booking.models import ApiKey, Appointment, CalendarFeed, WebhookEndpoint
    from patients.models import Patient, PossibleDuplicate
    from scheduling.models import Calendar, Clinician, ExtraHours, Location, UnreadEvent, WorkingHours

    call_command("migrate", verbosity=0)
    create_clinic()
    create_staff("staff of the dump")
    with connection.cursor() as cursor:
        cursor.execute(TRIM)
    Patient.objects.filter(appointments=None, orders=None, holds=None, first_name__lt="K").exclude(
        last_name="Moss"
    ).delete()
    key, _ = create_key(name="the practice's system", kind=ApiKey.Kind.SECRET, scopes=ApiKey.Scope.values)
    issue_token(key, scopes=[ApiKey.Scope.READ_APPOINTMENTS])
    write_draft(
        Patient(first_name="Alice", last_name="Archer", email="alice@example.org"),
        holder=key.holder,
        origin="https://practice.example",
        network="a home",
    )
    create_client_user("PAT-0042")
    appointment = Appointment.objects.filter(status="confirmed").earliest("starts_at", "pk")
    annotate(appointment, actor=key.actor, external_id="VISIT-881", metadata={"campaign": "spring"})
    WebhookEndpoint.objects.create(
        url="https://practice.example/hooks", secret=make_secret(), description="The practice's system"
    )
    clinician = Clinician.objects.order_by("name").first()
    Calendar.objects.create(
        clinician=clinician, name="At home", url="https://calendar.example/private", is_active=False
    )
    CalendarFeed.objects.create(clinician=clinician, token_hash=bytes(32))
    location = Location.objects.order_by("name").first()
    holidays = Calendar.objects.create(
        kind="holidays", location=location, name="Holidays", url="https://calendar.example/holidays", is_active=False
    )
    UnreadEvent.objects.create(calendar=holidays, fingerprint="0" * 64, day=date(2026, 12, 14))
    ExtraHours.objects.create(
        clinician=clinician, location=location, date=date(2026, 12, 19), start_time=time(9), end_time=time(12)
    )
    WorkingHours.objects.create(
        clinician=clinician,
        location=location,
        weekday=WorkingHours.Weekday.SUNDAY,
        start_time=time(9),
        end_time=time(12),
        valid_from=date(2026, 11, 30),
        valid_until=date(2027, 1, 31),
        every_weeks=2,
    )
    Patient.objects.create(last_name="Suharto", phone="+442079460123", phone_extension="204")
    pair = PossibleDuplicate.objects.get()
    patients.merge(keep=pair.patient, duplicate=pair.other, actor="staff:1")
    fill_protection(appointment, location)
    fill_diary(appointment, clinician, location)
    connection.close()


def fill_diary(appointment, clinician, location):
    """Have a row of each kind that the diary and its staff brought."""
    from django.contrib.auth.models import User

    from booking.domain.imports.running import start_check
    from booking.models import StaffMember, StrandedVisit
    from scheduling.lib.clock import database_now
    from scheduling.models import TimeOffRequest

    now = database_now()
    member = StaffMember.objects.create(user=User.objects.get(username="erin"), has_all_locations=False)
    member.locations.add(location)
    TimeOffRequest.objects.create(
        clinician=clinician, starts_at=now, ends_at=now + timedelta(days=1), reason="a course"
    )
    StrandedVisit.objects.create(appointment=appointment, cause=StrandedVisit.Cause.AWAY, since=now)
    start_check("patients", b"first_name,email\nKim,kim@example.org\n", is_announced=False, actor="staff:1")


def fill_protection(appointment, location):
    """Have a row of each kind that protects the clinic and its patients."""
    from booking.access import sign_in_log
    from booking.access.email_addresses import allow_email
    from booking.domain.appointments import revoke_links
    from booking.domain.erasure import erase_patient, restrict_patient
    from booking.domain.location_activity import count_activity
    from booking.domain.patient_access import record_access
    from booking.models import Appointment, Hold, PatientAccess, SignInEvent, SolvedChallenge
    from patients.matching import note_privacy_notice
    from patients.models import Patient
    from scheduling.lib.clock import database_now

    Appointment.objects.filter(pk=appointment.pk).update(verification=Appointment.Verification.WAIVED)
    Hold.objects.filter(pk=appointment.pk).update(network="a home", page="booking.clinic.example", must_verify=False)
    appointment.refresh_from_db()
    revoke_links(appointment, actor="staff:1")
    note_privacy_notice(appointment.patient, "2026-11", at=database_now())
    allow_email("alice@example.org")
    SolvedChallenge.objects.create(challenge_hash=bytes(32), expires_at=database_now())
    count_activity()
    record_access([appointment.patient_id], action=PatientAccess.Action.VIEW, actor="staff:1", page="admin:index")
    sign_in_log.record(SignInEvent.Kind.FAILED, account=sign_in_log.get_account_id("erin"))
    erased, restricted = (Patient.objects.create(last_name=name) for name in ("Gone", "Kept"))
    erase_patient(erased.pk, actor="staff:1")
    restrict_patient(restricted.pk, reason="a complaint", actor="staff:1")


def write_dump(url, path):
    """Write the database at ``url`` into a file that does not exist yet."""
    command = [BINARIES / "pg_dump", "--no-owner", "--no-privileges", "--dbname", url]
    dump = subprocess.run(command, capture_output=True, check=True).stdout
    with open(path, "xb") as file:
        file.write(gzip.compress(dump, mtime=0))


def main(path):
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder), durable=False) as url:
        # So that what is encrypted in it can be read in the tests.
        os.environ |= ENVIRONMENT | {
            "DJANGO_SETTINGS_MODULE": "booking.settings",
            "DATABASE_URL": url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
        }
        django.setup()
        fill_clinic()
        write_dump(url, path)


if __name__ == "__main__":
    main(sys.argv[1])
