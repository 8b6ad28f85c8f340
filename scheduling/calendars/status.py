"""When the calendars that openings depend on were last read, and why one could not be."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from scheduling.availability.queries import OpeningFilters


class CalendarStatus(NamedTuple):
    """A calendar whose busy time is not offered, and its last reading."""

    id: UUID
    clinician_id: UUID
    last_synced_at: datetime | None
    last_error: str


# Hand-written SQL, like that of availability: every answer with free times runs it.
STATUSES = """
    SELECT calendar.id, calendar.clinician_id, calendar.last_synced_at, calendar.last_error
      FROM scheduling_calendar AS calendar
      JOIN scheduling_clinician AS clinician ON clinician.id = calendar.clinician_id AND clinician.is_active
      JOIN scheduling_clinician_services AS offered
           ON offered.clinician_id = clinician.id AND offered.service_id = %(service)s
     WHERE calendar.kind = 'icalendar' AND calendar.is_active
       AND (%(clinicians)s::uuid[] IS NULL OR clinician.id = ANY(%(clinicians)s))
       AND EXISTS (SELECT FROM scheduling_workinghours AS hours
                     JOIN scheduling_location AS location ON location.id = hours.location_id AND location.is_active
                    WHERE hours.clinician_id = clinician.id
                      AND (%(location)s::uuid IS NULL OR location.id = %(location)s)
                      AND (%(is_remote)s::boolean IS NULL OR hours.is_remote = %(is_remote)s))
     ORDER BY calendar.id
"""


def list_calendar_statuses(filters: OpeningFilters) -> list[CalendarStatus]:
    """Return the status of each calendar that the openings of ``filters`` depend on."""
    parameters = {
        "service": filters.service.pk,
        "clinicians": filters.clinician_ids,
        "location": filters.location_id,
        "is_remote": filters.is_remote,
    }
    with connection.cursor() as cursor:
        cursor.execute(STATUSES, parameters)
        return [CalendarStatus(*row) for row in cursor]
