"""Which moves a hold and an appointment may make, and the one function that makes them."""

from django.db import connection
from psycopg.types.json import Jsonb

from scheduling.slots import lock_clinician

from .models import Appointment, Hold

MOVES = {
    Hold: {
        "active": ["confirmed", "released", "expired"],
    },
    Appointment: {
        "pending": ["reserved", "confirmed", "cancelled"],
        "reserved": ["confirmed", "cancelled"],
        "confirmed": ["in_progress", "completed", "cancelled", "no_show"],
        "in_progress": ["completed", "cancelled"],
    },
}


# An appointment that is still to come: it can be given another time.
APPOINTMENT_STANDS = ["pending", "reserved", "confirmed"]


class WrongState(Exception):
    """That cannot be done in the present state."""

    def __init__(self, booking):
        self.state = booking.status
        self.allowed = MOVES[type(booking)].get(booking.status, [])
        super().__init__(f"{self.state}; allowed: {', '.join(self.allowed) or 'none'}")


class ChangedMeanwhile(Exception):
    """It has been changed since you read it."""


def lock_booking(booking, *, if_unchanged=None):
    """Return the time once the booking's clinician is ours, with the booking as it is by then.

    Raises ChangedMeanwhile when its ``updated_at`` is no longer ``if_unchanged``, or when it has moved to
    another clinician, whose lock this is not.
    """
    clinician_id, seen = booking.clinician_id, booking.updated_at
    now = lock_clinician(clinician_id)
    # Without the other relations, so that those already loaded stay; they never change by themselves.
    plain = [field.name for field in booking._meta.concrete_fields if not field.is_relation]
    booking.refresh_from_db(fields=[*plain, "slot"])
    if booking.updated_at != seen:
        booking.refresh_from_db()
    if booking.clinician_id != clinician_id or if_unchanged not in (None, booking.updated_at):
        raise ChangedMeanwhile
    return now


def move(booking, to, *, kind, by, at, data=None, **changes):
    """Move a booking to the status ``to`` with ``changes`` to its fields, and record the event ``kind``.

    Call it under the clinician's lock. Raises WrongState when the move is not allowed, or when the row
    is no longer in the status that ``booking`` says: whoever was first has won.
    """
    if to not in MOVES[type(booking)].get(booking.status, []):
        raise WrongState(booking)
    rows = type(booking).objects.filter(pk=booking.pk, status=booking.status)
    if not rows.update(status=to, updated_at=at, **changes):
        booking.refresh_from_db()
        raise WrongState(booking)
    record(booking, kind, by=by, at=at, from_status=booking.status, to_status=to, data=data)
    booking.status, booking.updated_at = to, at
    for name, value in changes.items():
        setattr(booking, name, value)


# By hand: the ORM takes ten times as long to build this statement, and every verb records something.
APPEND = """
    INSERT INTO booking_event (kind, booking_id, sequence, created_at, by, from_status, to_status, data)
    VALUES (%(kind)s, %(booking)s,
            (SELECT coalesce(max(sequence), 0) + 1 FROM booking_event WHERE booking_id = %(booking)s),
            %(at)s, %(by)s, %(from_status)s, %(to_status)s, %(data)s)
"""


def record(booking, kind, *, by, at, from_status="", to_status="", data=None):
    """Append an event to the booking's log, in the transaction of what it tells of."""
    with connection.cursor() as cursor:
        cursor.execute(
            APPEND,
            {
                "kind": kind, "booking": booking.pk, "at": at, "by": by,
                "from_status": from_status, "to_status": to_status, "data": Jsonb(data or {}),
            },
        )
