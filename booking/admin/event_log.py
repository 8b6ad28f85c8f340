"""What happened to a booking or an order, in words."""

from datetime import datetime

from booking.admin.events import with_names
from booking.models import Appointment, Event, Hold
from scheduling.lib.timezones import format_local

WHAT = {
    "hold.placed": "The time was held",
    "hold.extended": "Held for longer",
    "hold.moved": "Another time was held instead",
    "hold.released": "The time was given back",
    "hold.expired": "Held no longer: nobody confirmed it in time",
    "hold.confirmed": "The held time was taken",
    "appointment.created": "Booked",
    "appointment.updated": "Changed",
    "appointment.rescheduled": "Given another time",
    "appointment.cancelled": "Cancelled",
    "appointment.completed": "Completed",
    "appointment.no_show": "Nobody came",
    "provider.asked": "The provider was asked",
    "provider.agreed": "The provider agreed",
    "provider.refused": "The provider refused",
    "provider.taken_back": "The provider was told that it is off",
    "order.created": "Ordered",
    "order.updated": "Changed",
    "order.link_sent": "The link was e-mailed",
    "order.link_revoked": "The link was taken back",
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
