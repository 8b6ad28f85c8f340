"""The bodies of deliveries."""

from datetime import datetime

import orjson

from booking.integrations.webhooks.endpoints import TEST
from booking.integrations.webhooks.junction.appointments import PREFIX, get_user_id, write_appointment
from booking.integrations.webhooks.junction.orders import list_order_events, write_order
from booking.models import Appointment, Event, Order, OutboxMessage
from booking.models.enums import EventKind
from scheduling.models import Location

ORDER_PREFIX = "order."
NOBODY = "00000000-0000-0000-0000-000000000000"  # readers of the format expect a string


def write_junction_body(message: OutboxMessage) -> bytes | None:
    """Return an order, or an order's appointment, as the event left it, or None for any other event.

    Leaves out who the patient is and where they live: a receiver with an API key can read it there.
    """
    event, data = message.payload, message.payload["data"]
    if event["type"] == TEST:
        return _write(message, TEST, NOBODY, NOBODY, data)
    if event["type"].startswith(ORDER_PREFIX):
        return _write_order_event(message, event, data)
    if event["type"].startswith(PREFIX) and data.get("order_id"):
        return _write_appointment_event(message, event, data)
    return None


def _write_order_event(message, event, data):
    order = Order.objects.select_related("service", "client_user").filter(pk=data["id"]).first()
    if order is None:
        return None
    order.patient_id = data["patient_id"]
    this = Event.objects.get(subject_id=order.pk, sequence=data["sequence"])
    history = [each for each in list_order_events([order])[order.pk] if each.pk <= this.pk]
    written = write_order(order, history, team_id=str(message.endpoint_id))
    kind = "created" if event["type"] == EventKind.ORDER_CREATED else "updated"
    return _write(message, f"labtest.order.{kind}", *get_ids(order, order.patient_id), written)


def _write_appointment_event(message, event, data):
    appointments = Appointment.objects.select_related("service", "provider", "order__client_user")
    appointment = appointments.filter(pk=data["id"]).first()
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
    return _write(message, f"labtest.appointment.{kind}", *get_ids(appointment.order, data["patient_id"]), written)


def get_ids(order, patient_id):
    """Return the user_id and the client_user_id of whom an order is for."""
    user_id = get_user_id(order, patient_id)
    return user_id, order.client_user.client_user_id if order.client_user else user_id


def _write(message, event_type, user_id, client_user_id, data):
    return orjson.dumps(
        {
            "event_type": event_type,
            "user_id": user_id,
            "client_user_id": client_user_id,
            "team_id": str(message.endpoint_id),
            "data": data,
        }
    )
