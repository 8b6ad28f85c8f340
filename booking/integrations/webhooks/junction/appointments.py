"""An order's appointment, and the places and moments in it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from booking.models import Appointment, Event, Order, Provider
from booking.models.enums import EventKind
from scheduling.models import Location

PREFIX = "appointment."
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

    Without ``shows_home`` it does not reveal where the patient lives, nor its notes.
    """
    order, location = appointment.order, appointment.location
    history = [write_event(event, status) for event, status in iterate_statuses(events)]
    return {
        "id": str(appointment.pk),
        "user_id": get_user_id(order, appointment.patient_id),
        "order_id": str(order.pk),
        "order_transaction_id": None,
        "address": write_home(order, shows_home) if order.address else write_address(location),
        "location": write_place(order if shows_home and order.address else location, location),
        "start_at": write_moment(appointment.starts_at),
        "end_at": write_moment(appointment.ends_at),
        "iana_timezone": location.timezone,
        "type": "phlebotomy" if order.address else "patient_service_center",
        "provider": get_provider_slug(appointment.provider),
        "status": STATUSES.get(appointment.status, appointment.status),
        "provider_id": appointment.provider_reference or appointment.reference,
        "external_id": order.external_id or None,
        "can_reschedule": appointment.can_change(now),
        "appointment_notes": (appointment.notes or None) if shows_home else None,
        "event_status": EVENT_STATUSES.get(appointment.status, appointment.status),
        "event_data": history[-1]["data"] if history else None,
        "events": history,
    }


def get_user_id(order: Order, patient_id: UUID) -> str:
    """Return the id under which the client that ordered knows the patient: its user's, or else the patient's own."""
    return str(order.client_user_id or patient_id)


def get_provider_slug(provider: Provider | None) -> str:
    """Return how an approver is called; without one it is the clinic itself."""
    return provider.slug if provider else "clinic"


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


def write_place(place: Order | Location, fallback: Location) -> dict[str, float]:
    """Return the coordinates of an order or a location, or those of ``fallback`` if unknown.

    Where neither is known they are zeros: readers of the format refuse null.
    """
    known = place if place.latitude is not None and place.longitude is not None else fallback
    return {"lng": float(known.longitude or 0), "lat": float(known.latitude or 0)}
