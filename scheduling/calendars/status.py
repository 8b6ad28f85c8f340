"""What is known of the calendars that openings depend on: when they were last read, and what was not understood."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from scheduling.availability.queries import ALL_HOURS, OpeningFilters
from scheduling.lib.reading import get_read_connection


class CalendarStatus(NamedTuple):
    """A calendar whose busy time is not offered, and its last reading.

    ``unread_days`` has the day of each event that was not understood and that staff do not ignore; None if it has none.
    """

    id: UUID
    clinician_id: UUID | None
    location_id: UUID | None
    last_synced_at: datetime | None
    last_error: str
    unread_days: list[date | None]


class UnreadDay(NamedTuple):
    """How many events on a day were not understood, and a sentence that says so.

    ``day`` is None if they have no readable start.
    """

    day: date | None
    events: int
    message: str


# Hand-written SQL, like that of availability: every answer with free times runs it.
STATUSES = f"""
    SELECT id, clinician_id, location_id, last_synced_at, last_error,
           ARRAY(SELECT day FROM scheduling_unreadevent AS event
                  WHERE event.calendar_id = calendar.id AND ignored_at IS NULL) AS unread_days
      FROM (SELECT calendar.*
              FROM scheduling_calendar AS calendar
              JOIN scheduling_clinician AS clinician ON clinician.id = calendar.clinician_id AND clinician.is_active
              JOIN scheduling_clinician_services AS offered
                   ON offered.clinician_id = clinician.id AND offered.service_id = %(service)s
             WHERE calendar.kind = 'icalendar' AND calendar.is_active
               AND (%(clinicians)s::uuid[] IS NULL OR clinician.id = ANY(%(clinicians)s))
               AND EXISTS (SELECT FROM ({ALL_HOURS}) AS hours
                             JOIN scheduling_location AS location
                                  ON location.id = hours.location_id AND location.is_active
                            WHERE hours.clinician_id = clinician.id
                              AND (%(location)s::uuid IS NULL OR location.id = %(location)s)
                              AND (%(is_remote)s::boolean IS NULL OR hours.is_remote = %(is_remote)s))
             UNION ALL
            SELECT calendar.*
              FROM scheduling_calendar AS calendar
              JOIN scheduling_location AS location ON location.id = calendar.location_id AND location.is_active
             WHERE calendar.kind = 'holidays' AND calendar.is_active
               AND (%(location)s::uuid IS NULL OR location.id = %(location)s)
               AND EXISTS (SELECT FROM ({ALL_HOURS}) AS hours
                             JOIN scheduling_clinician AS clinician
                                  ON clinician.id = hours.clinician_id AND clinician.is_active
                             JOIN scheduling_clinician_services AS offered
                                  ON offered.clinician_id = clinician.id AND offered.service_id = %(service)s
                            WHERE hours.location_id = location.id
                              AND (%(clinicians)s::uuid[] IS NULL OR clinician.id = ANY(%(clinicians)s))
                              AND (%(is_remote)s::boolean IS NULL OR hours.is_remote = %(is_remote)s))) AS calendar
     ORDER BY id
"""  # noqa: S608 nothing but the constant above goes in


def list_calendar_statuses(filters: OpeningFilters) -> list[CalendarStatus]:
    """Return the status of each calendar that the openings of ``filters`` depend on."""
    parameters = {
        "service": filters.service.pk,
        "clinicians": filters.clinician_ids,
        "location": filters.location_id,
        "is_remote": filters.is_remote,
    }
    with get_read_connection().cursor() as cursor:
        cursor.execute(STATUSES, parameters)
        return [CalendarStatus(*row) for row in cursor]


def describe_unread_days(days: Iterable[date | None], *, today: date, are_ignored: bool = False) -> list[UnreadDay]:
    """Return an UnreadDay for each of the days of events that were not understood, those without a day last.

    Its message has no word of the events, and names the year only if that is not today's.
    """
    counts = Counter(days)
    return [
        UnreadDay(day, counts[day], _describe_unread(day, counts[day], today, are_ignored))
        for day in sorted(counts, key=lambda day: (day is None, day))
    ]


def _describe_unread(day, events, today, are_ignored):
    subject, verb, them = ("1 event", "was", "it") if events == 1 else (f"{events} events", "were", "them")
    if day is None:
        when, effect = "without a readable start", f"nothing is closed for {them}"
    else:
        year = "" if day.year == today.year else f" {day.year}"
        when, effect = f"on {day.day} {day:%B}{year}", "that day is closed"
    if are_ignored:
        effect = f"staff ignore {them}"
    return f"{subject} {when} {verb} not understood; {effect}."
