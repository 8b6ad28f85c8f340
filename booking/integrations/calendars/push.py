"""Write appointments into clinicians' calendars elsewhere: the outbox's job calendar.push."""

from django.conf import settings
from django.utils import timezone

from booking.integrations.calendars.caldav import CalendarRefused, put, remove
from booking.integrations.calendars.event import entry_for_clinician, with_sequence, write_calendar
from booking.models import Appointment
from booking.outbox.queue import PermanentError, RetryLater
from scheduling.models import Calendar

MAX_ROUNDS = 4
NOT_WRITTEN = object()


def push(message):
    """Create, replace or remove the calendar's entry, so that it shows an appointment as it is now.

    Messages may be late, repeated and out of order: only the appointment's current state counts. Sets
    ``last_synced_at`` or ``last_error`` of the calendar. Raises RetryLater, or PermanentError if a retry is no use.
    """
    calendars = Calendar.objects.filter(kind=Calendar.Kind.CALDAV, is_active=True)
    calendar = calendars.filter(pk=message.payload["calendar"]).first()
    if calendar is None:
        return
    try:
        _bring_up_to_date(calendar, message.payload["appointment"])
    except CalendarRefused as refusal:
        note(calendar, last_error=str(refusal))
        if refusal.is_passing:
            raise RetryLater(str(refusal), after=refusal.after) from refusal
        raise PermanentError(str(refusal)) from refusal
    note(calendar, last_error="", last_synced_at=timezone.now())


def note(calendar, **changes):
    """Record the outcome of a request to a calendar."""
    Calendar.objects.filter(pk=calendar.pk).update(last_tried_at=timezone.now(), **changes)


def _bring_up_to_date(calendar, appointment_id):
    # Two workers may push one appointment, and the slower one may have read it earlier. So each reads it again
    # after writing, and writes again if it has changed: the last to write has then read the latest state.
    written = NOT_WRITTEN
    # The clinician's id in the name: clinicians who share a calendar have an entry each.
    name = f"{appointment_id}.{calendar.clinician_id}.ics"
    for _ in range(MAX_ROUNDS):
        entry = _entry(calendar, appointment_id)
        if entry == written:
            return
        if entry is None:
            remove(calendar, name)
        else:
            put(calendar, name, write_calendar([entry]))
        written = entry
    raise CalendarRefused("The appointment changes faster than it can be written.", is_passing=True)


def _entry(calendar, appointment_id):
    """Return the entry that the calendar must show for the appointment, or None for none."""
    theirs = Appointment.objects.filter(pk=appointment_id, clinician=calendar.clinician_id)
    appointment = with_sequence(theirs.exclude(status=Appointment.Status.CANCELLED)).first()
    return appointment and entry_for_clinician(appointment, site=settings.SITE_URL)
