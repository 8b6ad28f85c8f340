"""The verbs of an order: create it, change it, cancel it, send its patient a link to book it with, take that back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from booking.access.patient_links import new_order_token
from booking.access.tokens import hash_token
from booking.domain.appointments import OrderBooked, OrderCancelled
from booking.domain.audit import record_event
from booking.domain.client_users import identify
from booking.domain.expiry import cancel_if_unanswered
from booking.domain.patients import find_or_register
from booking.domain.transitions import lock_row
from booking.models import Appointment, ClientUser, Order
from booking.models.enums import EventKind, Job
from booking.outbox import queue
from patients.models import Patient
from scheduling.lib.clock import database_now
from scheduling.lib.integration_fields import apply_changes
from scheduling.models import Service
from scheduling.slots import lock_clinicians

LINK_LIFETIME = timedelta(days=60)


class OrderNotFound(Exception):
    """There is no such order, or its link has run out or was taken back."""


class NoEmailAddress(Exception):
    """The order's patient has no e-mail address to send the link to."""

    message = _("No e-mail address of that patient is known.")


@transaction.atomic
def create_order(
    *,
    patient: Patient,
    service: Service,
    actor: str,
    client_user: ClientUser | None = None,
    **fields: Any,
) -> Order:
    """Save an order and return it.

    ``patient`` is a saved Patient, or an unsaved, validated one to be found or created; with ``client_user`` it is
    who that user is, once the first order has said so. ``fields`` are further ones of Order, such as the address of
    a visit at home. Raises PatientArchived or OtherPerson.
    """
    patient = identify(client_user, patient, actor=actor) if client_user else find_or_register(patient, actor=actor)
    order = Order(patient=patient, service=service, client_user=client_user)
    apply_changes(order, fields)
    order.save(force_insert=True)
    record_event(order, EventKind.ORDER_CREATED, actor=actor, at=order.created_at)
    return order


@transaction.atomic
def change_order(order: Order, *, actor: str, expected_version: datetime | None = None, **changes: Any) -> None:
    """Change an order's external id, address or metadata, which are merged.

    The event names which fields changed, not their values; where none did, nothing happens. Raises ChangedMeanwhile
    and TooMuchMetadata.
    """
    lock_row(order, expected_version=expected_version)
    changed = apply_changes(order, changes)
    if not changed:
        return
    order.save(update_fields=[*changed, "updated_at"])
    record_event(order, EventKind.ORDER_UPDATED, actor=actor, at=database_now(), data={"changed": changed})


@transaction.atomic
def cancel_order(order: Order, *, actor: str, expected_version: datetime | None = None) -> None:
    """Cancel an order: it cannot be booked any more, and its link stops working. Idempotent.

    Raises ChangedMeanwhile, or OrderBooked while it has an appointment, which is to be cancelled first.
    """
    _check_no_appointment(order)  # before the order's lock: whoever books it locks the clinician first
    lock_row(order, expected_version=expected_version)
    if order.cancelled_at:
        return
    if booked := order.get_booked_appointment():
        raise OrderBooked(booked.pk)
    order.cancelled_at = now = database_now()
    order.token_hash = order.link_ends_at = None
    order.save(update_fields=["cancelled_at", "token_hash", "link_ends_at", "updated_at"])
    record_event(order, EventKind.ORDER_CANCELLED, actor=actor, at=now)


def check_not_booked(order: Order, *, next_clinician_id: UUID | None = None) -> None:
    """Raise OrderCancelled, or OrderBooked when it has an appointment that is neither cancelled nor missed.

    An appointment whose deadline has passed without an answer is cancelled first. ``next_clinician_id`` is whose time
    is taken after that in the same transaction: both clinicians are locked in the order that cannot deadlock.
    """
    if order.cancelled_at:
        raise OrderCancelled
    _check_no_appointment(order, next_clinician_id=next_clinician_id)


def _check_no_appointment(order, *, next_clinician_id=None):
    appointment = order.appointments.exclude(status__in=Appointment.UNSUCCESSFUL).first()
    if appointment is None:
        return
    if appointment.is_unanswered(database_now()):
        if next_clinician_id:
            lock_clinicians(appointment.clinician_id, next_clinician_id)
        cancel_if_unanswered(appointment)
    if appointment.status not in Appointment.UNSUCCESSFUL:
        raise OrderBooked(appointment.pk)


@transaction.atomic
def send_link(order: Order, *, actor: str, expected_version: datetime | None = None) -> None:
    """E-mail the patient a link to book the order with; it works for LINK_LIFETIME, and replaces an earlier one.

    Raises ChangedMeanwhile, OrderBooked, OrderCancelled or NoEmailAddress.
    """
    _check_no_appointment(order)  # before the order's lock, as in cancel_order
    lock_row(order, expected_version=expected_version)
    if order.cancelled_at:
        raise OrderCancelled
    if not order.patient.email:
        raise NoEmailAddress
    now = database_now()
    order.link_ends_at = good_until = now + LINK_LIFETIME
    order.token_hash = hash_token(new_order_token(order))
    order.save(update_fields=["token_hash", "link_ends_at", "updated_at"])
    record_event(order, EventKind.ORDER_LINK_SENT, actor=actor, at=now, data={"good_until": good_until.isoformat()})
    queue.enqueue(Job.EMAIL_ORDER_LINK, order=order.pk)


@transaction.atomic
def revoke_link(order: Order, *, actor: str) -> None:
    """Revoke the order's link. Idempotent."""
    lock_row(order)
    if order.token_hash is None:
        return
    order.token_hash = order.link_ends_at = None
    order.save(update_fields=["token_hash", "link_ends_at", "updated_at"])
    record_event(order, EventKind.ORDER_LINK_REVOKED, actor=actor, at=database_now())


def find_order(token: str) -> Order:
    """Return the order whose link has the ``token``; raises OrderNotFound."""
    orders = Order.objects.select_related("service", "patient")
    order = orders.filter(token_hash=hash_token(token), link_ends_at__gt=database_now()).first()
    if order is None:
        raise OrderNotFound
    order.token = token
    return order
