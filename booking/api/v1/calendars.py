"""What availability says of the clinicians' own calendars: whether it knows them as they are now."""

from django.utils import timezone
from rest_framework import serializers

from booking.api.fields import Moment
from scheduling.availability.queries import OpeningFilters
from scheduling.calendars.status import list_calendar_statuses
from scheduling.calendars.syncing import SYNC_COOLDOWN, sync_now
from scheduling.models import Calendar


class CalendarOutput(serializers.Serializer):
    """A calendar whose busy time is not offered. A publishable key is told only whether it is current."""

    id = serializers.UUIDField()
    clinician_id = serializers.UUIDField()
    is_current = serializers.BooleanField(
        help_text="Whether it was read in time: for this request if it asked for that (`sync_external`), else "
        "within the last hour. The times of a clinician whose calendar was not read for an hour are "
        "withheld or offered as last known, as the clinic has chosen."
    )
    last_synced_at = Moment(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="Why it could not be read when that was last tried.")


def read_calendars(filters: OpeningFilters, *, sync_external, key):
    """Return the output of each calendar that the openings of ``filters`` depend on.

    With ``sync_external`` read them now, all at once and for two seconds at most; of one that does not answer in time
    the last reading counts.
    """
    asked_at = timezone.now()
    calendars, failures = list_calendar_statuses(filters), {}
    if sync_external and calendars:
        failures = sync_now([calendar.id for calendar in calendars])
        calendars = list_calendar_statuses(filters)
    oldest = asked_at - (SYNC_COOLDOWN if sync_external else Calendar.STALE_AFTER)
    return [
        {
            "id": calendar.id,
            "clinician_id": calendar.clinician_id,
            "is_current": calendar.last_synced_at is not None and calendar.last_synced_at > oldest,
            "last_synced_at": None if key.is_publishable else calendar.last_synced_at,
            "error": None if key.is_publishable else failures.get(calendar.id) or calendar.last_error or None,
        }
        for calendar in calendars
    ]
