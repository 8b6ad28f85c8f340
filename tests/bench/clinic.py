"""A clinic of any size, generated in SQL: weekdays 9 to 12:30 and 13:30 to 17, 60 % booked."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from scheduling.availability.openings import as_instant
from scheduling.calendars.storing import store_busy
from scheduling.models import Calendar, Clinician, Location, Service

DAYS_AHEAD = 14  # days with future slots; all other slots lie in the past

HOURS = """
    INSERT INTO scheduling_workinghours (clinician_id, location_id, weekday, start_time, end_time, is_remote)
    SELECT clinician.id, location.id, weekday, spell.start_time, spell.end_time, false
      FROM scheduling_clinician AS clinician, scheduling_location AS location, generate_series(0, 4) AS weekday,
           (VALUES (time '09:00', time '12:30'), ('13:30', '17:00')) AS spell(start_time, end_time)
"""

# A hash decides which half hours are booked, so two runs measure the same clinic.
SLOTS = """
    INSERT INTO scheduling_slot (clinician_id, location_id, period, taken_at)
    SELECT clinician.id, location.id,
           tstzrange(local AT TIME ZONE 'Europe/London', (local + interval '30 minutes') AT TIME ZONE 'Europe/London'),
           now()
      FROM scheduling_location AS location, scheduling_clinician AS clinician,
           generate_series(current_date - %(past)s::int, current_date + %(ahead)s::int, interval '1 day') AS day,
           generate_series(0, 15) AS half_hour,
           LATERAL (SELECT day + interval '9 hours' + half_hour * interval '30 minutes' AS local) AS start
     WHERE extract(isodow FROM day) < 6 AND half_hour NOT IN (7, 8)
       AND abs(hashtext(clinician.name || local)) %% 100 < 60
"""


def make_clinic(*, clinicians, slots):
    """Replace the schedule by one of about ``slots`` slots, and return the service of all clinicians."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE scheduling_location, scheduling_clinician, scheduling_service CASCADE")
    Location.objects.create(name="Harbour Street", address_line_1="12 Harbour Street", city="London")
    service = Service.objects.create(
        name="Consultation", slug="consultation", notice=timedelta(), step=timedelta(minutes=30)
    )
    people = Clinician.objects.bulk_create(Clinician(name=f"Clinician {n:03}") for n in range(clinicians))
    service.clinicians.set(people)
    per_day = clinicians * 14 * 0.6 * 5 / 7
    with connection.cursor() as cursor:
        cursor.execute(HOURS)
        cursor.execute(SLOTS, {"past": int(slots / per_day) - DAYS_AHEAD, "ahead": DAYS_AHEAD})
        cursor.execute("VACUUM ANALYZE")
    return service


COPIES = """
    INSERT INTO scheduling_{table} (clinician_id, {columns})
    SELECT copy.id, {columns}
      FROM scheduling_{table}
      JOIN scheduling_clinician AS clinician ON clinician.id = clinician_id
      JOIN scheduling_clinician AS copy ON copy.name = clinician.name AND copy.id <> clinician.id
"""
COPIED = {
    "workinghours": "location_id, weekday, start_time, end_time, is_remote",
    "slot": "location_id, period, taken_at",
}


def copy_service(service, *, events):
    """Return a copy of the service whose clinicians also have ``events`` events each in their own calendars.

    The events lie in the evenings of the next two weeks, so the openings stay the same.
    """
    copy = Service.objects.create(
        name=service.name, slug="copy", notice=service.notice, step=service.step, duration=service.duration
    )
    people = Clinician.objects.bulk_create(Clinician(name=one.name) for one in service.clinicians.all())
    copy.clinicians.set(people)
    with connection.cursor() as cursor:
        for table, columns in COPIED.items():
            cursor.execute(COPIES.format(table=table, columns=columns))
    now = timezone.now()
    evening = now.replace(hour=18, minute=0, second=0, microsecond=0)
    starts = [as_instant(evening + timedelta(days=n % 14, minutes=n // 14 * 20)) for n in range(events)]
    busy = sorted((start, start + 15 * 60) for start in starts)
    for clinician in people:
        calendar = Calendar.objects.create(
            clinician=clinician,
            name="own",
            url="https://calendar.example/private.ics",
            last_synced_at=now,
            last_tried_at=now,
            read_until=now + timedelta(days=400),
            due_at=now + timedelta(days=1),
        )
        store_busy(calendar, busy)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return copy
