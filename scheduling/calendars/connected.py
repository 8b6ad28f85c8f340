"""Which calendars decide who is offered."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection


class Connected(NamedTuple):
    """A calendar whose busy time is not offered, and how it fares."""

    id: UUID
    clinician_id: UUID
    last_synced_at: datetime | None
    last_error: str


# By hand, like what availability reads: every answer with free times asks for it.
CONNECTED = """
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


def get_connection_url(service, *, clinicians=None, location=None, is_remote=None):
    """Return the calendars that openings of a service depend on, as Connected; ``clinicians`` has ids."""
    parameters = {
        "service": service.pk,
        "clinicians": clinicians,
        "location": location and location.pk,
        "is_remote": is_remote,
    }
    with connection.cursor() as cursor:
        cursor.execute(CONNECTED, parameters)
        return [Connected(*row) for row in cursor]
