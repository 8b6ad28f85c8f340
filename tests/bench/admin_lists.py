"""How fast the staff's lists are at 30 clinicians and 100,000 visits: first and last pages, searches and filters."""

from time import perf_counter
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.models import Appointment
from tests.bench.staff_figures import make_visits

LIMIT_MS = 300
REPEATS = 3

# Names that can be told apart: a first, a middle and a last word from three lists, as patients' own are.
NAME_PATIENTS = """
    UPDATE patients_patient AS patient
       SET first_name = initcap(name.first), last_name = initcap(name.last), archived_at = NULL,
           email = name.first || '.' || name.last || number || '@patients.example',
           phone = '+4420794' || lpad((number %% 100000)::text, 5, '0'),
           date_of_birth = date '1940-01-01' + (number * 37 %% 27000)::int,
           normalized_name = name.first || ' ' || name.last, name_words = ' ' || name.last || ' ' || name.first || ' '
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM patients_patient) AS numbered,
   LATERAL (SELECT substr(translate(md5(number::text), '0123456789', 'ghijklmnop'), 1, 6) AS first,
                   substr(translate(md5('x' || number), '0123456789', 'ghijklmnop'), 1, 8) AS last) AS name
     WHERE numbered.id = patient.id
"""
MORE_PATIENTS = """
    INSERT INTO patients_patient
           (id, first_name, last_name, email, phone, nhs_number, external_id, metadata, created_at, updated_at,
            normalized_name, name_words, name_spellings)
    SELECT gen_random_uuid(), 'Pat', 'Person', '', '', '', '', '{}', now(), now(), '', '', '{}'
      FROM generate_series(1, 80000) AS n
"""
NAME_ATTENDEES = """
    UPDATE booking_appointment AS visit
       SET attendee_name = first_name || ' ' || last_name, attendee_email = email, attendee_phone = phone
      FROM patients_patient AS patient WHERE patient.id = visit.patient_id
"""
LOOKS = """
    INSERT INTO booking_patientaccess (action, actor, patient_ids, page, address, created_at)
    SELECT 'view', 'staff:' || n %% 20, ARRAY[id], 'admin:patients_patient_change', NULL,
           now() - n * interval '1 minute'
      FROM (SELECT id, row_number() OVER () AS n FROM patients_patient) AS shown
"""
BY_STAFF = """
    INSERT INTO booking_event
           (kind, subject_type, subject_id, sequence, created_at, actor, from_status, to_status, data, transaction_id)
    SELECT 'appointment.updated', 'booking', id, 9, created_at, 'staff:' || (number %% 20 + 2), '', '',
           '{"changed": ["notes"]}', pg_current_xact_id()
      FROM (SELECT id, created_at, row_number() OVER () AS number FROM booking_appointment) AS visit ORDER BY created_at
"""
TABLES = ("patients_patient", "booking_appointment", "booking_event", "booking_hold", "booking_patientaccess")


def make_data():
    """Write the clinic of the figures' tests, with patients who have names, and looks at them."""
    if not Appointment.objects.exists():  # it may be that of the managers' figures
        make_visits()
    with connection.cursor() as cursor:
        for statement in (MORE_PATIENTS, NAME_PATIENTS, NAME_ATTENDEES, LOOKS, BY_STAFF):
            cursor.execute(statement, {})
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")


