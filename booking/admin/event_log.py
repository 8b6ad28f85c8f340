"""What happened to a booking or an order, in words."""

from datetime import datetime

from booking.admin.events import with_names
from booking.models import Appointment, Event, Hold
from booking.models.enums import EventKind
from scheduling.lib.timezones import format_local

WHAT = {
    EventKind.HOLD_PLACED: "The time was held",
    EventKind.HOLD_EXTENDED: "Held for longer",
    EventKind.HOLD_MOVED: "Another time was held instead",
    EventKind.HOLD_RELEASED: "The time was given back",
    EventKind.HOLD_EXPIRED: "Held no longer: nobody confirmed it in time",
    EventKind.HOLD_CONFIRMED: "The held time was taken",
    EventKind.APPOINTMENT_CREATED: "Booked",
    EventKind.APPOINTMENT_UPDATED: "Changed",
    EventKind.APPOINTMENT_RESCHEDULED: "Given another time",
    EventKind.APPOINTMENT_CANCELLED: "Cancelled",
    EventKind.APPOINTMENT_COMPLETED: "Completed",
    EventKind.APPOINTMENT_NO_SHOW: "Nobody came",
    EventKind.APPROVER_ASKED: "The provider was asked",
    EventKind.APPROVER_AGREED: "The provider agreed",
    EventKind.APPROVER_REFUSED: "The provider refused",
    EventKind.APPROVER_WITHDRAWN: "The provider was told that it is off",
    EventKind.ORDER_CREATED: "Ordered",
    EventKind.ORDER_UPDATED: "Changed",
    EventKind.ORDER_LINK_SENT: "The link was e-mailed",
    EventKind.ORDER_LINK_REVOKED: "The link was taken back",
}
BY = {"patient": "the patient", "worker": "the system"}
STATUS = {**dict(Hold.Status.choices), **dict(Appointment.Status.choices)}
REASON = dict(Appointment.CancellationReason.choices)
DETAILS = {"expires_at": "until", "good_until": "good until", "meeting_url": "video link"}


def list_events(subject, *, zone):
    """Return what happened to a booking or an order, as rows of (when, what, who, from, to, details)."""
    events = with_names(Event.objects.filter(booking_id=subject.pk)).order_by("sequence")
    return [
        (
            format_local(event.created_at, zone, pattern="%-d %b %Y, %H:%M:%S"),
            WHAT.get(event.kind, event.kind),
            event.who or BY.get(event.actor, event.actor),
            STATUS.get(event.from_status, ""),
            STATUS.get(event.to_status, ""),
            ", ".join(f"{DETAILS.get(name, name)}: {in_words(value, zone)}" for name, value in event.data.items()),
        )
        for event in events
    ]


def in_words(value, zone):
    """Return one of the data of an event as it is read: a list, a moment, a reason or a word."""
    if isinstance(value, list):
        return ", ".join(DETAILS.get(one, one).replace("_", " ") for one in value)
    try:
        return format_local(datetime.fromisoformat(value), zone)
    except ValueError:
        return REASON.get(value, value)
