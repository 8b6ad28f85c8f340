"""Which transitions a hold and an appointment may make, and the one function that makes them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from booking.domain.audit import record_event
from booking.models import Appointment, Hold, Order
from booking.models.enums import EventKind
from scheduling.lib.compiled_queries import refresh_later, update_if, update_later
from scheduling.models import Clinician, ExtraHours, Location, Service, TimeOff, WorkingHours
from scheduling.slots import lock_clinician_later

TRANSITIONS = {
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

# What staff may put right of an appointment that is over.
CORRECTIONS = {"completed": ["no_show"], "no_show": ["completed"]}

# What booking.domain.undoing takes back.
UNDOINGS = {
    "in_progress": ["confirmed"],
    "completed": ["in_progress", "confirmed"],
    "no_show": ["in_progress", "confirmed"],
    "cancelled": ["pending", "reserved", "confirmed", "in_progress"],
}


class WrongState(Exception):
    """The state machine has no such move from the booking's present state."""

    message = _("That cannot be done in the present state.")

    def __init__(self, booking):
        self.subject = booking._meta.model_name
        self.state = booking.status
        self.allowed = TRANSITIONS[type(booking)].get(booking.status, [])
        super().__init__(f"{self.state}; allowed: {', '.join(self.allowed) or 'none'}")


class ChangedMeanwhile(Exception):
    """The booking's version is no longer the one that the caller read."""

    message = _("It has been changed since you read it.")


class HoldNotFound(Exception):
    """No hold has that id or token, or it was released."""

    message = _("There is no such hold, or it was given back.")


class HoldExpired(Exception):
    """The hold lapsed before the verb had the lock."""

    message = _("The hold has run out.")

    def __init__(self, hold, alternatives=()):
        self.hold, self.alternatives = hold, alternatives
        super().__init__(hold.expires_at.isoformat())


def lock_and_refresh(booking: Hold | Appointment, *, expected_version: datetime | None = None) -> datetime:
    """Lock the clinician row, refresh ``booking``, and return the database time.

    Raises ChangedMeanwhile when its ``updated_at`` is no longer ``expected_version``, or when it has moved to
    another clinician, whose row is not locked.
    """
    return lock_and_refresh_later(booking, expected_version=expected_version)()


def lock_and_refresh_later(
    booking: Hold | Appointment, *, expected_version: datetime | None = None
) -> Callable[[], datetime]:
    """Have the clinician locked ahead of the next statement; return a function that does the rest."""
    clinician_id = booking.clinician_id
    get_time, reload = lock_clinician_later(clinician_id), refresh_later(booking)

    def refresh():
        now = get_time()
        reload()
        if booking.clinician_id != clinician_id or expected_version not in (None, booking.updated_at):
            raise ChangedMeanwhile
        return now

    return refresh


def lock_row(
    row: Order | Service | Clinician | Location | WorkingHours | ExtraHours | TimeOff,
    *,
    expected_version: datetime | None = None,
) -> None:
    """Lock and refresh a row that is no booking; raises ChangedMeanwhile as lock_and_refresh does."""
    rows: Any = type(row)._default_manager
    row.refresh_from_db(from_queryset=rows.select_for_update(no_key=True))
    if expected_version not in (None, row.updated_at):
        raise ChangedMeanwhile


def check_live(hold: Hold, now: datetime) -> None:
    """Raise WrongState, HoldNotFound or HoldExpired unless the hold can be confirmed."""
    if hold.status == Hold.Status.CONFIRMED:
        raise WrongState(hold)
    if hold.status == Hold.Status.RELEASED:
        raise HoldNotFound
    if not hold.is_live(now):
        raise HoldExpired(hold)


def check_allowed(booking: Hold | Appointment, to: str, table: dict[str, list[str]]) -> None:
    """Raise WrongState unless ``table`` lets the booking become ``to``."""
    if to not in table.get(booking.status, []):
        raise WrongState(booking)


def transition(
    booking: Hold | Appointment,
    to: str,
    *,
    kind: EventKind,
    actor: str,
    at: datetime,
    data: dict | None = None,
    allowed: dict[str, list[str]] | None = None,
    **changes: Any,
) -> None:
    """Move a booking to the status ``to`` with ``changes`` to its fields, and record the event ``kind``.

    Call it under the clinician's lock. ``allowed`` is CORRECTIONS, UNDOINGS or, by default, what TRANSITIONS say.
    Raises WrongState when it is not, or when the row's status is no longer what ``booking`` says: another was first.
    """
    check_allowed(booking, to, allowed or TRANSITIONS[type(booking)])
    if not update_if(booking, {"status": booking.status}, status=to, updated_at=at, **changes):
        booking.refresh_from_db()
        raise WrongState(booking)
    _note_transition(booking, to, kind, actor, at, data, changes)


def transition_later(booking: Hold, to: str, *, kind: EventKind, actor: str, at: datetime) -> None:
    """Make a transition that is written with the next statement, so that nobody learns whether another was first.

    Behind the clinician's lock none can be. Were one all the same, what the caller writes must be refused.
    Raises WrongState when it is not allowed.
    """
    check_allowed(booking, to, TRANSITIONS[type(booking)])
    update_later(booking, status=to, updated_at=at)
    _note_transition(booking, to, kind, actor, at, None, {})


def _note_transition(booking, to, kind, actor, at, data, changes):
    record_event(booking, kind, actor=actor, at=at, from_status=booking.status, to_status=to, data=data)
    booking.status, booking.updated_at = to, at
    for name, value in changes.items():
        setattr(booking, name, value)
