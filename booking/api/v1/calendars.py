"""What availability says of calendars elsewhere: whether it knows them as they are now, and understands them."""

from django.utils import timezone
from rest_framework import serializers

from booking.api.fields import Moment
from scheduling.availability.queries import OpeningFilters
from scheduling.calendars.status import describe_unread_days, list_calendar_statuses
from scheduling.calendars.syncing import SYNC_COOLDOWN, sync_now
from scheduling.models import Calendar


class UnreadDayOutput(serializers.Serializer):
    """Events on one date that were not understood. Not a word of theirs is told."""

    date = serializers.DateField(
        allow_null=True, help_text="The local date that they block, the first of several; null if they block nothing."
    )
    events = serializers.IntegerField(help_text="How many.")
    message = serializers.CharField(help_text="The same as a sentence, for staff.")


class CalendarOutput(serializers.Serializer):
    """A calendar whose busy time is not offered. A publishable key is told only whether it is current.

    It is a clinician's own, or has the holidays of a location.
    """

    id = serializers.UUIDField()
    clinician_id = serializers.UUIDField(allow_null=True, help_text="Whose it is; null for holidays.")
    location_id = serializers.UUIDField(
        allow_null=True, help_text="The location that is closed on these holidays; null for a clinician's own."
    )
    is_current = serializers.BooleanField(
        help_text="Whether it was read in time: for this request if it asked for that (`sync_external`), else "
        "within the last hour. The times of a clinician whose calendar was not read for an hour are "
        "withheld or offered as last known, as the clinic has chosen."
    )
    last_synced_at = Moment(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="Why it could not be read when that was last tried.")
    not_understood = UnreadDayOutput(
        many=True,
        allow_null=True,
        help_text="Its events that were not understood, unless staff ignore them. What they could mean is not offered.",
    )


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
    today = timezone.localdate()
    oldest = asked_at - (SYNC_COOLDOWN if sync_external else Calendar.STALE_AFTER)
    return [
        {
            "id": calendar.id,
            "clinician_id": calendar.clinician_id,
            "location_id": calendar.location_id,
            "is_current": calendar.last_synced_at is not None and calendar.last_synced_at > oldest,
            "last_synced_at": None if key.is_publishable else calendar.last_synced_at,
            "error": None if key.is_publishable else failures.get(calendar.id) or calendar.last_error or None,
            "not_understood": None if key.is_publishable else write_unread_days(calendar.unread_days, today),
        }
        for calendar in calendars
    ]


def write_unread_days(days, today):
    return [
        {"date": unread.day, "events": unread.events, "message": unread.message}
        for unread in describe_unread_days(days, today=today)
    ]
