"""What follows every change of an appointment: the messages to its attendee, its provider and calendars."""

from django.db import connection

from . import outbox, providers

# To the calendars elsewhere that appointments are written into.
PUSH = """
    INSERT INTO booking_outboxmessage (id, kind, payload, status, due_at, attempts, last_error, created_at)
    SELECT gen_random_uuid(), 'calendar.push',
           jsonb_build_object('appointment', appointment.id, 'calendar', calendar.id),
           'waiting', now(), 0, '', now()
      FROM scheduling_calendar AS calendar
"""
CHANGED = PUSH + """
     CROSS JOIN (VALUES (%(appointment)s::uuid)) AS appointment (id)
     WHERE calendar.clinician_id = ANY(%(clinicians)s) AND calendar.kind = 'caldav' AND calendar.is_active
"""
COMING = PUSH + """
      JOIN booking_appointment AS appointment USING (clinician_id)
     WHERE %(of)s IN (calendar.id, appointment.clinician_id, appointment.service_id, appointment.location_id)
       AND calendar.kind = 'caldav' AND calendar.is_active
       AND appointment.ends_at > now() AND appointment.status <> 'cancelled'
"""


def follow(appointment, *, mail, left=None, tell=True):
    """Write the messages that a change of an appointment causes, in the change's transaction.

    ``mail`` names the e-mail to its attendee, None is none; ``left`` is the id of the clinician it was with
    before, if it was with another; ``tell`` is whether its provider has still to be told.
    """
    if mail:
        outbox.enqueue(f"email.appointment_{mail}", appointment=appointment.pk)
    if tell and appointment.provider_id and providers.is_outside(appointment.provider):
        outbox.enqueue("provider.sync", appointment=appointment.pk)
    _push(appointment, left)


def _push(appointment, left):
    # One statement, whether there are such calendars or none.
    clinicians = [appointment.clinician_id, *([left] if left else [])]
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, {"appointment": appointment.pk, "clinicians": clinicians})


def push_coming(thing):
    """Have the coming appointments of a clinician, service or location put into their calendars, or all into one.

    ``thing`` is any of these. Returns how often an appointment is put into a calendar.
    """
    with connection.cursor() as cursor:
        cursor.execute(COMING, {"of": thing.pk})
        return cursor.rowcount
