"""An order, and the service it is for as a lab test."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from booking.integrations.webhooks.junction.appointments import PREFIX, get_user_id, write_moment
from booking.models import Appointment, Event, Order
from booking.models.enums import EventKind
from patients.models import Patient
from scheduling.models import Service

# What an order's collection is called there, by whether it has an address to visit.
AT_HOME, WALK_IN = "at_home_phlebotomy", "walk_in_test"
COLLECTION_METHODS = [AT_HOME, WALK_IN]
# The statuses of an order that its own events and those of its appointments stand for.
ORDER_STATUSES: dict[str, str] = {
    EventKind.ORDER_CREATED: "received.{}.ordered",
    EventKind.ORDER_CANCELLED: "cancelled.{}.cancelled",
}
STATUSES_OF_ORDER = {
    "pending": "collecting_sample.{}.appointment_pending",
    "reserved": "collecting_sample.{}.appointment_pending",
    "confirmed": "collecting_sample.{}.appointment_scheduled",
    "cancelled": "collecting_sample.{}.appointment_cancelled",
    "no_show": "collecting_sample.{}.appointment_cancelled",
    "completed": "collecting_sample.at_home_phlebotomy.draw_completed",  # what becomes of a sample is not known here
}


def get_collection_method(order: Order) -> str:
    """Return how an order is done: at home if it has an address."""
    return AT_HOME if order.address else WALK_IN


def get_service_method(service: Service) -> str:
    """Return how a service is given: as its metadata says, at home if it has that slug, else at the clinic."""
    said = service.metadata.get("collection_method")
    if said in COLLECTION_METHODS:
        return said
    return AT_HOME if service.slug == "phlebotomy" else WALK_IN


def write_lab_test(service: Service, method: str = "") -> dict[str, Any]:
    """Return a service as a lab test. What a sample is of, its metadata says if anything does."""
    return {
        "id": str(service.pk),
        "slug": service.slug,
        "name": service.name,
        "sample_type": service.metadata.get("sample_type") or "unspecified",
        "method": method or get_service_method(service),
        "price": float(service.price),
        "is_active": service.is_active,
        "status": "active" if service.is_active else "inactive",
        "fasting": None,
        "lab": None,
        "markers": None,
        "is_delegated": False,
        "auto_generated": False,
        "has_collection_instructions": False,
        "common_tat_days": None,
        "worst_case_tat_days": None,
    }


def list_order_events(orders: Iterable[Order]) -> dict[UUID, list[Event]]:
    """Return the events of orders and of their appointments, by the order's id, as they happened."""
    owners = {order.pk: order.pk for order in orders}
    owners |= dict(Appointment.objects.filter(order__in=list(owners)).values_list("pk", "order_id"))
    found = {owner: [] for owner in owners.values()}
    for event in Event.objects.filter(subject_id__in=list(owners)):
        found[owners[event.subject_id]].append(event)
    return found


def write_order(
    order: Order, events: Iterable[Event], *, team_id: str, shows_home: bool = False, shows_patient: bool = False
) -> dict[str, Any]:
    """Return an order; ``events`` are its own and its appointments', as list_order_events returns them."""
    method, appointment_id, history = get_collection_method(order), None, []
    for event in events:
        if event.subject_id != order.pk and event.kind.startswith(PREFIX):
            appointment_id = str(event.subject_id)
        if status := get_order_status(event, order, method):
            history.append(
                {"id": event.pk, "created_at": write_moment(event.created_at), "status": status, "status_detail": None}
            )
    created_at, updated_at = write_moment(order.created_at), write_moment(order.updated_at)
    return {
        "user_id": get_user_id(order, order.patient_id),
        "id": str(order.pk),
        "team_id": team_id,
        "patient_details": write_patient(order.patient) if shows_patient else None,
        "patient_address": write_patient_address(order) if shows_home and order.address else None,
        "lab_test": write_lab_test(order.service, method),
        "details": {
            "type": method,
            "data": {
                "id": str(order.pk),
                "created_at": created_at,
                "updated_at": updated_at,
                "appointment_id": appointment_id,
            },
        },
        "sample_id": None,
        "notes": None,
        "clinical_notes": None,
        "created_at": created_at,
        "updated_at": updated_at,
        "events": history,
        "status": history[-1]["status"].split(".")[0],
        "last_event": history[-1],
        "physician": None,
        "health_insurance_id": None,
        "requisition_form_url": None,
        "priority": False,
        "shipping_details": None,
        "activate_by": None,
        "passthrough": order.metadata.get("passthrough") if shows_home else None,
        "billing_type": None,
        "icd_codes": None,
        "has_abn": False,
        "interpretation": None,
        "has_missing_results": None,
        "expected_result_by_date": None,
        "worst_case_result_by_date": None,
        "origin": None,
        "order_transaction": None,
    }


def get_order_status(event: Event, order: Order, method: str) -> str | None:
    """Return the order's status that an event of it or of its appointment means, or None if it means none."""
    if event.subject_id == order.pk:
        return ORDER_STATUSES.get(event.kind, "").format(method) or None
    if not event.kind.startswith(PREFIX) or (event.to_status == "completed" and method != AT_HOME):
        return None
    return STATUSES_OF_ORDER.get(event.to_status, "").format(method) or None


def write_patient(patient: Patient) -> dict[str, Any] | None:
    """Return who a patient is, or None without the birth date that the format requires."""
    if patient.date_of_birth is None:
        return None
    return {
        "first_name": patient.first_name,
        "last_name": patient.last_name,
        "dob": f"{patient.date_of_birth.isoformat()}T00:00:00+00:00",
        "gender": "unknown",
        "phone_number": patient.phone_with_extension or None,
        "email": patient.email or None,
        "medical_proxy": None,
        "race": None,
        "ethnicity": None,
        "sexual_orientation": None,
        "gender_identity": None,
    }


def write_patient_address(order: Order) -> dict[str, Any]:
    """Return where to visit the patient."""
    return {
        "receiver_name": None,
        "first_line": " ".join(filter(None, [order.address_line_1, order.unit])),
        "second_line": order.address_line_2 or None,
        "city": order.city,
        "state": order.state,
        "zip": order.postcode,
        "country": order.country,
        "access_notes": None,
        "phone_number": None,
    }
