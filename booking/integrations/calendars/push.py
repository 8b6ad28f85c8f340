"""Push appointments to clinicians' own calendars: the outbox's job calendar.push."""

from django.conf import settings
from django.utils import timezone

from booking.integrations.calendars.caldav import CalendarRefused, delete_resource, put_resource
from booking.integrations.calendars.event import annotate_sequence, make_clinician_entry, write_calendar
from booking.models import Appointment, OutboxMessage
from booking.outbox.queue import PermanentError, RetryLater
from scheduling.models import Calendar

MAX_ROUNDS = 4
NOT_WRITTEN = object()


def push_appointment(message: OutboxMessage) -> None:
    """Create, replace or delete the calendar's entry to match the appointment's current state.

    Messages may be late, repeated and out of order. Sets ``last_synced_at`` or ``last_error`` of the calendar. Raises
    RetryLater or PermanentError.
    """
    calendars = Calendar.objects.filter(kind=Calendar.Kind.CALDAV, is_active=True)
    calendar = calendars.filter(pk=message.payload["calendar"]).first()
    if calendar is None:
        return
    try:
        _update_resource(calendar, message.payload["appointment"])
    except CalendarRefused as refusal:
        record_result(calendar, last_error=str(refusal))
        if refusal.is_temporary:
            raise RetryLater(str(refusal), after=refusal.after) from refusal
        raise PermanentError(str(refusal)) from refusal
    record_result(calendar, last_error="", last_synced_at=timezone.now())


def record_result(calendar: Calendar, **changes) -> None:
    """Record the outcome of a request to a calendar."""
    Calendar.objects.filter(pk=calendar.pk).update(last_tried_at=timezone.now(), **changes)


def _update_resource(calendar, appointment_id):
    # Two workers may push one appointment, and the slower may have read it earlier. So each reads again after
    # writing, and rewrites a changed appointment: the last writer has read the latest state.
    written = NOT_WRITTEN
    # The name has the clinician's id: clinicians who share a calendar have an entry each.
    name = f"{appointment_id}.{calendar.clinician_id}.ics"
    for _ in range(MAX_ROUNDS):
        entry = _get_entry(calendar, appointment_id)
        if entry == written:
            return
        if entry is None:
            delete_resource(calendar, name)
        else:
            put_resource(calendar, name, write_calendar([entry]))
        written = entry
    raise CalendarRefused("The appointment changes faster than it can be written.", is_temporary=True)


def _get_entry(calendar, appointment_id):
    """Return the entry that the calendar must show, or None if it must show none."""
    theirs = Appointment.objects.filter(pk=appointment_id, clinician=calendar.clinician_id)
    appointment = annotate_sequence(theirs.exclude(status=Appointment.Status.CANCELLED)).first()
    return appointment and make_clinician_entry(appointment, site=settings.SITE_URL)
