"""Which moves a hold and an appointment may make, and the one function that makes them."""

from scheduling.rows import change_if, reread
from scheduling.slots import lock_clinician

from .events import record
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


class WrongState(Exception):
    """That cannot be done in the present state."""

    def __init__(self, booking):
        self.subject = booking._meta.model_name
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
    clinician_id = booking.clinician_id
    now = lock_clinician(clinician_id)
    reread(booking)
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
    if not change_if(booking, {"status": booking.status}, status=to, updated_at=at, **changes):
        booking.refresh_from_db()
        raise WrongState(booking)
    record(booking, kind, by=by, at=at, from_status=booking.status, to_status=to, data=data)
    booking.status, booking.updated_at = to, at
    for name, value in changes.items():
        setattr(booking, name, value)
