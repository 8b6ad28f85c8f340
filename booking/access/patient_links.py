"""The tokens of links in e-mails, derived from SECRET_KEY and the target's id instead of stored.

The link is the only authority, so the pages behind it show no stored details of the patient.
"""

import base64
import hmac
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.urls import reverse

from booking.access.tokens import hash_token, signing_keys
from booking.models import Appointment, Order

PROOF_LIFETIME = timedelta(hours=24)


class AppointmentNotFound(Exception):
    """There is no such appointment."""


def appointment_token(appointment: Appointment) -> str:
    """Return the token with which its patient shows, changes or cancels an appointment."""
    return _encode(appointment.pk.bytes + _signature(settings.SECRET_KEY, "appointment", appointment.pk.hex))


def appointments_to_show() -> QuerySet[Appointment]:
    """Return the appointments with the relations that their pages show."""
    return Appointment.objects.select_related("service", "clinician", "location", "provider", "order")


def find_appointment(token: str) -> Appointment:
    """Return the appointment of a token, or raise AppointmentNotFound."""
    id, signature = _read(token)
    _check(signature, "appointment", id.hex)
    return _get_appointment(id)


def verification_token(appointment: Appointment) -> str:
    """Return the token with which who reads the mail of an appointment's address verifies it, and no other address."""
    return _encode(appointment.pk.bytes + _signature(settings.SECRET_KEY, "verify", _name_address(appointment)))


def find_appointment_to_verify(token: str) -> Appointment:
    """Return the appointment of a verification token, in whatever state, or raise AppointmentNotFound."""
    id, signature = _read(token)
    appointment = _get_appointment(id)
    _check(signature, "verify", _name_address(appointment))
    return appointment


def proof_token(email_id: str) -> str:
    """Return a token that proves for PROOF_LIFETIME that its holder reads the mail of an address.

    It has the address's pseudonym only.
    """
    return _proof_signer().sign(email_id)


def read_proof(token: str) -> str | None:
    """Return the pseudonym of the address that a proof_token was given for, or None if it is forged or too old."""
    try:
        return _proof_signer().unsign(token, max_age=PROOF_LIFETIME)
    except signing.BadSignature:
        return None


def new_order_token(order: Order) -> str:
    """Return a token for an order's link, valid until ``order.link_ends_at``."""
    return _order_token(settings.SECRET_KEY, order)


def order_token(order: Order) -> str | None:
    """Return the token of the order's present link, or None without a link."""
    if order.token_hash is None:
        return None
    tokens = [_order_token(key, order) for key in signing_keys()]
    return next((token for token in tokens if hash_token(token) == bytes(order.token_hash)), None)


def get_times_path(appointment: Appointment) -> str | None:
    """Return the path of the page where the patient can book a replacement, or None if they cannot."""
    if appointment.order_id:
        token = order_token(appointment.order)
        return token and reverse("widget:order", args=[token])
    service = appointment.service
    is_bookable = service.is_active and service.is_online_bookable
    return reverse("widget:times", args=[service.slug]) if is_bookable else None


def _read(token):
    """Return the id and the signature of an appointment's token, as bytes, or raise AppointmentNotFound."""
    try:
        read = signing.b64_decode(token.encode())
        id = UUID(bytes=read[:16])
    except ValueError as error:
        raise AppointmentNotFound from error
    if _encode(read) != token:
        raise AppointmentNotFound
    return id, read[16:]


def _check(signature, what, of):
    if not any(hmac.compare_digest(signature, _signature(key, what, of)) for key in signing_keys()):
        raise AppointmentNotFound


def _get_appointment(id):
    appointment = appointments_to_show().filter(pk=id).first()
    if appointment is None:
        raise AppointmentNotFound
    return appointment


def _name_address(appointment):
    return f"{appointment.pk.hex} {appointment.attendee_email}"


def _proof_signer():
    return signing.TimestampSigner(salt="booking.access.patient_links.proof", sep=".")


def _order_token(key, order):
    return _encode(_signature(key, "order", f"{order.pk.hex} {order.link_ends_at.timestamp():.6f}"))


def _signature(key, what, of):
    return hmac.digest(key.encode(), f"link to {what} {of}".encode(), "sha256")


def _encode(secret):
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