def list_pages():
    """Return the pages to measure, as pairs of a name and an address."""
    from booking.models import Event
    from patients.models import Patient
    from scheduling.models import Clinician

    visit = Appointment.objects.select_related("patient").order_by("-starts_at")[1000]
    patient, clinician = visit.patient, Clinician.objects.earliest("name")
    day = visit.starts_at.date().isoformat()

    def address(model, **query):
        return reverse(f"admin:{model}_changelist") + (f"?{urlencode(query)}" if query else "")

    visits, people, log = "booking_appointment", "patients_patient", "booking_event"
    return [
        ("appointments: today", address(visits)),
        ("appointments: a day", address(visits, day=day)),
        ("appointments: any day", address(visits, day="any")),
        ("appointments: any day, last page", address(visits, day="any", p=200)),
        ("appointments: past, last page", address(visits, day="past", p=200)),
        ("appointments: from now on", address(visits, day="coming")),
        ("appointments: of a clinician", address(visits, day="any", clinician__id__exact=clinician.pk)),
        ("appointments: cancelled", address(visits, day="any", status__exact="cancelled")),
        ("appointments: by name", address(visits, day="any", o="2")),
        ("appointments: by service, last page", address(visits, day="any", o="4", p=200)),
        ("appointments: search a name", address(visits, q=patient.last_name)),
        ("appointments: search a reference", address(visits, q=visit.reference)),
        ("appointments: search nobody", address(visits, q="nobody at all")),
        ("appointments: search four digits", address(visits, q=patient.phone[-4:])),
        ("an appointment", reverse("admin:booking_appointment_change", args=[visit.pk])),
        ("patients", address(people)),
        ("patients: last page", address(people, p=100)),
        ("patients: by birth date, last page", address(people, o="2", p=100)),
        ("patients: by phone", address(people, o="4")),
        ("patients: archived too", address(people, archived="all")),
        ("patients: search", address(people, q=patient.last_name[:3])),
        ("patients: search nobody", address(people, q="qqqq zzzz")),
        ("a patient", reverse("admin:patients_patient_change", args=[patient.pk])),
        ("log", address(log)),
        ("log: last page", address(log, p=200)),
        ("log: a day", address(log, day=day)),
        ("log: of a member of staff", address(log, who="staff:7")),
        ("log: of a member of staff who did nothing", address(log, who="staff:99999")),
        ("log: of programs", address(log, who="key:")),
        ("log: of a patient", address(log, patient=patient.pk)),
        ("log: of orders", address(log, about="order")),
        ("log: search a reference", address(log, q=visit.reference)),
        ("holds", address("booking_hold")),
        ("holds: last page", address("booking_hold", p=100)),
        ("slots", address("scheduling_slot")),
        ("slots: last page", address("scheduling_slot", p=100)),
        ("who saw whom", address("booking_patientaccess")),
        ("who saw whom: last page", address("booking_patientaccess", p=200)),
        ("to confirm", address("booking_unconfirmed")),
        ("unusual bookings", address("booking_unusualbooking")),
        ("possible duplicates", address("patients_possibleduplicate")),
        ("old records", address("booking_oldrecord")),
        ("outbox", address("booking_outboxmessage")),
        ("clinicians", address("scheduling_clinician")),
        ("a clinician", reverse("admin:scheduling_clinician_change", args=[clinician.pk])),
        (f"{Event.objects.count():,} events, {Patient.objects.count():,} patients: start page", reverse("admin:index")),
    ]


def measure(browser, address):
    """Return the status, the best time in ms and the number of queries of a page."""
    browser.get(address, secure=True)
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        response = browser.get(address, secure=True)
        times.append((perf_counter() - start) * 1000)
    with CaptureQueriesContext(connection) as captured:
        browser.get(address, secure=True)
    return response.status_code, min(times), len(captured)


# Without files that `collectstatic` has named.
PLAIN_FILES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


@override_settings(STORAGES=settings.STORAGES | PLAIN_FILES, ALLOWED_HOSTS=["testserver"], SECOND_FACTOR_GROUPS=[])
def print_admin_lists():
    """Print how long each page of the staff's takes in the process, its queries included."""
    make_data()
    user = User.objects.create_superuser("bench")
    browser = Client()
    browser.force_login(user)
    slow = 0
    print(f"Staff's lists, 30 clinicians × 117,000 visits, 100,000 patients; at most {LIMIT_MS} ms")
    for name, address in list_pages():
        status, best, queries = measure(browser, address)
        slow += best > LIMIT_MS
        mark = " ← slow" if best > LIMIT_MS else ""
        print(f"  {name:55} {status} {best:7.0f} ms {queries:4} queries{mark}")
    print(f"  slower than {LIMIT_MS} ms: {slow}")
