"""An order's appointment as Junction writes it: to those who listen, and in the answers of that dialect."""

from datetime import UTC, datetime

import orjson

from booking.integrations.webhooks.endpoints import TEST
from booking.models import Appointment, Event
from booking.models.enums import EventKind
from scheduling.models import Location

PREFIX = "appointment."
NOBODY = "00000000-0000-0000-0000-000000000000"  # a text, as readers of the format expect
# Ours, as appointment.status and event_status say it. A missed one can be booked again, so it counts as cancelled.
STATUSES = {"no_show": "cancelled"}
EVENT_STATUSES = {"confirmed": "scheduled", "no_show": "cancelled"}


def write_moment(moment):
    """Return a datetime as UTC."""
    return moment.astimezone(UTC).isoformat()


def write_appointment(appointment, events, *, now, tells_home=True):
    """Return an order's Appointment with what has happened to it: its Events.

    Without ``tells_home`` nobody can find out from it where the patient lives.
    """
    order, location = appointment.order, appointment.location
    history = [write_event(event, status) for event, status in statuses(events)]
    return {
        "id": str(appointment.pk),
        "user_id": str(appointment.patient_id),
        "order_id": str(order.pk),
        "address": write_home(order, tells_home) if order.address else write_address(location),
        "location": write_place(order if tells_home and order.address else location, location),
        "start_at": write_moment(appointment.starts_at),
        "end_at": write_moment(appointment.ends_at),
        "iana_timezone": location.timezone,
        "type": "phlebotomy" if order.address else "patient_service_center",
        "provider": appointment.provider.slug if appointment.provider else "clinic",
        "status": STATUSES.get(appointment.status, appointment.status),
        "provider_id": appointment.provider_reference or appointment.reference,
        "external_id": order.external_id or None,
        "can_reschedule": appointment.can_change(now),
        "event_status": EVENT_STATUSES.get(appointment.status, appointment.status),
        "event_data": history[-1]["data"] if history else None,
        "events": history,
    }


def statuses(events):
    """Yield ``(event, the status that it led to)`` of those that tell of a status, or of another time."""
    status = ""
    for event in events:
        status = event.to_status or status
        if event.kind.startswith(PREFIX) and (event.to_status or event.kind == EventKind.APPOINTMENT_RESCHEDULED):
            yield event, status


def write_event(event, status):
    return {
        "created_at": write_moment(event.created_at),
        "status": EVENT_STATUSES.get(status, status),
        "data": event.data or None,
    }


def write_home(order, tells_all):
    """Return where the patient is visited, or only the town."""
    return {
        "first_line": order.address_line_1 if tells_all else "",
        "second_line": order.address_line_2 if tells_all else "",
        "city": order.city,
        "state": order.state,
        "zip_code": order.postcode,
        "unit": order.unit if tells_all else "",
    }


def write_address(location):
    """Return where the patient comes to."""
    return {
        "first_line": location.address_line_1,
        "second_line": location.address_line_2,
        "city": location.city,
        "state": "",
        "zip_code": location.postcode,
        "unit": "",
    }


def write_place(place, otherwise):
    """Return the degrees of an order or a location; if they are not known, those of ``otherwise``."""
    known = place if place.latitude is not None and place.longitude is not None else otherwise
    longitude, latitude = known.longitude, known.latitude
    return {
        "lng": longitude if longitude is None else float(longitude),
        "lat": latitude if latitude is None else float(latitude),
    }


def junction(message):
    """Write an event of an order's appointment, with the appointment as the event left it; else return None.

    Where the patient lives is not told: whoever has the key can ask.
    """
    event, data = message.payload, message.payload["data"]
    if event["type"] == TEST:
        return _write(message, TEST, NOBODY, data)
    if not event["type"].startswith(PREFIX) or not data.get("order_id"):
        return None
    appointment = Appointment.objects.select_related("service", "provider", "order").filter(pk=data["id"]).first()
    if appointment is None:
        return None
    appointment.status = data["status"]
    appointment.patient_id = data["patient_id"]
    appointment.location = Location.objects.get(pk=data["location_id"])
    appointment.starts_at = datetime.fromisoformat(data["start_time"])
    appointment.ends_at = datetime.fromisoformat(data["end_time"])
    history = Event.objects.filter(subject_id=appointment.pk, sequence__lte=data["sequence"])
    now = datetime.fromisoformat(event["timestamp"])
    kind = "created" if event["type"] == EventKind.APPOINTMENT_CREATED else "updated"
    written = write_appointment(appointment, history, now=now, tells_home=False)
    return _write(message, f"labtest.appointment.{kind}", data["patient_id"], written)


def _write(message, event_type, user_id, data):
    return orjson.dumps(
        {
            "event_type": event_type,
            "user_id": user_id,
            "client_user_id": user_id,
            "team_id": str(message.endpoint_id),
            "data": data,
        }
    )
