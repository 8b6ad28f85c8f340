"""Bringing calendars elsewhere up to date: the outbox's messages of the kind calendar.push."""

from django.conf import settings
from django.utils import timezone

from booking.integrations.calendars.caldav import CalendarRefused, put, remove
from booking.integrations.calendars.event import entry_for_clinician, with_sequence, write_calendar
from booking.models import Appointment
from booking.outbox.queue import PermanentError, RetryLater
from scheduling.models import Calendar

MAX_ROUNDS = 4
NOTHING_YET = object()


def push(message):
    """Make a calendar show an appointment as it is now: written, written anew, or not there any more.

    It goes by what the appointment is, not by what the message was written for, so messages may be late,
    repeated and out of order. Sets ``last_synced_at`` or ``last_error`` of the calendar. Raises RetryLater,
    or PermanentError for what does not pass by itself.
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
    """Write down what came of speaking with a calendar."""
    Calendar.objects.filter(pk=calendar.pk).update(last_tried_at=timezone.now(), **changes)


def _bring_up_to_date(calendar, appointment_id):
    # Two workers may be at one appointment, and the slower may have read it earlier. So whoever has written
    # looks again, and writes again if it has changed: whichever of them writes last has looked afterwards.
    written = NOTHING_YET
    # Named by its clinician too: in a calendar that several share, each of them has their own.
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
    """Return what the calendar is to show of the appointment, or None for nothing."""
    theirs = Appointment.objects.filter(pk=appointment_id, clinician=calendar.clinician_id)
    appointment = with_sequence(theirs.exclude(status=Appointment.Status.CANCELLED)).first()
    return appointment and entry_for_clinician(appointment, site=settings.SITE_URL)
