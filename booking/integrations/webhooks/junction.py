"""An order's appointment in Junction's format, for webhooks and for that dialect's answers."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from booking.integrations.webhooks.endpoints import TEST
from booking.models import Appointment, Event, Order, OutboxMessage
from booking.models.enums import EventKind
from scheduling.models import Location

PREFIX = "appointment."
NOBODY = "00000000-0000-0000-0000-000000000000"  # readers of the format expect a string
# Our states as appointment.status and event_status name them. A no-show can be booked again, so it counts as cancelled.
STATUSES = {"no_show": "cancelled"}
EVENT_STATUSES = {"confirmed": "scheduled", "no_show": "cancelled"}


def write_moment(moment: datetime) -> str:
    """Return a datetime as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat()


def write_appointment(
    appointment: Appointment, events: Iterable[Event], *, now: datetime, shows_home: bool = True
) -> dict[str, Any]:
    """Return an order's appointment with its history.

    Without ``shows_home`` it does not reveal where the patient lives.
    """
    order, location = appointment.order, appointment.location
    history = [write_event(event, status) for event, status in iterate_statuses(events)]
    return {
        "id": str(appointment.pk),
        "user_id": str(appointment.patient_id),
        "order_id": str(order.pk),
        "address": write_home(order, shows_home) if order.address else write_address(location),
        "location": write_place(order if shows_home and order.address else location, location),
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


def iterate_statuses(events: Iterable[Event]) -> Iterator[tuple[Event, str]]:
    """Yield ``(event, status after it)`` for each event that changes the appointment's status or time."""
    status = ""
    for event in events:
        status = event.to_status or status
        if event.kind.startswith(PREFIX) and (event.to_status or event.kind == EventKind.APPOINTMENT_RESCHEDULED):
            yield event, status


def write_event(event: Event, status: str) -> dict[str, Any]:
    return {
        "created_at": write_moment(event.created_at),
        "status": EVENT_STATUSES.get(status, status),
        "data": event.data or None,
    }


def write_home(order: Order, shows_all: bool) -> dict[str, str]:
    """Return the address of a home visit, or only its town."""
    return {
        "first_line": order.address_line_1 if shows_all else "",
        "second_line": order.address_line_2 if shows_all else "",
        "city": order.city,
        "state": order.state,
        "zip_code": order.postcode,
        "unit": order.unit if shows_all else "",
    }


def write_address(location: Location) -> dict[str, str]:
    """Return a location's address."""
    return {
        "first_line": location.address_line_1,
        "second_line": location.address_line_2,
        "city": location.city,
        "state": "",
        "zip_code": location.postcode,
        "unit": "",
    }


def write_place(place: Order | Location, fallback: Location) -> dict[str, float | None]:
    """Return the coordinates of an order or a location, or those of ``fallback`` if unknown."""
    known = place if place.latitude is not None and place.longitude is not None else fallback
    longitude, latitude = known.longitude, known.latitude
    return {
        "lng": longitude if longitude is None else float(longitude),
        "lat": latitude if latitude is None else float(latitude),
    }


def write_junction_body(message: OutboxMessage) -> bytes | None:
    """Return an order's appointment as the event left it, or None for any other event.

    Leaves out the patient's home: a receiver with an API key can read it there.
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
    written = write_appointment(appointment, history, now=now, shows_home=False)
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
