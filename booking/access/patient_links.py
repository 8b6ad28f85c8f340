"""The tokens of links in e-mails, derived from SECRET_KEY and the target's id instead of stored.

The link is the only authority, so the pages behind it show no stored details of the patient. An appointment's links
have its version and end with the next one; without a version they are of the first, 0.
"""

import base64
import hmac
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from booking.access.tokens import hash_token, signing_keys
from booking.models import Appointment, Order, StrandedVisit, WaitlistEntry

PROOF_LIFETIME = timedelta(hours=24)


# How long after the visit the links of an appointment work.
LINK_LIFETIME = timedelta(days=30)
SIGNATURE_BYTES = 32


class AppointmentNotFound(Exception):
    """There is no such appointment."""


class LinkRevoked(AppointmentNotFound):
    """The link was genuine, and staff have revoked it."""


class LinkEnded(AppointmentNotFound):
    """The link is genuine, and the visit was too long ago."""


def appointment_token(appointment: Appointment) -> str:
    """Return the token with which its patient shows, changes or cancels an appointment."""
    version = _write_version(appointment.link_version)
    name = _name_version(appointment.pk, version)
    return _encode(appointment.pk.bytes + version + _signature(settings.SECRET_KEY, "appointment", name))


def _write_version(version):
    return version.to_bytes(2) if version else b""


def _name_version(id, version):
    return f"{id.hex} {version.hex()}".strip()


def appointments_to_show() -> QuerySet[Appointment]:
    """Return the appointments with the relations that their pages show."""
    return Appointment.objects.select_related("service", "clinician", "location", "provider", "order")


def find_appointment(token: str) -> Appointment:
    """Return the appointment of a token, or raise AppointmentNotFound, LinkRevoked or LinkEnded."""
    id, rest = _read(token)
    version, signature = rest[:-SIGNATURE_BYTES], rest[-SIGNATURE_BYTES:]
    _check(signature, "appointment", _name_version(id, version))
    appointment = _get_appointment(id)
    if version != _write_version(appointment.link_version):
        raise LinkRevoked
    if has_link_ended(appointment):
        raise LinkEnded
    return appointment


def has_link_ended(appointment: Appointment) -> bool:
    """Return whether its links no longer work, since the visit was LINK_LIFETIME ago."""
    return appointment.ends_at + LINK_LIFETIME < timezone.now()


def verification_token(appointment: Appointment) -> str:
    """Return the token with which who reads the mail of an appointment's address verifies it, and no other address."""
    return _encode(appointment.pk.bytes + _signature(settings.SECRET_KEY, "verify", _name_address(appointment)))


def find_appointment_to_verify(token: str) -> Appointment:
    """Return the appointment of a verification token, in whatever state, or raise AppointmentNotFound or LinkEnded."""
    id, signature = _read(token)
    appointment = _get_appointment(id)
    _check(signature, "verify", _name_address(appointment))
    if has_link_ended(appointment):
        raise LinkEnded
    return appointment


def is_mailed(appointment: Appointment, token: str) -> bool:
    """Return whether a token is the verification_token of an appointment, which only its mails have."""
    try:
        return find_appointment_to_verify(token) == appointment
    except AppointmentNotFound:
        return False


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


def entry_token(entry: WaitlistEntry) -> str:
    """Return the token with which who reads the mail of a wish's address confirms, changes or ends it."""
    return _encode(entry.pk.bytes + _signature(settings.SECRET_KEY, "waitlist", _name_entry(entry)))


def find_entry(token: str) -> WaitlistEntry:
    """Return the wish of a token, whether it still counts or not, or raise AppointmentNotFound."""
    id, signature = _read(token)
    entries = WaitlistEntry.objects.select_related("service", "clinician", "location", "appointment__location")
    entry = entries.filter(pk=id).first()
    if entry is None:
        raise AppointmentNotFound
    _check(signature, "waitlist", _name_entry(entry))
    return entry


def get_offer_path(entry: WaitlistEntry, token: str) -> str:
    """Return the path of the page of a hold, by its token, that was placed for a wish."""
    way = [appointment_token(entry.appointment)] if entry.appointment else []
    return reverse("widget:details", args=[*way, token])


def _name_entry(entry):
    return f"{entry.pk.hex} {entry.email}"


def get_stranded_path(visit: StrandedVisit) -> str:
    """Return the path of the page where the patient of a stranded visit chooses one of the times that are offered."""
    name = _name_stranded(visit)
    token = _encode(visit.pk.bytes + _signature(settings.SECRET_KEY, "stranded", name))
    return reverse("widget:stranded", args=[token])


def find_stranded(token: str) -> StrandedVisit:
    """Return the stranded visit of a token, settled or not, or raise AppointmentNotFound or LinkEnded."""
    id, signature = _read(token)
    related = [f"appointment__{name}" for name in ("service", "clinician", "location", "provider", "order")]
    visit = StrandedVisit.objects.select_related(*related).filter(pk=id).first()
    if visit is None:
        raise AppointmentNotFound
    _check(signature, "stranded", _name_stranded(visit))
    if has_link_ended(visit.appointment):
        raise LinkEnded
    return visit


def _name_stranded(visit):
    """Name a visit as its links do: they end with the other links of its appointment."""
    return _name_version(visit.pk, _write_version(visit.appointment.link_version))


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
    version = _write_version(appointment.link_version)
    return f"{_name_version(appointment.pk, version)} {appointment.attendee_email}"


def _proof_signer():
    return signing.TimestampSigner(salt="booking.access.patient_links.proof", sep=".")


def _order_token(key, order):
    return _encode(_signature(key, "order", f"{order.pk.hex} {order.link_ends_at.timestamp():.6f}"))


def _signature(key, what, of):
    return hmac.digest(key.encode(), f"link to {what} {of}".encode(), "sha256")


def _encode(secret):
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
